"""The templates of the per-node Jobs, in the cluster as with the chart.

The runners do not read them there: each gets the templates of its own configuration.
"""

import pulumi

from kata_components.components import tokens
from kata_components.components.manifest_component import ManifestComponent
from kata_components.manifests.job_templates import config_map
from kata_components.settings.settings import Settings


class JobTemplates(ManifestComponent):
    """The ConfigMap with the install Job and the cleanup Job."""

    def __init__(
        self, name: str, args: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(tokens.JOB_TEMPLATES, name, [config_map(args)], opts)
