"""Whose Kubernetes objects are: each says so in its own metadata, never in that of the pods it makes."""

import pulumi

from kata_components import names
from kata_components.manifests.builders import Manifest


def this_stack() -> str:
    """Return the stack as objects name it: `project/stack`."""
    return f"{pulumi.get_project()}/{pulumi.get_stack()}"


def owned(manifest: Manifest) -> Manifest:
    """Return an object that says which stack it belongs to."""
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), names.STACK_ANNOTATION: this_stack()}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}
