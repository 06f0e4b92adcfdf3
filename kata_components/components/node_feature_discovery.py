"""Labels nodes by their hardware, if enabled: the upstream chart, rendered by Pulumi."""

import pulumi

from kata_components.components import tokens
from kata_components.settings.settings import Settings

_CHART = "node-feature-discovery"
_REPOSITORY = "https://kubernetes-sigs.github.io/node-feature-discovery/charts"


class NodeFeatureDiscovery(pulumi.ComponentResource):
    """The chart with the user's values; its objects are resources of the stack.

    Pulumi runs no Helm hooks, so the chart's Job that removes labels after an uninstall is left out
    by default.
    """

    def __init__(
        self, name: str, args: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        from pulumi_kubernetes.helm import v4  # noqa: PLC0415 - few stacks use it, and it slows down start-up

        super().__init__(tokens.NODE_FEATURE_DISCOVERY, name, {}, opts)
        v4.Chart(
            f"{name}-chart",
            chart=_CHART,
            version=args.traits.feature_discovery_chart,
            repository_opts=v4.RepositoryOptsArgs(repo=_REPOSITORY),
            name=args.helm_release_name,
            namespace=args.namespace,
            values={"postDeleteCleanup": False, **args.node_feature_discovery.values},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
