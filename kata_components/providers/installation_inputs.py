"""What the program says of an installation, and what its state keeps: all that guarding and ending it needs."""

import json
import os
from typing import Any, Literal, Self

import yaml
from msgspec import structs

from kata_components import names
from kata_components.providers.wire import WireModel
from kata_components.runner.anchor import Ending
from kata_components.runner.cleanup import ABANDON_VARIABLE, CleanupRequest
from kata_components.runner.takeover import ObjectName, TakeoverRequest


class InstallationInputs(WireModel, frozen=True, kw_only=True):
    """What the program asks for.

    `cleanup_job` is the Job template as YAML (job mode only), `dispatcher_job` the Job of upstream's dispatcher as YAML
    (only where that paces); `objects` are the Kubernetes objects of the program as
    `apiVersion plural namespace name`; `pod_template` is a digest of the DaemonSet's pods (daemonset mode only).
    `existing` is `adopt` where objects of a Helm release may be taken over; then `pods` is the pod template as JSON.
    `report_dir` and `approved_plan` are as in `RolloutInputs`; `cluster_uid` and `lease` are put in by check.
    """

    urn: str
    stack: str
    kata_version: str
    deployment_mode: Literal["daemonset", "job"]
    namespace: str
    suffix: str = ""
    parallelism: int = 1
    node_timeout_seconds: int = 3600
    cleanup_job: str | None = None
    dispatcher_job: str | None = None
    pod_template: str | None = None
    objects: tuple[str, ...] = ()
    existing: Literal["adopt", "install"] | None = None
    pods: str | None = None
    report_dir: str | None = None
    approved_plan: str | None = None
    cluster_uid: str | None = None
    lease: str | None = None

    @property
    def lease_name(self) -> str:
        """The name of the Lease in the cluster."""
        return names.base(self.suffix)

    @property
    def lasting(self) -> Self:
        """What is kept and compared: the rest matters to one run and says nothing about the installation."""
        return structs.replace(self, existing=None, pods=None, report_dir=None, approved_plan=None)

    def takeover(self, before: "InstallationInputs | None" = None) -> TakeoverRequest:
        """Return how to deal with a Helm release that has objects of this installation which it had not before."""
        known = before.objects if before else ()
        return TakeoverRequest(
            objects=tuple(_object(text) for text in self.objects if text not in known),
            adopt=self.existing == "adopt",
            mode=self.deployment_mode,
            namespace=self.namespace,
            suffix=self.suffix,
            pods=json.loads(self.pods) if self.pods else None,
        )

    def guarded(self) -> dict[str, Any]:
        """Return what must not change while the installation exists."""
        return {"deploymentMode": self.deployment_mode, "suffix": self.suffix, "namespace": self.namespace}


class InstallationOutputs(InstallationInputs, frozen=True, kw_only=True):
    """The inputs, and the id that is also in the cluster."""

    installation_id: str

    def ending(self) -> Ending:
        """What delete has to end. Nodes to give up come from the environment: a destroy sees no new configuration."""
        cleanup = self.cleanup_job and CleanupRequest(
            namespace=self.namespace,
            suffix=self.suffix,
            job=yaml.safe_load(self.cleanup_job),
            parallelism=self.parallelism,
            node_timeout_seconds=self.node_timeout_seconds,
            dispatcher_job=yaml.safe_load(self.dispatcher_job) if self.dispatcher_job else None,
        )
        return Ending(
            namespace=self.namespace,
            suffix=self.suffix,
            stack=self.stack,
            installation=self.installation_id,
            cluster_uid=self.cluster_uid or "",
            cleanup=cleanup or None,
            abandoned=frozenset(filter(None, os.environ.get(ABANDON_VARIABLE, "").split(","))),
        )


def _object(text: str) -> ObjectName:
    api_version, plural, namespace, name = text.split(" ")
    return ObjectName(api_version=api_version, plural=plural, namespace=namespace, name=name)
