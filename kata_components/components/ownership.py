"""The owner of Kubernetes objects, in their own metadata, never in that of their pods."""

import pulumi

from kata_components import names
from kata_components.manifests.builders import Manifest


def this_stack() -> str:
    """Return the name of the stack in objects: `project/stack`."""
    return f"{pulumi.get_project()}/{pulumi.get_stack()}"


def owned(manifest: Manifest) -> Manifest:
    """Return an object with the name of its stack."""
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), names.STACK_ANNOTATION: this_stack()}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}
