"""Which architectures the shims that are on leave without what the node program needs there (contract 3.7, 4.6).

Which of them matter depends on the nodes, so this is no rule of the configuration: planning asks it
of the nodes.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from kata_components.settings.profile import load_profile
from kata_components.settings.settings import Settings
from kata_components.settings.shims import ARCHES, Arch

_FALLBACK: Final = "qemu-runtime-rs"
"""The default shim that the node program takes when it is told none."""


def architecture_problems(settings: Settings) -> Mapping[str, str]:
    """Return what the node program would refuse on nodes of each architecture, and what to write instead.

    Every architecture that there are shims for is a key; the text is empty where nothing stands
    against its nodes.
    """
    return {arch: "; ".join(_problems(settings, arch)) for arch in ARCHES}


def _problems(settings: Settings, arch: Arch) -> Iterator[str]:
    shims = settings.shims.enabled
    if not shims:
        return  # With nothing but custom runtimes, the node program installs all shims it has, for their sake.
    there = [name for name, shim in shims.items() if arch in shim.supported_arches]
    if there:
        yield from _default(settings, arch, there)
    else:
        usual = load_profile(settings.kata_version).values["defaultShim"][arch]
        yield (
            f"no shim is on for {arch}, and the node program would install all that it has; "
            f"set `shims.{usual}.enabled: true` and `defaultShim.{arch}: {usual}`"
        )
    for name, shim in shims.items():
        for key, value in (
            ("httpsProxy", shim.agent.https_proxy),
            ("noProxy", shim.agent.no_proxy),
        ):
            if value and name not in there:
                yield (
                    f"shims.{name}.agent.{key} is set, which the node program refuses where {name} is not installed, "
                    f"as on {arch}; remove it"
                )
    for name, runtime in settings.custom_runtimes.active.items():
        if runtime.base_config not in shims:
            yield (
                f"customRuntimes.runtimes.{name}.baseConfig is {runtime.base_config}, which is off, so its hypervisor "
                f"would not be installed; set `shims.{runtime.base_config}.enabled: true`"
            )


def _default(settings: Settings, arch: Arch, there: list[str]) -> Iterator[str]:
    asked: str = getattr(settings.default_shim, arch)
    if (asked or _FALLBACK) in there:
        return
    what = f"is {asked}" if asked else f"is empty, which means {_FALLBACK}"
    instead = f"set `defaultShim.{arch}: {there[0]}`"
    if len(there) > 1:
        instead = f"set `defaultShim.{arch}` to {', '.join(there[:-1])} or {there[-1]}"
    then = f"would take {_FALLBACK}" if _FALLBACK in there else "stops"
    yield f"defaultShim.{arch} {what}, which is not on for {arch}, and the node program {then}; {instead}"
