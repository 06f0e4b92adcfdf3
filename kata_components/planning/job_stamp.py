"""Stamps per-node Jobs from a template. Pure.

Labels and annotations are those of the contract (section 5.6, D32 to D34); beside them a Job
carries the host digest, and UID and machine ID of the node it is stamped for.
"""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, Final

from kata_components import names
from kata_components.kubernetes.nodes import NodeInfo
from kata_components.planning.node_jobs import JobKind, is_token_free
from kata_components.planning.step import Step

POD_REPLACEMENT: Final = "Failed"
"""The next pod of a Job waits until the previous one has ended; by default it already starts while
that one is terminating."""
UNREPORTED: Final = NodeInfo()
"""Of a node that is not known yet."""


@dataclass(frozen=True, kw_only=True)
class JobStamp:
    """Makes the node-pinned Jobs of one kind from a template."""

    template: Mapping[str, Any]
    """A complete Job without name, namespace and node. Its TTL is dropped: a Job that ends while no
    run is looking must still be found."""
    kind: JobKind
    suffix: str
    digest: str
    node_timeout_seconds: int
    """The Jobs' activeDeadlineSeconds, unless that of the template is shorter."""

    def name(self, node: str) -> str:
        """Return the name of a node's Job."""
        return names.job_name(names.job_prefix(self.suffix, self.kind), node)

    def job(self, step: Step, info: NodeInfo = UNREPORTED) -> dict[str, Any]:
        """Return the Job for the step's machine, which reports `info`.

        Parts of the template are shared, not copied: do not change them.
        """
        owner = {names.OWNER_LABEL: names.job_prefix(self.suffix, self.kind)}
        labels = owner | {names.NODE_LABEL: names.node_label(step.node)}
        annotations = {
            names.NODE_NAME_ANNOTATION: step.node,
            names.NODE_UID_ANNOTATION: step.node_uid,
            names.MACHINE_ID_ANNOTATION: step.machine_id,
            names.DIGEST_ANNOTATION: self.digest,
        }
        job = copy(dict(self.template))
        job["metadata"] = _labelled(job.get("metadata", {}), labels, annotations) | {
            "name": self.name(step.node)
        }
        spec = {
            key: value for key, value in job["spec"].items() if key != "ttlSecondsAfterFinished"
        }
        template = spec["template"]
        job["spec"] = spec | {
            "activeDeadlineSeconds": min(
                self.node_timeout_seconds,
                spec.get("activeDeadlineSeconds", self.node_timeout_seconds),
            ),
            "podReplacementPolicy": POD_REPLACEMENT,
            "template": template
            | {
                "metadata": _labelled(template.get("metadata", {}), owner, {}),
                "spec": self._pod(template["spec"], info) | {"nodeName": step.node},
            },
        }
        return job

    def _pod(self, pod: Mapping[str, Any], info: NodeInfo) -> dict[str, Any]:
        made = with_termination_messages(pod)
        return _told(made, info) if is_token_free(self.template) else made


def with_termination_messages(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Return a pod spec whose containers leave the end of their log in their status when they fail.

    Reading it there takes neither a kubelet that answers nor a right on logs. It does not reach the
    host, so no digest covers it.
    """
    policy = {"terminationMessagePolicy": "FallbackToLogsOnError"}
    return _with_containers(pod, lambda container: dict(container) | policy)


def _told(pod: Mapping[str, Any], info: NodeInfo) -> dict[str, Any]:
    """Return a pod spec whose containers know what the node reports, as from upstream (D35).

    What a container defines itself stays.
    """
    facts = {
        "CONTAINER_RUNTIME_VERSION": info.container_runtime_version,
        "KATA_DEPLOY_NODE_MACHINE_ID": info.machine_id,
        "NODE_MACHINE_ID": info.machine_id,
    }

    def told(container: Mapping[str, Any]) -> dict[str, Any]:
        own = container.get("env") or []
        defined = {variable["name"] for variable in own}
        added = [
            {"name": name, "value": value}
            for name, value in facts.items()
            if value and name not in defined
        ]
        return dict(container) | {"env": [*own, *added]}

    return _with_containers(pod, told)


def _with_containers(
    pod: Mapping[str, Any], change: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    kinds = [kind for kind in ("initContainers", "containers") if kind in pod]
    return dict(pod) | {kind: [*map(change, pod[kind])] for kind in kinds}


def _labelled(
    metadata: Mapping[str, Any], labels: Mapping[str, str], annotations: Mapping[str, str]
) -> dict[str, Any]:
    merged = dict(metadata) | {"labels": {**(metadata.get("labels") or {}), **labels}}
    if annotations:
        merged["annotations"] = {**(metadata.get("annotations") or {}), **annotations}
    return merged
