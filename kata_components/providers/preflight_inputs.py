"""What the program says of itself before it changes anything."""

import json
from typing import Literal, Self

from msgspec import structs

from kata_components.providers.guarded import Guarded
from kata_components.runner.takeover import ObjectName, TakeoverRequest


class PreflightInputs(Guarded, frozen=True, kw_only=True):
    """What the guard rails compare.

    `objects` are the Kubernetes objects of the program as `apiVersion plural namespace name`; `pod_template` is a
    digest of the DaemonSet's pods (daemonset mode only). `existing` is `adopt` where objects that are there already may
    be taken over; then `pods` is the pod template as JSON.
    """

    objects: tuple[str, ...] = ()
    pod_template: str | None = None
    existing: Literal["adopt", "install"] | None = None
    pods: str | None = None

    @property
    def lasting(self) -> Self:
        """What other resources read of it. The rest is compared by check, which is given the last checked inputs."""
        return structs.replace(super().lasting, objects=(), pod_template=None, existing=None, pods=None)

    def takeover(self, before: "PreflightInputs | None" = None) -> TakeoverRequest:
        """Return how to deal with a Helm release that has objects of this installation which it had not before."""
        known = before.objects if before else ()
        return TakeoverRequest(
            objects=tuple(ObjectName.parse(text) for text in self.objects if text not in known),
            adopt=self.existing == "adopt",
            mode=self.deployment_mode,
            namespace=self.namespace,
            suffix=self.suffix,
            pods=json.loads(self.pods) if self.pods else None,
        )
