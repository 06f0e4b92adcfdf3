"""RuntimeClasses of the user's own runtimes (contract 4.5): as written, but on Kata's nodes."""

from copy import deepcopy

from kata_components import names
from kata_components.manifests.builders import Manifest
from kata_components.settings.custom_runtimes import CustomRuntime
from kata_components.settings.settings import Settings


def custom_runtime_classes(settings: Settings) -> list[Manifest]:
    """Return the RuntimeClass of each custom runtime, in the order of the runtimes' names."""
    return [
        _runtime_class(settings, runtime) for runtime in settings.custom_runtimes.active.values()
    ]


def _runtime_class(settings: Settings, runtime: CustomRuntime) -> Manifest:
    manifest = deepcopy(runtime.class_object)
    # It is cluster-scoped, so the API server drops a namespace.
    manifest["metadata"].pop("namespace", None)
    base = settings.built_in_overheads.get(runtime.base_config)
    if base and runtime.inherit_base_overhead:
        own = (manifest.get("overhead") or {}).get("podFixed") or {}
        manifest["overhead"] = {
            **(manifest.get("overhead") or {}),
            "podFixed": base.model_dump() | own,
        }
    if settings.traits.instance_label_in_runtime_classes:
        scheduling = manifest.get("scheduling") or {}
        label = {names.instance_label(settings.env.multi_install_suffix): "true"}
        manifest["scheduling"] = {
            **scheduling,
            "nodeSelector": (scheduling.get("nodeSelector") or {}) | label,
        }
    return manifest
