"""RuntimeClasses, one per shim that is on (contract 4): how pods ask for Kata."""

from collections.abc import Iterator

from kata_components import names
from kata_components.manifests.builders import Manifest, suffixed
from kata_components.settings.settings import Settings
from kata_components.settings.shims import Shim


def runtime_classes(settings: Settings) -> list[Manifest]:
    """Return the RuntimeClasses, the one of the default shim among them when asked for."""
    if not settings.runtime_classes.enabled:
        return []
    shims = settings.shims.enabled
    classes = [_runtime_class(settings, handler, handler, shim) for handler, shim in _handlers(settings)]
    default = _default_shim(settings)
    if default in shims and settings.runtime_classes.create_default and not settings.env.multi_install_suffix:
        classes.append(
            _runtime_class(settings, settings.runtime_classes.default_name, f"kata-{default}", shims[default])
        )
    return classes


def _handlers(settings: Settings) -> Iterator[tuple[str, Shim]]:
    for name, shim in settings.shims.enabled.items():
        yield suffixed(settings, f"kata-{name}"), shim


def _default_shim(settings: Settings) -> str:
    """Return the default shim of the first architecture that has one: a RuntimeClass is the same on all of them."""
    default = settings.default_shim
    return default.amd64 or default.arm64 or default.s390x or default.ppc64le


def _runtime_class(settings: Settings, name: str, handler: str, shim: Shim) -> Manifest:
    own = shim.runtime_class
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
        "scheduling": {"nodeSelector": {names.RUNTIME_LABEL: "true", **own.node_selector}},
    }
    globally = settings.runtime_classes.overhead_enabled
    if globally if own.overhead_enabled is None else own.overhead_enabled:
        manifest["overhead"] = {"podFixed": own.overhead.model_dump()}
    return manifest
