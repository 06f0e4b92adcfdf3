"""Nodes count their TEE keys, so that confidential pods can ask for one."""

import pulumi

from kata_components.components import tokens
from kata_components.components.manifest_component import ManifestComponent
from kata_components.manifests.node_feature_rules import node_feature_rules
from kata_components.settings.settings import Settings


class NodeFeatureRules(ManifestComponent):
    """The NodeFeatureRule, a custom resource of node-feature-discovery."""

    def __init__(self, name: str, args: Settings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(tokens.NODE_FEATURE_RULES, name, node_feature_rules(args), opts)
