"""The state of the installation in the cluster, from 4.1.0 on."""

import pulumi

from kata_components.components import tokens
from kata_components.components.manifest_component import ManifestComponent
from kata_components.manifests.state import state
from kata_components.settings.settings import Settings


class State(ManifestComponent):
    """The ConfigMap with suffix and mode."""

    def __init__(
        self, name: str, args: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(tokens.STATE, name, state(args), opts)
