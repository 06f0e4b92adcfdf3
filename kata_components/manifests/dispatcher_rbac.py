"""Rights of upstream's dispatcher on nodes, Jobs and, where it reports with them, Events."""

from kata_components.manifests.builders import (
    Manifest,
    binding,
    role,
    rule,
    rules,
    service_account,
    suffixed,
)
from kata_components.settings.settings import Settings
from kata_components.settings.traits import Rule

EVENTS = "kata-deploy-dispatcher-events"
"""What the names of the objects start with that grant rights on Events."""
_OF_NODES = "default"
"""The namespace of Events about objects without one."""


def dispatcher_account_name(settings: Settings) -> str:
    """Return the name of the ServiceAccount that the dispatcher runs as."""
    return suffixed(settings, "kata-deploy-dispatcher-sa")


def dispatcher_rbac(settings: Settings) -> list[Manifest]:
    """Return the ServiceAccount with a role on nodes, one in the namespace, and one on Events."""
    namespace = settings.namespace
    account = service_account(dispatcher_account_name(settings), namespace)
    node_role, job_role = (
        suffixed(settings, f"kata-deploy-dispatcher-{name}") for name in ("noderole", "role")
    )
    return [
        account,
        role(node_role, rules(settings.traits.dispatcher_node_rules) + _kubelet_rules(settings)),
        binding(suffixed(settings, "kata-deploy-dispatcher-noderb"), node_role, account),
        role(job_role, rules(_job_rules(settings)), namespace),
        binding(suffixed(settings, "kata-deploy-dispatcher-rb"), job_role, account, namespace),
        *_event_rbac(settings, account),
    ]


def _job_rules(settings: Settings) -> tuple[Rule, ...]:
    traits = settings.traits
    return (
        traits.reconcile_job_rules
        if settings.job.reconcile.enabled
        else traits.dispatcher_job_rules
    )


def _event_rbac(settings: Settings, account: Manifest) -> list[Manifest]:
    if not settings.traits.dispatcher_event_rules:
        return []
    name = suffixed(settings, f"{EVENTS}-role")
    return [
        role(name, rules(settings.traits.dispatcher_event_rules), _OF_NODES),
        binding(suffixed(settings, f"{EVENTS}-rb"), name, account, _OF_NODES),
    ]


def warns_of_kubelet_timeouts(settings: Settings) -> bool:
    """Whether the dispatcher checks the kubelets' timeout, which guest pulls and erofs exceed."""
    in_guest = any(
        shim.guest_pull and shim.supported_arches for shim in settings.shims.enabled.values()
    )
    custom = any(
        runtime.crio.pull_type == "guest-pull"
        for runtime in settings.custom_runtimes.active.values()
    )
    return settings.traits.token_free_jobs and (
        in_guest or custom or "erofs" in settings.snapshotter.setup
    )


def _kubelet_rules(settings: Settings) -> list[Manifest]:
    return [rule("", "nodes/proxy", "get")] if warns_of_kubelet_timeouts(settings) else []
