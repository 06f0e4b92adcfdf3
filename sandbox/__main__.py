"""`python -m sandbox <verb>`: the local cluster for a person at a terminal and for `make`."""

import argparse
import sys
from collections.abc import Sequence

from sandbox.doctor import examine
from sandbox.errors import SandboxError
from sandbox.paths import DEFAULT_NAME

_INTERRUPTED = 130
"""The exit code of shells for Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code.

    Errors are printed without a traceback.
    """
    options = parser().parse_args(arguments)
    if options.verb == "doctor":
        return examine(options.cluster)
    from sandbox.verbs import run  # noqa: PLC0415 the doctor works before packages are installed

    try:
        run(options)
    except SandboxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return _INTERRUPTED
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; it puts the name of the verb into `verb`."""
    commands = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    commands.add_argument(
        "--cluster", default=DEFAULT_NAME, metavar="NAME", help="name of the cluster (%(default)s)"
    )
    verbs = commands.add_subparsers(required=True, metavar="VERB")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        subparser = verbs.add_parser(name, help=text, description=text)
        subparser.set_defaults(verb=name)
        return subparser

    add(
        "doctor",
        "tell what `make up` finds, what it will get and what is in its way; fail if it would",
    )
    add("tools", "get missing tools and print the folder that holds all of them")
    start = add("start", "start the cluster; create it if it does not exist")
    start.add_argument(
        "--nodes", type=int, metavar="N", help="number of workers (new: 24, existing: unchanged)"
    )
    add("stop", "stop the processes; the content stays")
    add("delete", "delete the cluster, and the state of its local stack")
    add("status", "print the state of the cluster; fail if it does not exist")
    add("env", "print `export` lines for a shell: tools, kubeconfig, local stack")
    added = add("add-nodes", "add workers")
    added.add_argument("count", type=int)
    added.add_argument(
        "--real", action="store_true", help="with a kubelet, containerd and systemd of their own"
    )
    remove = add("remove-nodes", "remove nodes")
    remove.add_argument("names", nargs="+", metavar="NODE")
    replace = add(
        "replace-node",
        "replace a node by a new machine of the same name",
    )
    replace.add_argument("name", metavar="NODE")
    add("shell", "open a shell on a real node").add_argument("name", metavar="NODE")
    _add_behave(add("behave", "set how the kubelet of a node behaves (no options: normally)"))
    return commands


def seconds(text: str) -> str:
    """Return a number of seconds as it was typed; argparse refuses what is none, by this name."""
    float(text)
    return text


def _add_behave(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("node")
    parser.add_argument("--fail", metavar="CONTAINER", help="this container ends with exit code 1")
    parser.add_argument(
        "--fail-times", metavar="K", help="the main container fails K times, then succeeds"
    )
    parser.add_argument(
        "--never-finishes", action="store_const", const="true", help="the main container never ends"
    )
    parser.add_argument(
        "--not-ready", action="store_const", const="true", help="the kubelet reports nothing"
    )
    parser.add_argument("--seconds", type=seconds, metavar="S", help="how long a pod takes")
    parser.add_argument(
        "--handlers-after",
        metavar="S",
        help="publish handlers so long after the restart of the container runtime, or never",
    )
    parser.add_argument(
        "--handlers-gone-after",
        type=seconds,
        metavar="S",
        help="the handlers vanish so long after that restart",
    )
    parser.add_argument(
        "--no-handlers",
        action="store_const",
        const="true",
        help="the kubelet has no status.runtimeHandlers",
    )
    parser.add_argument(
        "--not-ready-seconds",
        type=seconds,
        metavar="S",
        help="NotReady for so long from that restart on",
    )
    parser.add_argument(
        "--labels-again-after",
        type=seconds,
        metavar="S",
        help="Kata's labels are registered as false so long after that restart",
    )
    parser.add_argument(
        "--unreported",
        metavar="S",
        nargs="?",
        const="true",
        help="machine ID and container runtime version are not reported (for S seconds)",
    )
    parser.add_argument(
        "--distribution", choices=("k3s", "rke2"), help="whose kubelet the node seems to have"
    )


if __name__ == "__main__":
    sys.exit(main())
