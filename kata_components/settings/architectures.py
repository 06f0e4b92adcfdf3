"""Architectures on which the enabled shims lack what the node program needs (contract 3.7, 4.6).

Which of them matter depends on the nodes, so planning checks this, not the configuration's rules.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from kata_components.settings.profile import load_profile
from kata_components.settings.settings import Settings
from kata_components.settings.shims import ARCHES, Arch

_FALLBACK: Final = "qemu-runtime-rs"
"""The shim that the node program falls back to without a default."""


def architecture_problems(settings: Settings) -> Mapping[str, str]:
    """Return, by architecture, what the node program would refuse on its nodes, with the fix.

    Every architecture that has shims is a key; its text is empty where nothing is wrong.
    """
    return {arch: "; ".join(_problems(settings, arch)) for arch in ARCHES}


def _problems(settings: Settings, arch: Arch) -> Iterator[str]:
    shims = settings.shims.enabled
    if not shims:
        return  # With custom runtimes alone, the node program installs all of its shims for them.
    installed = [name for name, shim in shims.items() if arch in shim.supported_arches]
    if installed:
        yield from _default(settings, arch, installed)
    else:
        usual = load_profile(settings.kata_version).values["defaultShim"][arch]
        yield (
            f"no shim is enabled for {arch}, so the node program would install all of its shims; "
            f"set `shims.{usual}.enabled: true` and `defaultShim.{arch}: {usual}`"
        )
    for name, shim in shims.items():
        for key, value in (
            ("httpsProxy", shim.agent.https_proxy),
            ("noProxy", shim.agent.no_proxy),
        ):
            if value and name not in installed:
                yield (
                    f"shims.{name}.agent.{key} is set, which the node program refuses "
                    f"where {name} is not installed, as on {arch}; remove it"
                )
    for name, runtime in settings.custom_runtimes.active.items():
        if runtime.base_config not in shims:
            yield (
                f"customRuntimes.runtimes.{name}.baseConfig is {runtime.base_config}, "
                "which is not enabled, so its hypervisor would not be installed; "
                f"set `shims.{runtime.base_config}.enabled: true`"
            )


def _default(settings: Settings, arch: Arch, installed: list[str]) -> Iterator[str]:
    default: str = getattr(settings.default_shim, arch)
    if (default or _FALLBACK) in installed:
        return
    meaning = f"is {default}" if default else f"is empty, which means {_FALLBACK}"
    instead = f"set `defaultShim.{arch}: {installed[0]}`"
    if len(installed) > 1:
        instead = f"set `defaultShim.{arch}` to {', '.join(installed[:-1])} or {installed[-1]}"
    then = f"fall back to {_FALLBACK}" if _FALLBACK in installed else "stop"
    yield (
        f"defaultShim.{arch} {meaning}, which is not enabled for {arch}, "
        f"so the node program would {then}; {instead}"
    )
