"""Environment of the node program (contract 3.7): shims, snapshotters and options of the host."""

from collections.abc import Callable, Iterator, Mapping

from kata_components.manifests.builders import Manifest, base
from kata_components.manifests.mounted_configs import USER_DROP_IN_DIRECTORY, USER_DROP_IN_FILE
from kata_components.settings.settings import Settings
from kata_components.settings.shims import Shim

ARCHES = {"amd64": "X86_64", "arm64": "AARCH64", "s390x": "S390X", "ppc64le": "PPC64LE"}
"""How the variables name each architecture."""

_ALSO_EMPTY = {"INSTALLATION_PREFIX", "MULTI_INSTALL_SUFFIX"}

Shims = Mapping[str, Shim]


def environment(settings: Settings) -> list[Manifest]:
    """Return the `env` list of a node container, without empty variables, as the chart does."""
    node_name = {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
    return [node_name] + [
        {"name": name, "value": value}
        for name, value in _variables(settings)
        if value or name in _ALSO_EMPTY
    ]


def _variables(settings: Settings) -> Iterator[tuple[str, str]]:
    shims, snapshotter = settings.shims.enabled, settings.snapshotter
    yield "DAEMONSET_NAME", base(settings)
    yield "DEBUG", str(settings.debug).lower()
    yield from _per_arch("SHIMS", shims, " ".join)
    yield from _default_shims(settings)
    yield from _per_arch("ALLOWED_HYPERVISOR_ANNOTATIONS", shims, _annotations)
    yield from _per_arch("SNAPSHOTTER_HANDLER_MAPPING", shims, _snapshotters)
    yield (
        "AGENT_HTTPS_PROXY",
        _proxies({name: shim.agent.https_proxy for name, shim in shims.items()}),
    )
    yield "AGENT_NO_PROXY", _proxies({name: shim.agent.no_proxy for name, shim in shims.items()})
    yield from _per_arch("PULL_TYPE_MAPPING", shims, _pull_types)
    yield "INSTALLATION_PREFIX", settings.env.installation_prefix
    yield "MULTI_INSTALL_SUFFIX", settings.env.multi_install_suffix
    yield "EXPERIMENTAL_SETUP_SNAPSHOTTER", ",".join(snapshotter.setup)
    yield "EROFS_MERGE_MODE", snapshotter.erofs_merge_mode
    yield "EROFS_SNAPSHOTTER_MODE", snapshotter.erofs_snapshotter_mode
    yield "EROFS_DMVERITY", "dmverity" if snapshotter.erofs_dmverity else ""
    yield from _per_arch("EXPERIMENTAL_FORCE_GUEST_PULL", shims, _forced_guest_pull)
    yield "CONTAINERD_CONFIG_FILE_NAME", settings.containerd.config_file_name
    yield "K8S_DISTRIBUTION", _declared_distribution(settings)
    yield "CONTAINERD_CONFIG_DIR", _own_directory(settings)
    yield "CONTAINERD_USER_DROP_IN_SOURCE_FILE", _user_drop_in_file(settings)
    yield "HOST_OS", settings.env.host_os
    yield "CUSTOM_RUNTIMES_ENABLED", "true" if settings.custom_runtimes.active else ""
    yield "DEVKIT", "true" if settings.debug and settings.devkit else ""
    yield "STARTUP_TAINTS", ",".join(settings.startup_taints)
    yield "NVRC_ENABLE_DCGM", ";".join(n for n, shim in shims.items() if shim.nvrc.enable_dcgm)


def _declared_distribution(settings: Settings) -> str:
    """Return the distribution; none where the user's own directory must not be held against it."""
    traits = settings.traits
    fits = traits.config_directory_variable or not settings.containerd.config_dir
    return settings.k8s_distribution if traits.distribution_variable and fits else ""


def _own_directory(settings: Settings) -> str:
    return settings.containerd.config_dir if settings.traits.config_directory_variable else ""


def _user_drop_in_file(settings: Settings) -> str:
    return (
        f"{USER_DROP_IN_DIRECTORY}{USER_DROP_IN_FILE}"
        if settings.containerd.user_drop_in.strip()
        else ""
    )


def _per_arch(
    variable: str, shims: Shims, value: Callable[[Shims], str]
) -> Iterator[tuple[str, str]]:
    for arch, name in ARCHES.items():
        yield (
            f"{variable}_{name}",
            value({n: shim for n, shim in shims.items() if arch in shim.supported_arches}),
        )


def _default_shims(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the default shims, empty if not enabled or not supported on the architecture."""
    shims = settings.shims.enabled
    for arch, name in ARCHES.items():
        default: str = getattr(settings.default_shim, arch)
        fits = default in shims and arch in shims[default].supported_arches
        yield f"DEFAULT_SHIM_{name}", default if fits else ""


def _annotations(shims: Shims) -> str:
    allowed = {name: shim.allowed_hypervisor_annotations for name, shim in shims.items()}
    return " ".join(
        f"{name}:{','.join(annotations)}" for name, annotations in allowed.items() if annotations
    )


def _snapshotters(shims: Shims) -> str:
    return ",".join(
        f"{n}:{shim.containerd.snapshotter}"
        for n, shim in shims.items()
        if shim.containerd.snapshotter
    )


def _pull_types(shims: Shims) -> str:
    return ",".join(f"{name}:guest-pull" for name, shim in shims.items() if shim.guest_pull)


def _forced_guest_pull(shims: Shims) -> str:
    return ",".join(name for name, shim in shims.items() if shim.containerd.force_guest_pull)


def _proxies(proxies: Mapping[str, str]) -> str:
    return ";".join(f"{name}={proxy}" for name, proxy in proxies.items() if proxy)
