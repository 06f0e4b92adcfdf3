"""Rights of the node program, in both modes."""

import pulumi

from kata_components.components import tokens
from kata_components.components.manifest_component import ManifestComponent
from kata_components.manifests.node_rbac import node_rbac
from kata_components.settings.settings import Settings


class NodeRbac(ManifestComponent):
    """ServiceAccount, ClusterRole and ClusterRoleBinding of the pods on the nodes.

    Does not create the namespace, which outlives an installation.
    """

    def __init__(
        self, name: str, args: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(tokens.NODE_RBAC, name, node_rbac(args), opts, in_order=True)
