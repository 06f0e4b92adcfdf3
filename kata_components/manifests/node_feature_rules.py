"""Nodes count their TEE keys, and confidential pods request one (contract 3.16; 4.1.0)."""

from typing import Any

from kata_components import names
from kata_components.manifests.builders import Manifest, suffixed
from kata_components.settings.settings import Settings

_RULES = {
    "snp": (
        "amd.sev-snp",
        "amd.feature.node.kubernetes.io/snp",
        "sev-snp.amd.com/esids",
        "sev.encrypted_state_ids",
    ),
    "tdx": (
        "intel.tdx",
        "intel.feature.node.kubernetes.io/tdx",
        "tdx.intel.com/keys",
        "tdx.total_keys",
    ),
}
_ENABLED = {"snp": "sev.snp.enabled", "tdx": "tdx.enabled"}


def rules_are_active(settings: Settings) -> bool:
    """Whether nodes advertise keys.

    `auto` follows node-feature-discovery, as the chart does without a cluster.
    """
    create = settings.node_feature_rules.create
    return create == "true" or (create == "auto" and settings.node_feature_discovery.enabled)


def key_resource(shim: str) -> str | None:
    """Return the resource that a pod of a confidential shim requests, None for other shims."""
    return next((resource for tee, (_, _, resource, _) in _RULES.items() if tee in shim), None)


def node_feature_rules(settings: Settings) -> list[Manifest]:
    """Return the rule object, if nodes should count keys."""
    if not rules_are_active(settings):
        return []
    labels = {
        "app.kubernetes.io/managed-by": names.PROJECT,
        "app.kubernetes.io/instance": settings.helm_release_name,
        "kata-deploy/instance": settings.env.multi_install_suffix or "default",
    }
    return [
        {
            "apiVersion": "nfd.k8s-sigs.io/v1alpha1",
            "kind": "NodeFeatureRule",
            "metadata": {"name": suffixed(settings, "kata-tee-keys"), "labels": labels},
            "spec": {"rules": [_rule(tee) for tee in _RULES]},
        }
    ]


def _rule(tee: str) -> dict[str, Any]:
    name, label, resource, feature = _RULES[tee]
    return {
        "name": name,
        "labels": {label: "true"},
        "extendedResources": {resource: f"@cpu.security.{feature}"},
        "matchFeatures": [
            {"feature": "cpu.security", "matchExpressions": {_ENABLED[tee]: {"op": "Exists"}}}
        ],
    }
