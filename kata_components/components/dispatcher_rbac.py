"""Rights of upstream's dispatcher; only with `rollout.runsIn: cluster`."""

import pulumi

from kata_components.components import tokens
from kata_components.components.manifest_component import ManifestComponent, kind_role
from kata_components.manifests.builders import Manifest
from kata_components.manifests.dispatcher_rbac import EVENTS, dispatcher_rbac
from kata_components.settings.settings import Settings


class DispatcherRbac(ManifestComponent):
    """ServiceAccount of the dispatcher, with roles on nodes, on Jobs and, from 4.2.0 on, Events."""

    def __init__(
        self, name: str, args: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        manifests = dispatcher_rbac(args)
        super().__init__(tokens.DISPATCHER_RBAC, name, manifests, opts, role=_role, in_order=True)


def _role(manifest: Manifest) -> str:
    of_events = manifest["metadata"]["name"].startswith(EVENTS)
    return f"events-{kind_role(manifest)}" if of_events else kind_role(manifest)
