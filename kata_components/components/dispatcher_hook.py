"""Upstream's dispatcher as a Job that runs at every change of what it installs; only with `rollout.runsIn: cluster`.

The cleanup dispatcher is not here: a resource cannot run at destroy.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from kata_components import names
from kata_components.components import tokens
from kata_components.components.manifest_component import ManifestComponent
from kata_components.manifests.builders import Manifest
from kata_components.manifests.dispatcher_job import install_dispatcher_job
from kata_components.manifests.job_templates import config_map
from kata_components.settings.settings import Settings


@dataclass(frozen=True, kw_only=True)
class DispatcherHookArgs:
    """The settings, and what the dispatcher uses: its rights, those of the per-node Jobs, the templates."""

    settings: Settings
    needs: Sequence[pulumi.Resource]


class DispatcherHook(ManifestComponent):
    """The install dispatcher.

    A Job runs once, so a change of the templates replaces it: the digest in its annotation is what Pulumi compares.
    """

    def __init__(self, name: str, args: DispatcherHookArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        child = pulumi.ResourceOptions(
            depends_on=args.needs,
            replace_on_changes=["metadata.annotations"],
            delete_before_replace=True,
        )
        super().__init__(tokens.DISPATCHER_HOOK, name, [_job(args.settings)], opts, child=child)


def _job(settings: Settings) -> Manifest:
    job = install_dispatcher_job(settings)
    templates = json.dumps(config_map(settings)["data"], sort_keys=True)
    job["metadata"]["annotations"] = {names.DIGEST_ANNOTATION: hashlib.sha256(templates.encode()).hexdigest()}
    return job
