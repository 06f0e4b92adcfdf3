"""The command line of upstream's dispatcher, and its Job (contract, section 3.4). Pure.

The dispatcher runs a Job on every node it is given, finished or not. So it is given exactly the
nodes that need one: by a label selector if one matches exactly these, otherwise by name.
"""

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from kata_components import names, wording
from kata_components.planning.host_digest import Contents, current, host_digests
from kata_components.planning.job_stamp import POD_REPLACEMENT, with_termination_messages

MAX_NAMES: Final = 100
"""How many nodes one dispatcher is given by name: its Job must not grow with the fleet."""

_NODES: Final = "--nodes="
_SELECTOR: Final = "--node-selector="
_WAITING: Final = ("--wait-for-nodes-secs=", "--node-settle-secs=")
"""For nodes that a selector does not match yet; these flags come with selectors only."""
_READY: Final = "--wait-node-ready-secs="
_TEMPLATE: Final = "--job-template="
_DROPPED: Final = (
    # With an owner, the per-node Jobs are deleted with the dispatcher's Job, while they run. One
    # that a CronJob starts would also delete the Jobs of all other runs.
    "--owner-job-name=",
    "--owner-job-from-pod=",
    # It knows other runs by the owner of their Jobs.
    "--yield-to-live-run",
    # From 4.1.0: cleans what is installed and not selected. With a narrowed selection that would be
    # every finished node.
    "--cleanup-job-template=",
)

Selectors = tuple[str, ...]
"""Label selectors, of which a node matches any; the empty one matches every node."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The nodes of one dispatcher run, given by selectors that match exactly these, or by name."""

    nodes: tuple[str, ...]
    selectors: Selectors = ()

    @property
    def flags(self) -> list[str]:
        """Return the flags of the command line."""
        if not self.selectors:
            return [f"{_NODES}{','.join(self.nodes)}"]
        return [f"{_SELECTOR}{selector}" for selector in self.selectors if selector]

    def __str__(self) -> str:
        """Return it as the preview shows it."""
        if not self.selectors:
            return "by name"
        return f"by {' '.join(self.flags)}" if self.flags else "as all nodes of the cluster"


def selectors_of(job: Mapping[str, Any]) -> Selectors:
    """Return the selectors in the command line of a dispatcher Job; none if it names nodes."""
    command = _container(job)["command"]
    if any(word.startswith(_NODES) for word in command):
        return ()
    return tuple(
        word.removeprefix(_SELECTOR) for word in command if word.startswith(_SELECTOR)
    ) or ("",)


def waiting_seconds(job: Mapping[str, Any]) -> int:
    """Return how long a dispatcher may wait in all, before its first Job and after its last."""
    flags = (*_WAITING, _READY)
    return sum(
        int(word.partition("=")[2]) for word in _container(job)["command"] if word.startswith(flags)
    )


def without_installed(selectors: Selectors) -> Selectors:
    """Return selectors of the same nodes, except those with the label of an installed node."""
    return tuple(
        ",".join(filter(None, (selector, f"{names.RUNTIME_LABEL}!=true"))) for selector in selectors
    )


def batches(
    wanted: Sequence[str], found: Mapping[Selectors, Set[str]], named: int = 0
) -> list[Batch]:
    """Return the dispatcher runs for the wanted nodes, one after another.

    `found` has the nodes that each usable selection matches, in order of preference; `named` is how
    many nodes the user has named, which may all be in one command line.
    """
    nodes = tuple(sorted(wanted))
    if not nodes:
        return []
    for selectors, matched in found.items():
        if matched == set(nodes):
            return [Batch(nodes=nodes, selectors=selectors)]
    size = max(MAX_NAMES, named)
    return [Batch(nodes=nodes[start : start + size]) for start in range(0, len(nodes), size)]


