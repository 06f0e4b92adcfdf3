"""Rights of upstream's dispatcher; only with `rollout.runsIn: cluster`."""

import pulumi

from kata_components.components import tokens
from kata_components.components.manifest_component import ManifestComponent
from kata_components.manifests.dispatcher_rbac import dispatcher_rbac
from kata_components.settings.settings import Settings


class DispatcherRbac(ManifestComponent):
    """ServiceAccount of the dispatcher, with a role on nodes and a role on Jobs."""

    def __init__(
        self, name: str, args: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(tokens.DISPATCHER_RBAC, name, dispatcher_rbac(args), opts, in_order=True)
