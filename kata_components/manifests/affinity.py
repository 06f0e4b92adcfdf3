"""Affinity of the DaemonSet, with the virtualization that NFD finds (contract 3.11)."""

from collections.abc import Sequence

from kata_components.manifests.builders import Manifest
from kata_components.settings.affinity import NodeSelectorTerm, Requirement
from kata_components.settings.settings import Settings

_CPU = "feature.node.kubernetes.io/cpu-cpuid."
_ARCH = "kubernetes.io/arch"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def _all_in(**values: str) -> NodeSelectorTerm:
    keys = {"arch": _ARCH, "vmx": f"{_CPU}VMX", "svm": f"{_CPU}SVM"}
    return NodeSelectorTerm(
        matchExpressions=tuple(
            Requirement(key=keys[name], operator="In", values=tuple(text.split()))
            for name, text in values.items()
        )
    )


_VIRTUALIZATION = (
    _all_in(vmx="true", arch="amd64"),
    _all_in(svm="true", arch="amd64"),
    _all_in(arch="arm64 aarch64"),
    _all_in(arch="s390x"),
    _all_in(arch="ppc64le"),
    _all_in(arch="riscv64"),
)
"""Nodes that can run virtual machines; only on amd64 does a feature say so."""


def virtualization_terms(
    settings: Settings, terms: Sequence[NodeSelectorTerm]
) -> Sequence[NodeSelectorTerm]:
    """Return the user's terms, with node-feature-discovery only on nodes with virtualization."""
    if not settings.node_feature_discovery.enabled:
        return terms
    return [
        _combined(machine, term)
        for machine in _VIRTUALIZATION
        for term in terms or (NodeSelectorTerm(),)
    ]


def daemon_set_affinity(settings: Settings) -> Manifest:
    """Return the affinity of the DaemonSet's pods: the user's, on nodes with virtualization."""
    affinity: Manifest = settings.affinity.model_dump(
        mode="json", by_alias=True, exclude_unset=True
    )
    if settings.node_feature_discovery.enabled:
        terms = virtualization_terms(settings, settings.affinity.required_terms)
        required = {"nodeSelectorTerms": [_dumped(term) for term in terms]}
        affinity["nodeAffinity"] = {**(affinity.get("nodeAffinity") or {}), _REQUIRED: required}
    return affinity


def _combined(one: NodeSelectorTerm, other: NodeSelectorTerm) -> NodeSelectorTerm:
    return NodeSelectorTerm(
        matchExpressions=one.match_expressions + other.match_expressions,
        matchFields=one.match_fields + other.match_fields,
    )


def _dumped(term: NodeSelectorTerm) -> Manifest:
    fields = term.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return {name: value for name, value in fields.items() if value}
