"""The templates of the per-node Jobs, kept in the cluster for whoever paces them."""

import pulumi

from kata_components import names
from kata_components.components import tokens
from kata_components.components.manifest_component import ManifestComponent
from kata_components.manifests.builders import Manifest
from kata_components.manifests.job_templates import config_map
from kata_components.manifests.mounted_configs import mounted_fingerprints
from kata_components.rollout.dispatch import node_template
from kata_components.settings.settings import Settings


class JobTemplates(ManifestComponent):
    """The ConfigMap with the install Job and the cleanup Job."""

    def __init__(self, name: str, args: Settings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(tokens.JOB_TEMPLATES, name, [templates(args)], opts)


def templates(settings: Settings) -> Manifest:
    """Return the ConfigMap as its reader needs it: upstream's dispatcher stamps no more than name and node."""
    if settings.rollout.runs_in == "pulumi":
        return config_map(settings)
    timeout, mounted = settings.rollout.node_timeout_seconds, mounted_fingerprints(settings)

    def prepared(job: Manifest) -> Manifest:
        of_install = job["metadata"]["labels"][names.STAGE_LABEL] == "install"
        return node_template(job, timeout, mounted if of_install else {})

    return config_map(settings, prepared=prepared)
