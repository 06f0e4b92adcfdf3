"""What the program says of itself before it changes anything."""

import json
from collections.abc import Mapping
from typing import Any, Final, Literal, Self

from msgspec import structs

from kata_components.operations.adoption import AdoptionRequest
from kata_components.operations.objects_there import ObjectName
from kata_components.providers.guarded import Guarded
from kata_components.providers.provenance import Passed

_NOTHING: Final[Mapping[str, Any]] = {
    "objects": (),
    "pod_template": None,
    "existing": None,
    "contents": None,
    "former_stack": None,
    "architectures": None,
    "selectors": None,
    "tolerations": None,
}
"""What is asked once and not kept."""


class PreflightInputs(Guarded, frozen=True, kw_only=True):
    """What the guard rails compare.

    `objects` are the Kubernetes objects of the program as `apiVersion plural namespace name`;
    `pod_template` is a digest of the DaemonSet's pods (daemonset mode only). `existing` is `adopt`
    where objects that are there already may be taken over; then `contents` maps, as JSON, those
    that are compared to their manifests. `former_stack` and `passed` are put in by check. In
    daemonset mode, when there are any, `architectures` has what the node program would refuse on
    each; then `selectors` say where the pods go, and `tolerations` are theirs as JSON.
    """

    objects: tuple[str, ...] = ()
    pod_template: str | None = None
    existing: Literal["adopt", "install"] | None = None
    contents: str | None = None
    former_stack: str | None = None
    architectures: dict[str, str] | None = None
    selectors: tuple[str, ...] | None = None
    tolerations: str | None = None
    passed: Passed | None = None

    @property
    def lasting(self) -> Self:
        """What other resources read of it.

        The rest is compared by check, which is given the last checked inputs.
        """
        return structs.replace(super().lasting, **_NOTHING)

    def stacks(self, before: "PreflightInputs | None") -> frozenset[str]:
        """Return by which names of this stack its objects may be known: a renamed one gives them the new name."""
        former = (before.stack, before.former_stack) if before else ()
        return frozenset(filter(None, (self.stack, *former)))

    def takeover(self, stacks: frozenset[str], *, established: bool) -> AdoptionRequest:
        """Return how to deal with objects that are there already."""
        contents = json.loads(self.contents or "{}")
        return AdoptionRequest(
            objects=tuple(map(ObjectName.parse, self.objects)),
            stacks=stacks,
            established=established,
            adopt=self.existing == "adopt",
            mode=self.deployment_mode,
            namespace=self.namespace,
            suffix=self.suffix,
            contents={ObjectName.parse(name): manifest for name, manifest in contents.items()},
        )
