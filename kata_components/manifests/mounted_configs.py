"""ConfigMaps that the pods on the nodes mount (contract 3.10): drop-ins and custom runtimes."""

from collections.abc import Iterator

from kata_components.manifests.builders import Manifest, as_block, checksum, config_map, suffixed
from kata_components.settings.settings import Settings

USER_DROP_IN_FILE = "containerd-user-dropin.toml"
USER_DROP_IN_DIRECTORY = "/custom-containerd-config/"
_CUSTOM_CONFIGS_DIRECTORY = "/custom-configs/"


def user_drop_in(settings: Settings) -> Manifest | None:
    """Return the ConfigMap with the user's containerd configuration, None without one."""
    if not settings.containerd.user_drop_in.strip():
        return None
    name = suffixed(settings, "kata-deploy-containerd-user-dropin")
    return config_map(
        settings, name, {USER_DROP_IN_FILE: as_block(settings.containerd.user_drop_in)}
    )


def custom_configs(settings: Settings) -> Manifest | None:
    """Return the ConfigMap with the list of custom runtimes and all drop-ins of Kata, if any."""
    data = dict(_custom_configs(settings))
    return (
        config_map(settings, suffixed(settings, "kata-deploy-custom-configs"), data)
        if data
        else None
    )


def _custom_configs(settings: Settings) -> Iterator[tuple[str, str]]:
    runtimes = settings.custom_runtimes.active.values()
    if runtimes:
        lines = (
            f"{r.handler}:{r.base_config}:{r.containerd.snapshotter}:{r.crio.pull_type}\n"
            for r in runtimes
        )
        yield "custom-runtimes.list", "".join(lines)
    drop_ins = {runtime.handler: runtime.drop_in for runtime in runtimes}
    drop_ins |= {name: shim.drop_in for name, shim in settings.shims.enabled.items()}
    for name, text in drop_ins.items():
        if text.strip():
            yield f"dropin-{name}.toml", as_block(text)


def mounted_configs(settings: Settings) -> list[Manifest]:
    """Return all these ConfigMaps."""
    return [manifest for manifest, *_ in _mounted(settings)]


def mounts(settings: Settings) -> list[Manifest]:
    """Return the mounts of the ConfigMaps in a container."""
    return [
        {"name": name, "mountPath": path, "readOnly": True} for _, name, path in _mounted(settings)
    ]


def volumes(settings: Settings) -> list[Manifest]:
    """Return the volumes of the ConfigMaps."""
    return [
        {"name": name, "configMap": {"name": m["metadata"]["name"]}}
        for m, name, _ in _mounted(settings)
    ]


def checksum_annotations(settings: Settings) -> dict[str, str]:
    """Return annotations with which pods are replaced on a change, where the version has them."""
    if not settings.traits.checksum_annotations:
        return {}
    names = {
        "custom-containerd-config": "containerd-user-dropin",
        "custom-configs": "custom-configs",
    }
    return {
        f"checksum/{names[volume]}": checksum(manifest["data"])
        for manifest, volume, _ in _mounted(settings)
    }


def mounted_fingerprints(settings: Settings) -> dict[str, dict[str, str]]:
    """Return fingerprints of what is mounted, by ConfigMap and file, for the host digest."""
    return {
        m["metadata"]["name"]: {file: checksum(text)[:12] for file, text in m["data"].items()}
        for m in mounted_configs(settings)
    }


def _mounted(settings: Settings) -> Iterator[tuple[Manifest, str, str]]:
    """Yield each ConfigMap with the name of its volume and the path of its mount."""
    if manifest := user_drop_in(settings):
        yield manifest, "custom-containerd-config", USER_DROP_IN_DIRECTORY
    if manifest := custom_configs(settings):
        yield manifest, "custom-configs", _CUSTOM_CONFIGS_DIRECTORY
