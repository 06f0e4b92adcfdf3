"""Daemonset mode: a pod stays on every node, installs at its start and cleans at its end."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from kata_components.components import tokens
from kata_components.components.manifest_component import ManifestComponent
from kata_components.manifests.daemon_set import daemon_set
from kata_components.settings.settings import Settings

# Installing takes up to 10 minutes on a node (the startup probe's budget) plus the image pull, on
# all nodes at once. An update goes through the nodes by `updateStrategy`, one after the other by
# default: a large fleet takes hours. A pod may take 10 minutes to clean its node.
_TIMEOUTS = pulumi.CustomTimeouts(create="1h", update="24h", delete="30m")


@dataclass(frozen=True, kw_only=True)
class DaemonSetInstallerArgs:
    """The settings, and what the pods need until their last moment: their rights."""

    settings: Settings
    needs: Sequence[pulumi.Resource]


class DaemonSetInstaller(ManifestComponent):
    """The DaemonSet.

    Depends on the rights its pods use: on destroy it goes first, with its pods, which clean their
    nodes with them.
    """

    def __init__(
        self, name: str, args: DaemonSetInstallerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        child = pulumi.ResourceOptions(depends_on=args.needs, custom_timeouts=_TIMEOUTS)
        super().__init__(
            tokens.DAEMON_SET_INSTALLER, name, [daemon_set(args.settings)], opts, child=child
        )
