"""The inputs of `Preflight`: what the guard rails need to know of the program."""

import json
from typing import Self

from msgspec import structs

from kata_components.operations.adoption import AdoptionRequest
from kata_components.operations.objects_there import ObjectName
from kata_components.planning.prelabel import PrelabelRequest
from kata_components.providers.common_inputs import GuardedInputs, Passed


class PreflightInputs(GuardedInputs, frozen=True, kw_only=True):
    """What the program tells the guard rails; check adds to it."""

    pod_template: str | None = None
    """A digest of the DaemonSet's pods; daemonset mode only."""
    contents: str | None = None
    """With `existing: adopt`: manifests by object, to compare before a takeover, as JSON."""
    architectures: dict[str, str] | None = None
    """By architecture: what the node program would refuse there; daemonset mode only."""
    selectors: tuple[str, ...] | None = None
    """With `architectures`: the nodes that get a pod."""
    tolerations: str | None = None
    """With `architectures`: the tolerations of the pods, as JSON."""
    instance_label: str | None = None
    """The label of this installation, if its RuntimeClasses ask for it; job mode only."""
    nodes_to_label: int | None = None
    """How many nodes get that label before RuntimeClasses ask for it; added by check."""
    former_stack: str | None = None
    """The name this stack had before it was renamed; added by check."""
    passed: Passed | None = None
    """What `Rollout` is told; added by check."""

    @property
    def lasting(self) -> Self:
        """What other resources read; check compares the rest with the last checked inputs."""
        return structs.replace(
            super().lasting,
            objects=(),
            pod_template=None,
            contents=None,
            architectures=None,
            selectors=None,
            tolerations=None,
            instance_label=None,
            former_stack=None,
            context=None,
            kubeconfig=None,
        )

    @property
    def kept(self) -> Self:
        """What the state keeps: nodes are labelled by then, so diff must find more again."""
        return structs.replace(self.lasting, nodes_to_label=None)

    @property
    def prelabel(self) -> PrelabelRequest | None:
        """Which nodes get the label of this installation ahead of an upgrade."""
        if self.instance_label is None:
            return None
        return PrelabelRequest(
            namespace=self.namespace,
            suffix=self.suffix,
            kata_version=self.kata_version,
            label=self.instance_label,
        )

    def stacks(self, before: "PreflightInputs | None") -> frozenset[str]:
        """Return the names of this stack that its objects may bear: it may have been renamed."""
        former = (before.stack, before.former_stack) if before else ()
        return frozenset(filter(None, (self.stack, *former)))

    def takeover(self, stacks: frozenset[str], *, established: bool) -> AdoptionRequest:
        """Return how to deal with objects that exist already."""
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
