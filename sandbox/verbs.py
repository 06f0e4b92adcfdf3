"""What the verbs of `python -m sandbox` do with a cluster."""

import argparse
import os
import shutil
from collections.abc import Callable, Mapping

from sandbox import shell
from sandbox.cluster import Cluster
from sandbox.errors import SandboxError
from sandbox.paths import cache_dir
from sandbox.switches import SWITCHES
from sandbox.tools import ensure_tools


def run(options: argparse.Namespace) -> None:
    """Run the verb of a command line.

    Raises:
        SandboxError: It failed.
    """
    VERBS[options.verb](Cluster(options.cluster), options)


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


def _shell(cluster: Cluster, options: argparse.Namespace) -> None:
    words = [*cluster.real_node(options.name).entering(), "bash", "--login"]
    os.execvp(words[0], words)  # noqa: S606 the terminal is the shell's until it ends


def _behave(cluster: Cluster, options: argparse.Namespace) -> None:
    cluster.behave(
        options.node, **{name: getattr(options, name.replace("-", "_")) for name in SWITCHES}
    )


VERBS: Mapping[str, Callable[[Cluster, argparse.Namespace], None]] = {
    "tools": _tools,
    "start": _start,
    "stop": lambda cluster, _: cluster.stop(),
    "delete": _delete,
    "status": _status,
    "env": _env,
    "add-nodes": _add,
    "remove-nodes": lambda cluster, options: cluster.remove_nodes(options.names),
    "replace-node": lambda cluster, options: cluster.replace_node(options.name),
    "shell": _shell,
    "behave": _behave,
}
