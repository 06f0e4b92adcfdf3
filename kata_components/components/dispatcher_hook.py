"""Upstream's dispatcher; only with `rollout.runsIn: cluster`.

Its Jobs are not Pulumi resources: they run when nodes need them, and cleaning runs on destroy,
which does not run the program. `Rollout` and `Installation` create them.
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
