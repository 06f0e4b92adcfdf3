"""Nodes count their TEE keys, so that confidential pods can request one."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from kata_components.components import tokens
from kata_components.components.manifest_component import ManifestComponent
from kata_components.manifests.node_feature_rules import node_feature_rules
from kata_components.settings.settings import Settings


@dataclass(frozen=True, kw_only=True)
class NodeFeatureRulesArgs:
    """Arguments of `NodeFeatureRules`."""

    settings: Settings
    needs: Sequence[pulumi.Resource]
    """What defines the kind of the rule object, if it is installed here."""


class NodeFeatureRules(ManifestComponent):
    """The NodeFeatureRule, a custom resource of node-feature-discovery."""

    def __init__(
        self, name: str, args: NodeFeatureRulesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        child = pulumi.ResourceOptions(depends_on=args.needs)
        super().__init__(
            tokens.NODE_FEATURE_RULES, name, node_feature_rules(args.settings), opts, child=child
        )
