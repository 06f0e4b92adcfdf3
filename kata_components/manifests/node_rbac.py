"""Rights of the node program: it labels its node, and up to 4.0.0 also patches RuntimeClasses and feature rules."""

from kata_components.manifests.builders import Manifest, binding, role, rule, service_account, suffixed
from kata_components.settings.settings import Settings


def service_account_name(settings: Settings) -> str:
    """Return the ServiceAccount that per-node pods run as."""
    return suffixed(settings, "kata-deploy-sa")


def node_rbac(settings: Settings) -> list[Manifest]:
    """Return ServiceAccount, ClusterRole and ClusterRoleBinding of the per-node pods."""
    account = service_account(service_account_name(settings), settings.namespace)
    role_name = suffixed(settings, "kata-deploy-role")
    rules = [
        rule("", "nodes", "get patch"),
        rule("", "nodes/proxy", "get"),
        rule("node.k8s.io", "runtimeclasses", "get list patch"),
        rule("apiextensions.k8s.io", "customresourcedefinitions", "get list"),
        rule("nfd.k8s-sigs.io", "nodefeaturerules", "create delete get list patch update watch"),
        rule("apps", "daemonsets", "get list watch"),
    ]
    return [
        account,
        role(role_name, rules),
        binding(suffixed(settings, "kata-deploy-rb"), role_name, account),
    ]
