"""Upstream's dispatcher; only with `rollout.runsIn: cluster`.

Its Jobs are no resources of Pulumi: when they run is decided by what nodes need, and cleaning runs
at destroy, which does not run the program. `Rollout` and `Installation` make them.
"""

import pulumi

from kata_components.components import tokens
from kata_components.components.dispatcher_rbac import DispatcherRbac
from kata_components.settings.settings import Settings


class DispatcherHook(pulumi.ComponentResource):
    """The dispatcher's rights, as a child."""

    def __init__(
        self, name: str, args: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(tokens.DISPATCHER_HOOK, name, {}, opts)
        DispatcherRbac(f"{name}-rbac", args, pulumi.ResourceOptions(parent=self))
        self.register_outputs({})