def dispatcher_job(
    job: Mapping[str, Any], batch: Batch, per_node: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the dispatcher Job for one batch; `per_node` is the result of `node_template`.

    It carries that template itself, instead of the ConfigMap, which may be gone or belong to
    another configuration. An annotation says which digest it installs.
    """
    dropped = (_NODES, _SELECTOR, *_DROPPED, *(() if batch.selectors else _WAITING))
    spec = _with_template(job["spec"], per_node, dropped, batch.flags)
    return dict(job) | {"metadata": _annotated(job["metadata"], _digest(per_node)), "spec": spec}


def cron_job(chart: Mapping[str, Any], per_node: Mapping[str, Any]) -> dict[str, Any]:
    """Return the CronJob for late nodes, given the chart's; `per_node` as for `dispatcher_job`.

    Its Jobs carry the labels of a dispatcher, by which runs find them, and the digest.
    """
    labels = {"labels": dict(chart["metadata"]["labels"])}
    template = {
        "metadata": _annotated(labels, _digest(per_node)),
        "spec": _with_template(chart["spec"]["jobTemplate"]["spec"], per_node, _DROPPED),
    }
    return dict(chart) | {"spec": chart["spec"] | {"jobTemplate": template}}


def node_template(
    job: Mapping[str, Any], node_timeout_seconds: int, mounted: Contents
) -> dict[str, Any]:
    """Return the template of a per-node Job for the dispatcher, which adds name, node and labels.

    It has no TTL, and the digest as annotation: a Job that ends while nobody watches is all that
    shows what was done. Of two time limits, the shorter one counts. `mounted` stands for the
    contents of the ConfigMaps that the Job mounts.
    """
    kept = {key: value for key, value in job["spec"].items() if key != "ttlSecondsAfterFinished"}
    limit = min(node_timeout_seconds, kept.get("activeDeadlineSeconds", node_timeout_seconds))
    pod = with_termination_messages(kept["template"]["spec"])
    limits = {"activeDeadlineSeconds": limit, "podReplacementPolicy": POD_REPLACEMENT}
    spec = kept | limits | {"template": kept["template"] | {"spec": pod}}
    digest = {names.DIGEST_ANNOTATION: current(host_digests(job, mounted))}
    return dict(job) | {"metadata": _annotated(job.get("metadata", {}), digest), "spec": spec}


def family(job: Mapping[str, Any]) -> str:
    """Return the label selector of all Jobs of an installation, given one of them."""
    own = {names.DISPATCHER_LABEL, names.STAGE_LABEL}
    labels = sorted(
        (key, value) for key, value in job["metadata"]["labels"].items() if key not in own
    )
    return ",".join(f"{key}={value}" for key, value in labels)


def summary(runs: Sequence[Batch], pending: int) -> str:
    """Return the line that says how the dispatcher is given its nodes; empty if it has none."""
    if not runs:
        return "  no Job is needed: pending nodes only need their mark" if pending else ""
    if len(runs) > 1:
        most = wording.nodes(MAX_NAMES)
        return f"  the dispatcher gets them by name, in {len(runs)} runs of at most {most}"
    return f"  the dispatcher gets them {runs[0]}"


def _with_template(
    spec: Mapping[str, Any],
    per_node: Mapping[str, Any],
    dropped: tuple[str, ...],
    added: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the spec of a dispatcher's Job that carries its template itself, with other flags."""
    template = spec["template"]
    (container,) = template["spec"]["containers"]
    command = [word for word in container["command"] if not word.startswith(dropped)]
    pod = template["spec"] | {
        "containers": [container | {"command": [*command, *added]}],
        "volumes": [
            _own_template(volume["name"], container["command"])
            for volume in template["spec"]["volumes"]
        ],
    }
    carried = {names.TEMPLATE_ANNOTATION: json.dumps(per_node, ensure_ascii=False)}
    template = template | {"metadata": _annotated(template["metadata"], carried), "spec": pod}
    return dict(spec) | {"template": template}


def _digest(per_node: Mapping[str, Any]) -> dict[str, str]:
    key = names.DIGEST_ANNOTATION
    return {key: per_node["metadata"]["annotations"][key]}


def _container(job: Mapping[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = job["spec"]["template"]["spec"]["containers"][0]
    return container


def _annotated(metadata: Mapping[str, Any], annotations: Mapping[str, str]) -> dict[str, Any]:
    return dict(metadata) | {"annotations": {**(metadata.get("annotations") or {}), **annotations}}


def _own_template(volume: str, command: Sequence[str]) -> dict[str, Any]:
    """Return the volume with the template from the pod's own annotation, at the command's path."""
    (path,) = (word.removeprefix(_TEMPLATE) for word in command if word.startswith(_TEMPLATE))
    source = {"fieldRef": {"fieldPath": f"metadata.annotations['{names.TEMPLATE_ANNOTATION}']"}}
    return {
        "name": volume,
        "downwardAPI": {"items": [{"path": PurePosixPath(path).name, **source}]},
    }
