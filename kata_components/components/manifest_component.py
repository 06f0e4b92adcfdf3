"""The base of components that only register Kubernetes objects: manifests in, children out.

Not `ConfigGroup`, so that previews read well and each object is a resource under a name of ours.
"""

import re
from collections.abc import Callable, Sequence

import pulumi

from kata_components.components.ownership import owned
from kata_components.manifests.builders import Manifest


def kind_role(manifest: Manifest) -> str:
    """Return the kind in kebab case, for an object that is the only one of its kind."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", manifest["kind"]).lower()


def object_name(manifest: Manifest) -> str:
    """Return the name of an object, for a component with several of its kind."""
    name: str = manifest["metadata"]["name"]
    return name


class ManifestComponent(pulumi.ComponentResource):
    """Registers manifests, with the name of the stack, as children named `<name>-<role>`.

    The names are part of users' state. `child` holds options for all children. With `in_order`,
    each child also depends on those before it.
    """

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
        children: list[pulumi.Resource] = []
        for manifest in manifests:
            after = pulumi.ResourceOptions(depends_on=list(children) if in_order else None)
            merged = pulumi.ResourceOptions.merge(options, after)
            children.append(_registered(f"{name}-{role(manifest)}", manifest, merged))
        self.register_outputs(
            {"objects": [f"{m['kind']}/{m['metadata']['name']}" for m in manifests]}
        )


def _registered(name: str, manifest: Manifest, options: pulumi.ResourceOptions) -> pulumi.Resource:
    """Register an object by its type token, without the class that `pulumi_kubernetes` has for it.

    Those classes take a manifest apart only to reassemble it, and importing them takes a sixth of a
    preview.
    """
    group_version = (
        manifest["apiVersion"]
        if "/" in manifest["apiVersion"]
        else f"core/{manifest['apiVersion']}"
    )
    return pulumi.CustomResource(
        f"kubernetes:{group_version}:{manifest['kind']}", name, owned(manifest), options
    )
