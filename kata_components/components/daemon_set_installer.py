"""Daemonset mode: a pod on every node installs at its start and cleans at its end."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from kata_components.components import tokens
from kata_components.components.manifest_component import ManifestComponent
from kata_components.manifests.daemon_set import daemon_set
from kata_components.settings.settings import Settings

# Installing takes up to 10 minutes per node (the startup probe's budget) plus the image pull, on
# all nodes at once. An update goes from node to node as `updateStrategy` says, one by one by
# default, so a large fleet takes hours. A pod may take 10 minutes to clean its node.
_TIMEOUTS = pulumi.CustomTimeouts(create="1h", update="24h", delete="30m")


@dataclass(frozen=True, kw_only=True)
class DaemonSetInstallerArgs:
    """Arguments of `DaemonSetInstaller`."""

    settings: Settings
    needs: Sequence[pulumi.Resource]
    """What the pods need until they end: their rights and what they mount."""


class DaemonSetInstaller(ManifestComponent):
    """The DaemonSet.

    Depends on the rights of its pods: on destroy it goes first, while its pods still have the
    rights to clean their nodes.
    """

    def __init__(
        self, name: str, args: DaemonSetInstallerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        child = pulumi.ResourceOptions(depends_on=args.needs, custom_timeouts=_TIMEOUTS)
        super().__init__(
            tokens.DAEMON_SET_INSTALLER, name, [daemon_set(args.settings)], opts, child=child
        )
