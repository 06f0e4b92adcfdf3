"""`python -m sandbox <verb>`: the local cluster for a person at a terminal and for `make`."""

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence

from sandbox import shell
from sandbox.cluster import DEFAULT_NAME, Cluster
from sandbox.errors import SandboxError
from sandbox.paths import cache_dir
from sandbox.switches import SWITCHES
from sandbox.tools import ensure_tools

Verb = Callable[[Cluster, argparse.Namespace], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code.

    Errors are printed without a traceback.
    """
    options = parser().parse_args(arguments)
    verb: Verb = options.verb
    try:
        verb(Cluster(options.cluster), options)
    except SandboxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; it puts the function of the verb into `verb`."""
    commands = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    commands.add_argument(
        "--cluster", default=DEFAULT_NAME, metavar="NAME", help="name of the cluster (%(default)s)"
    )
    verbs = commands.add_subparsers(required=True, metavar="VERB")

    def add(name: str, verb: Verb, text: str) -> argparse.ArgumentParser:
        subparser = verbs.add_parser(name, help=text, description=text)
        subparser.set_defaults(verb=verb)
        return subparser

    add("tools", _tools, "build missing tools and print the folder that holds all of them")
    start = add("start", _start, "start the cluster; create it if it does not exist")
    start.add_argument(
        "--nodes", type=int, metavar="N", help="number of workers (new: 24, existing: unchanged)"
    )
    add("stop", lambda cluster, _: cluster.stop(), "stop the processes; the content stays")
    add("delete", _delete, "delete the cluster, and the state of its local stack")
    add("status", _status, "print the state of the cluster; fail if it does not exist")
    add("env", _env, "print `export` lines for a shell: tools, kubeconfig, local stack")
    added = add("add-nodes", _add, "add workers")
    added.add_argument("count", type=int)
    added.add_argument(
        "--real", action="store_true", help="with a kubelet and containerd of their own"
    )
    remove = add("remove-nodes", lambda cluster, o: cluster.remove_nodes(o.names), "remove nodes")
    remove.add_argument("names", nargs="+", metavar="NODE")
    replace = add(
        "replace-node",
        lambda cluster, o: cluster.replace_node(o.name),
        "replace a node by a new machine of the same name",
    )
    replace.add_argument("name", metavar="NODE")
    _add_behave(
        add("behave", _behave, "set how the kubelet of a node behaves (no options: normally)")
    )
    return commands


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
    parser.add_argument("--seconds", metavar="S", help="how long a pod takes")
    parser.add_argument(
        "--handlers-after",
        metavar="S",
        help="publish handlers so long after the restart of the container runtime, or never",
    )
    parser.add_argument(
        "--handlers-gone-after", metavar="S", help="the handlers vanish so long after that restart"
    )
    parser.add_argument(
        "--no-handlers",
        action="store_const",
        const="true",
        help="the kubelet has no status.runtimeHandlers",
    )
    parser.add_argument(
        "--not-ready-seconds", metavar="S", help="NotReady for so long from that restart on"
    )
    parser.add_argument(
        "--labels-again-after",
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


def _tools(_: Cluster, __: argparse.Namespace) -> None:
    print(ensure_tools())


def _start(cluster: Cluster, options: argparse.Namespace) -> None:
    cluster.start(options.nodes)
    print(cluster.status())


def _delete(cluster: Cluster, _: argparse.Namespace) -> None:
    cluster.delete()
    shutil.rmtree(shell.state_dir(cluster, cache_dir()), ignore_errors=True)


def _status(cluster: Cluster, _: argparse.Namespace) -> None:
    if not cluster.control_plane.exists():
        raise SandboxError(f"cluster {cluster.name} does not exist; `make up` creates it")
    print(cluster.status())


def _env(cluster: Cluster, _: argparse.Namespace) -> None:
    variables = shell.environment(cluster, cache_dir())
    shell.select_stack(variables)
    for name, value in variables.items():
        print(shell.export_line(name, value))


def _add(cluster: Cluster, options: argparse.Namespace) -> None:
    add = cluster.add_real_nodes if options.real else cluster.add_nodes
    print("\n".join(add(options.count)))


def _behave(cluster: Cluster, options: argparse.Namespace) -> None:
    cluster.behave(
        options.node, **{name: getattr(options, name.replace("-", "_")) for name in SWITCHES}
    )


if __name__ == "__main__":
    sys.exit(main())
