"""Rights of upstream's dispatcher: it lists nodes and makes the per-node Jobs."""

from kata_components.manifests.builders import Manifest, binding, role, rule, service_account, suffixed
from kata_components.settings.settings import Settings


def dispatcher_account_name(settings: Settings) -> str:
    """Return the ServiceAccount that the dispatcher runs as."""
    return suffixed(settings, "kata-deploy-dispatcher-sa")


def dispatcher_rbac(settings: Settings) -> list[Manifest]:
    """Return the ServiceAccount, its role on nodes and its role on Jobs in the namespace, with their bindings."""
    namespace = settings.namespace
    account = service_account(dispatcher_account_name(settings), namespace)
    node_role, job_role = (suffixed(settings, f"kata-deploy-dispatcher-{name}") for name in ("noderole", "role"))
    return [
        account,
        role(node_role, [rule("", "nodes", "list")]),
        binding(suffixed(settings, "kata-deploy-dispatcher-noderb"), node_role, account),
        role(job_role, [rule("batch", "jobs", "create get delete")], namespace),
        binding(suffixed(settings, "kata-deploy-dispatcher-rb"), job_role, account, namespace),
    ]
