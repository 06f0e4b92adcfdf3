"""RuntimeClasses by which pods select Kata, one per shim."""

import pulumi

from kata_components.components import tokens
from kata_components.components.manifest_component import ManifestComponent, object_name
from kata_components.manifests.runtime_classes import runtime_classes
from kata_components.settings.settings import Settings


class RuntimeClasses(ManifestComponent):
    """All RuntimeClasses of the installation; children are named after their class."""

    def __init__(
        self, name: str, args: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(
            tokens.RUNTIME_CLASSES, name, runtime_classes(args), opts, role=object_name
        )
