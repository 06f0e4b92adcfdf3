"""Looks after late nodes between two runs; only with `job.reconcile.enabled`."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from kata_components.components import tokens
from kata_components.components.manifest_component import ManifestComponent
from kata_components.manifests.job_templates import install_job
from kata_components.manifests.mounted_configs import mounted_fingerprints
from kata_components.manifests.reconcile import reconcile
from kata_components.planning import dispatcher_args
from kata_components.settings.settings import Settings


@dataclass(frozen=True, kw_only=True)
class ReconcileArgs:
    """Arguments of `Reconcile`."""

    settings: Settings
    needs: Sequence[pulumi.Resource]
    """What must outlast it: the `Installation`, whose end cleans the nodes."""


class Reconcile(ManifestComponent):
    """The CronJob that starts upstream's dispatcher.

    It exists before the `Rollout`, which suspends it while it works. A destroy deletes it before
    nodes are cleaned, since it would install on them again.
    """

    def __init__(
        self, name: str, args: ReconcileArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        settings = args.settings
        per_node = dispatcher_args.node_template(
            install_job(settings),
            settings.rollout.node_timeout_seconds,
            mounted_fingerprints(settings),
        )
        cron_jobs = [dispatcher_args.cron_job(chart, per_node) for chart in reconcile(settings)]
        child = pulumi.ResourceOptions(depends_on=args.needs)
        super().__init__(tokens.RECONCILE, name, cron_jobs, opts, child=child)
