"""The command lines of the dispatcher, by release; an unknown flag is an error, as upstream."""

import argparse
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sandbox.dispatcher.releases import Release, release_of

_PARALLELISM = 100
_PAGE = 500


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """The flags of a dispatcher, under their own names; a flag it does not have has a default here.

    `nodes` win over the selectors; without either, every node is selected.
    """

    program: str
    """No flag: the program's name."""
    release: Release
    """No flag: what the program can do."""
    job_template: Path
    name_prefix: str
    namespace: str | None
    parallelism: int
    node_selector: tuple[str, ...]
    node_field_selector: str | None
    nodes: tuple[str, ...]
    owner_job_name: str | None
    poll_interval_secs: float
    node_page_size: int
    cleanup_job_template: Path | None = None
    wait_for_nodes_secs: int = 0
    node_settle_secs: int = 0
    multi_install_suffix: str = ""
    node_label: str | None = None
    claim_node_pending: bool = False
    wait_node_ready_secs: int = 0
    require_node_handlers: tuple[str, ...] = ()
    remove_node_taints: tuple[str, ...] = ()
    kubelet_timeout_warn_secs: int = 0
    remove_node_label: bool = False
    ignore_node_taints: bool = False
    tracking_label_prefix: str = "kata-deploy-job-dispatcher"
    node_label_key: str = "katacontainers.io/kata-runtime"
    instance_label_prefix: str = "kata-deploy.katacontainers.io"
    require_node_runtime_version: bool = True
    require_node_machine_id: bool = True
    owner_job_from_pod: str | None = None
    yield_to_live_run: bool = False
    skip_satisfied_nodes: bool = False

    @property
    def works_on_nodes(self) -> bool:
        """Whether the program labels and checks nodes."""
        return self.release >= Release.WORKS_ON_NODES

    @property
    def reports(self) -> bool:
        """Whether the program records on nodes and in Events what became of them."""
        return self.release >= Release.REPORTS


class _Once(argparse.Action):
    """Refuses a flag that is given twice, as the program does."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, *rest: object
    ) -> None:
        value, flag = rest
        if getattr(namespace, self.dest) is not self.default:
            parser.error(f"the argument {flag} cannot be used multiple times")
        setattr(namespace, self.dest, True if self.nargs == 0 else value)


def parse(words: Sequence[str], program: str, poll_seconds: float = 1.0) -> Arguments:
    """Return the arguments; exit with code 2 for a command line that the program would refuse.

    `program` is its name with its version, as `releases.program_of` returns it.

    Raises:
        SandboxError: There is no such program.
    """
    release = release_of(program)
    name = program.partition(":")[0]
    parser = argparse.ArgumentParser(prog=name, allow_abbrev=False)
    several = release >= Release.WORKS_ON_NODES
    flags: dict[str, dict[str, Any]] = {
        "job-template": {"type": Path, "required": True},
        "name-prefix": {"required": True},
        "namespace": {},
        "parallelism": {"type": int, "default": _PARALLELISM},
        "node-selector": {"action": "append" if several else _Once, "default": []},
        "node-field-selector": {},
        "nodes": {"type": _names, "default": ()},
        "owner-job-name": {},
        "poll-interval-secs": {"type": float, "default": poll_seconds},
        "node-page-size": {"type": int, "default": _PAGE},
        **(_OF_NODE_WORK if release >= Release.WORKS_ON_NODES else {}),
        **(_OF_ANY_LABELS if release >= Release.REPORTS else {}),
    }
    for flag, settings in flags.items():
        parser.add_argument(f"--{flag}", **{"action": _Once, **settings})
    values = vars(parser.parse_args(words))
    _check(parser, values)
    selectors = values["node_selector"]
    values["node_selector"] = (selectors,) if isinstance(selectors, str) else tuple(selectors)
    return Arguments(**values, program=name, release=release)


def _check(parser: argparse.ArgumentParser, values: Mapping[str, Any]) -> None:
    """Refuse flags without one of those that they need, and two owners."""
    given = {name for name, value in values.items() if value}
    for name, needed in _NEEDS.items():
        known = needed & values.keys()
        if name in given and known and not known & given:
            wanted = " or ".join(_flag(other) for other in sorted(known))
            parser.error(f"{_flag(name)} requires {wanted}")
    if given >= _OWNERS:
        parser.error("--owner-job-name cannot be used with --owner-job-from-pod")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _names(text: str) -> tuple[str, ...]:
    return tuple(sorted({name.strip() for name in text.split(",") if name.strip()}))


_SECONDS: Final = {"type": int, "default": 0}
_SWITCH: Final = {"nargs": 0, "default": False}
_LIST: Final = {"type": _names, "default": ()}
_OF_NODE_WORK: Final[dict[str, dict[str, Any]]] = {
    "cleanup-job-template": {"type": Path},
    "wait-for-nodes-secs": _SECONDS,
    "node-settle-secs": _SECONDS,
    "multi-install-suffix": {"default": ""},
    "node-label": {},
    "claim-node-pending": _SWITCH,
    "wait-node-ready-secs": _SECONDS,
    "require-node-handlers": _LIST,
    "remove-node-taints": _LIST,
    "kubelet-timeout-warn-secs": _SECONDS,
    "remove-node-label": _SWITCH,
    "ignore-node-taints": _SWITCH,
}
_OF_ANY_LABELS: Final[dict[str, dict[str, Any]]] = {
    "tracking-label-prefix": {"default": "k8s-job-dispatcher"},
    "node-label-key": {"default": ""},
    "instance-label-prefix": {"default": ""},
    "require-node-runtime-version": _SWITCH,
    "require-node-machine-id": _SWITCH,
    "owner-job-from-pod": {},
    "yield-to-live-run": _SWITCH,
    "skip-satisfied-nodes": _SWITCH,
}
_OWNERS: Final = frozenset({"owner_job_name", "owner_job_from_pod"})
_LABELLING: Final = frozenset({"node_label", "claim_node_pending", "remove_node_label"})
_LABEL_KEY: Final = frozenset({"node_label_key"})
_NEEDS: Final[dict[str, AbstractSet[str]]] = {
    "remove_node_taints": {"node_label"},
    "skip_satisfied_nodes": {"node_label"},
    "yield_to_live_run": _OWNERS,
    "node_label_key": _LABELLING,
    "instance_label_prefix": _LABEL_KEY,
    "multi_install_suffix": {"instance_label_prefix"},
    "cleanup_job_template": _LABEL_KEY,
    **dict.fromkeys(_LABELLING, _LABEL_KEY),
}
"""What a flag requires: one of these, as far as the release has them."""
