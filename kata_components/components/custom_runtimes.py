"""RuntimeClasses by which pods select the user's own runtimes."""

import pulumi

from kata_components.components import tokens
from kata_components.components.manifest_component import ManifestComponent, object_name
from kata_components.manifests.custom_runtimes import custom_runtime_classes
from kata_components.settings.settings import Settings


class CustomRuntimes(ManifestComponent):
    """The RuntimeClasses of the custom runtimes; children are named after their class.

    A class cannot change its handler, so such a change replaces it.
    """

    def __init__(
        self, name: str, args: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        child = pulumi.ResourceOptions(replace_on_changes=["handler"], delete_before_replace=True)
        manifests = custom_runtime_classes(args)
        super().__init__(
            tokens.CUSTOM_RUNTIMES, name, manifests, opts, role=object_name, child=child
        )
