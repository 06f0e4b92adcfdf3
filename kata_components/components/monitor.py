"""Metrics of the sandboxes on each node, if enabled."""

import pulumi

from kata_components.components import tokens
from kata_components.components.manifest_component import ManifestComponent
from kata_components.manifests.monitor import monitor
from kata_components.settings.settings import Settings


class Monitor(ManifestComponent):
    """The DaemonSet of kata-monitor."""

    def __init__(
        self, name: str, args: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(tokens.MONITOR, name, monitor(args), opts)
