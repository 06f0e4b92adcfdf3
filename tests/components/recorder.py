"""Pulumi without an engine: records what a program registers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from kata_components import names

_PUT_IN: dict[str, dict[str, Any]] = {
    "Preflight": {"passed": {"clusterUid": "cluster-1"}},
    "Installation": {"installationId": "installation-1"},
}
"""What our providers add to the inputs of each kind of resource."""


@dataclass
class Recorder(pulumi.runtime.Mocks):
    """Keeps each registration by its logical name."""

    resources: dict[str, pulumi.runtime.MockResourceArgs] = field(default_factory=dict)

    def new_resource(
        self, args: pulumi.runtime.MockResourceArgs
    ) -> tuple[str | None, dict[Any, Any]]:
        assert args.name not in self.resources, f"{args.name} is registered twice"
        self.resources[args.name] = args
        return f"{args.name}-id", {**args.inputs, **_PUT_IN.get(args.typ.rpartition(":")[2], {})}

    def call(
        self, args: pulumi.runtime.MockCallArgs
    ) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"nothing should call {args.token}")

    def kubernetes_objects(self) -> list[pulumi.runtime.MockResourceArgs]:
        return [
            resource
            for resource in self.resources.values()
            if resource.typ.startswith("kubernetes:")
        ]


def stack_of(manifest: dict[str, Any]) -> str:
    """Remove the annotation with the stack's name, so that the object equals its manifest."""
    stack: str = manifest["metadata"]["annotations"].pop(names.STACK_ANNOTATION)
    if not manifest["metadata"]["annotations"]:
        del manifest["metadata"]["annotations"]
    return stack


def run(program: Callable[[pulumi.ResourceOptions], object]) -> None:
    """Run a program with options that carry a provider, to the end of all registrations."""

    def with_provider() -> None:
        program(pulumi.ResourceOptions(provider=k8s.Provider("cluster")))

    decorate: Any = pulumi.runtime.test  # the SDK leaves it without types
    decorate(with_provider)()
