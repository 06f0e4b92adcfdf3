"""Configuration files on the nodes: drop-ins of containerd and Kata, and custom runtimes."""

import pulumi

from kata_components.components import tokens
from kata_components.components.manifest_component import ManifestComponent, object_name
from kata_components.manifests.mounted_configs import mounted_configs
from kata_components.settings.settings import Settings


class MountedConfigs(ManifestComponent):
    """The ConfigMaps that the pods on the nodes mount; children are named after them."""

    def __init__(
        self, name: str, args: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(
            tokens.MOUNTED_CONFIGS, name, mounted_configs(args), opts, role=object_name
        )
