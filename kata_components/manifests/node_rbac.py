"""Rights of the node program, which labels its node.

Up to 4.0.0, it also patches RuntimeClasses and feature rules. Where the dispatcher does the work on
nodes, per-node Jobs have no token and only the DaemonSet has rights.
"""

from kata_components import names
from kata_components.manifests.builders import (
    Manifest,
    binding,
    role,
    rules,
    service_account,
    suffixed,
)
from kata_components.settings.settings import Settings


def service_account_name(settings: Settings) -> str:
    """Return the name of the ServiceAccount that the pods on the nodes run as."""
    return suffixed(settings, "kata-deploy-sa")


def has_node_rights(settings: Settings) -> bool:
    """Whether the pods on the nodes talk to the API server."""
    return settings.deployment_mode == "daemonset" or not settings.traits.token_free_jobs


def node_rbac(settings: Settings) -> list[Manifest]:
    """Return ServiceAccount, ClusterRole and binding of the pods on nodes, if they have rights."""
    if not has_node_rights(settings):
        return []
    account = service_account(service_account_name(settings), settings.namespace)
    role_name = suffixed(settings, "kata-deploy-role")
    return [
        account,
        role(role_name, rules(settings.traits.node_rules)),
        binding(names.node_binding(settings.env.multi_install_suffix), role_name, account),
    ]
