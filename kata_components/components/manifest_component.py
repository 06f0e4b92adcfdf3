"""The base of components that only register Kubernetes objects: manifests in, typed resources out.

Typed resources rather than `ConfigGroup`: their previews read well and each object is a resource of its own in state.
"""

import re
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Final

import pulumi

from kata_components.manifests.builders import Manifest

_MODULES: Final = {
    ("v1", "ServiceAccount"): "core.v1",
    ("v1", "ConfigMap"): "core.v1",
    ("rbac.authorization.k8s.io/v1", "ClusterRole"): "rbac.v1",
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): "rbac.v1",
    ("rbac.authorization.k8s.io/v1", "Role"): "rbac.v1",
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): "rbac.v1",
    ("node.k8s.io/v1", "RuntimeClass"): "node.v1",
    ("apps/v1", "DaemonSet"): "apps.v1",
    ("batch/v1", "Job"): "batch.v1",
}
"""Where `pulumi_kubernetes` has the class of an object; loaded when used, each package costs start-up time."""

_CUSTOM: Final = "apiextensions"
"""Where it has the class for objects of kinds that it does not know."""


def kind_role(manifest: Manifest) -> str:
    """Return the kind in kebab case: the role of an object that is the only one of its kind in a component."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", manifest["kind"]).lower()


def object_name(manifest: Manifest) -> str:
    """Return the name of an object: its role in a component with several of its kind."""
    name: str = manifest["metadata"]["name"]
    return name


class ManifestComponent(pulumi.ComponentResource):
    """Registers manifests as children named `<name>-<role>`; those names are part of users' state.

    `child` holds options that all children get. With `in_order`, each child also depends on those before it.
    """

    resources: list[pulumi.Resource]

    def __init__(
        self,
        token: str,
        name: str,
        manifests: Sequence[Manifest],
        opts: pulumi.ResourceOptions | None = None,
        *,
        role: Callable[[Manifest], str] = kind_role,
        child: pulumi.ResourceOptions | None = None,
        in_order: bool = False,
    ) -> None:
        super().__init__(token, name, {}, opts)
        options = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(parent=self))
        self.resources = []
        for manifest in manifests:
            after = pulumi.ResourceOptions(depends_on=list(self.resources) if in_order else None)
            merged = pulumi.ResourceOptions.merge(options, after)
            self.resources.append(_registered(f"{name}-{role(manifest)}", manifest, merged))
        self.register_outputs({"objects": [f"{m['kind']}/{m['metadata']['name']}" for m in manifests]})


def _registered(name: str, manifest: Manifest, options: pulumi.ResourceOptions) -> pulumi.Resource:
    module = _MODULES.get((manifest["apiVersion"], manifest["kind"]), _CUSTOM)
    of_kind = "CustomResource" if module == _CUSTOM else manifest["kind"]
    fields = {_snake_case(key): value for key, value in manifest.items()}
    resource: pulumi.Resource = getattr(import_module(f"pulumi_kubernetes.{module}"), of_kind)(
        name, opts=options, **fields
    )
    return resource


def _snake_case(key: str) -> str:
    return re.sub(r"(?=[A-Z])", "_", key).lower()
