"""Upstream's dispatcher; only with `rollout.runsIn: cluster`.

Its Jobs are no resources of Pulumi: when they run is decided by what nodes need, and cleaning runs
at destroy, which does not run the program. `Rollout` and `Installation` make them.
"""

import pulumi

from kata_components.components import tokens
from kata_components.components.dispatcher_rbac import DispatcherRbac
from kata_components.manifests.dispatcher_job import cleanup_dispatcher_job, install_dispatcher_job
from kata_components.manifests.yaml_text import yaml_text
from kata_components.settings.settings import Settings


class DispatcherHook(pulumi.ComponentResource):
    """The dispatcher's rights, as a child, and its two Jobs as YAML."""

    def __init__(
        self, name: str, args: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(tokens.DISPATCHER_HOOK, name, {}, opts)
        DispatcherRbac(f"{name}-rbac", args, pulumi.ResourceOptions(parent=self))
        self.install_job = yaml_text(install_dispatcher_job(args))
        self.cleanup_job = yaml_text(cleanup_dispatcher_job(args))
        self.register_outputs({})
