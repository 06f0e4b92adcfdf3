"""RuntimeClasses, one per enabled shim (contract 4), by which pods select Kata."""

from collections.abc import Iterator

from kata_components import names
from kata_components.manifests.builders import Manifest
from kata_components.manifests.node_feature_rules import key_resource, rules_are_active
from kata_components.settings.settings import Settings
from kata_components.settings.shims import Shim

_TEE_NODES = {
    "snp": "amd.feature.node.kubernetes.io/snp",
    "tdx": "intel.feature.node.kubernetes.io/tdx",
    "se": "feature.node.kubernetes.io/cpu-security.se.enabled",
}


def runtime_classes(settings: Settings) -> list[Manifest]:
    """Return the RuntimeClasses, with those of the default shim and for debugging if wanted."""
    if not settings.runtime_classes.enabled:
        return []
    return [
        _runtime_class(settings, name, handler, shim) for name, handler, shim in _named(settings)
    ]


def _named(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Yield name, handler and shim of each class."""
    for shim in settings.shims.enabled:
        for variant in ("", *settings.class_variants):
            handler = names.handler(shim, settings.env.multi_install_suffix, variant)
            yield handler, handler, shim
    default = settings.default_shim.first
    # Beside another installation, plain `kata` belongs to that one.
    wanted = settings.runtime_classes.create_default and not settings.env.multi_install_suffix
    if wanted and default in settings.shims.enabled:
        yield settings.runtime_classes.default_name, names.handler(default, ""), default


def _runtime_class(settings: Settings, name: str, handler: str, shim: str) -> Manifest:
    manifest: Manifest = {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {
            "name": name,
            "labels": {
                "app.kubernetes.io/managed-by": names.PROJECT,
                "kata-deploy/instance": settings.env.multi_install_suffix or "default",
            },
            "annotations": {"katacontainers.io/kata-version": settings.kata_version},
        },
        "handler": handler,
        "scheduling": {"nodeSelector": _node_selector(settings, shim)},
    }
    if fixed := _overhead(settings, shim):
        manifest["overhead"] = {"podFixed": fixed}
    return manifest


def _node_selector(settings: Settings, shim: str) -> dict[str, str]:
    own = settings.shims.enabled[shim].runtime_class.node_selector or _tee_nodes(settings, shim)
    required = dict.fromkeys(required_labels(settings), "true")
    return (
        {**own, **required}
        if settings.traits.instance_label_in_runtime_classes
        else {**required, **own}
    )


def required_labels(settings: Settings) -> list[str]:
    """Return the labels that must be `true` on a node for any class of this installation."""
    own = (
        [names.instance_label(settings.env.multi_install_suffix)]
        if settings.traits.instance_label_in_runtime_classes
        else []
    )
    return [names.RUNTIME_LABEL, *own]


def _tee_nodes(settings: Settings, shim: str) -> dict[str, str]:
    """Return the labels by which node-feature-discovery marks nodes for a confidential shim."""
    if not settings.node_feature_discovery.enabled or "nvidia-gpu" in shim:
        return {}
    ends = shim.removesuffix("-runtime-rs").endswith("-se")
    return {
        label: "true" for tee, label in _TEE_NODES.items() if (ends if tee == "se" else tee in shim)
    }


def _overhead(settings: Settings, shim: str) -> dict[str, str]:
    own: Shim = settings.shims.enabled[shim]
    globally = settings.runtime_classes.overhead_enabled
    enabled = (
        globally
        if own.runtime_class.overhead_enabled is None
        else own.runtime_class.overhead_enabled
    )
    overhead = own.runtime_class.overhead or settings.built_in_overheads[shim]
    fixed: dict[str, str] = overhead.model_dump() if enabled else {}
    if rules_are_active(settings) and (resource := key_resource(shim)):
        fixed[resource] = "1"
    return fixed
