"""Rules on names composed of several settings: none is too long, and none occurs twice."""

from collections.abc import Iterator
from typing import get_args

from kata_components import names
from kata_components.settings.model import is_dns_name
from kata_components.settings.problems import Problem, shown
from kata_components.settings.settings import Settings
from kata_components.settings.shims import ARCHES


def name_problems(settings: Settings) -> Iterator[Problem]:
    """Yield a problem for each broken rule."""
    yield from _too_long_suffix(settings)
    yield from _clashing_runtimes(settings)
    yield from _absent_default_class(settings)
    yield from _unusable_job_name(settings)


def _too_long_suffix(settings: Settings) -> Iterator[Problem]:
    """Yield a problem when the suffix makes a name or a label value too long for Kubernetes."""
    suffix = settings.env.multi_install_suffix
    whose, name = max(
        _with_suffix(settings, suffix), key=lambda derived: len(derived[1]), default=("", "")
    )
    most = names.MAX_NAME - (len(name) - len(suffix))
    if suffix and len(suffix) > most:
        shorter = "use a shorter one" if most > 0 else "use none"
        yield Problem(
            ("env", "multiInstallSuffix"),
            f"must have at most {max(most, 0)} characters, "
            f"got {shown(suffix)} with {len(suffix)}: {whose} {name} has {len(name)}, "
            f"and Kubernetes allows {names.MAX_NAME}; {shorter}",
        )


def _with_suffix(settings: Settings, suffix: str) -> Iterator[tuple[str, str]]:
    """Yield each name limited to 63 characters that contains the suffix, with what it names.

    A handler is a DNS label. All other names with the suffix are truncated, or may have 253
    characters.
    """
    if settings.deployment_mode == "job":
        for kind in get_args(names.JobKind):
            yield "the owner label of its Jobs", names.job_prefix(suffix, kind)
    for shim in settings.shims.enabled if settings.runtime_classes.enabled else ():
        for variant in ("", *settings.class_variants):
            yield f"the RuntimeClass handler of shims.{shim},", names.handler(shim, suffix, variant)


def _clashing_runtimes(settings: Settings) -> Iterator[Problem]:
    """Yield a problem for each runtime that takes a handler, RuntimeClass or drop-in of a shim."""
    suffix, variants = settings.env.multi_install_suffix, ("", *settings.class_variants)
    shims, default = settings.shims.enabled, _default_class(settings)
    handlers = {names.handler(shim, suffix, variant) for shim in shims for variant in variants}
    classes = handlers if settings.runtime_classes.enabled else set()
    if default in classes:
        yield Problem(
            ("runtimeClasses", "defaultName"),
            f"{default!r} is the RuntimeClass of a shim; use another name",
        )
    for name, runtime in settings.custom_runtimes.active.items():
        path = ("customRuntimes", "runtimes", name, "runtimeClass")
        clashes = {runtime.handler} & handlers | {runtime.class_name} & classes
        if runtime.class_name == default:
            yield Problem(
                path,
                f"{default!r} is runtimeClasses.defaultName; use another name, "
                "or set runtimeClasses.createDefault to false",
            )
        # Drop-in files are named after the handler here, and after the shim there.
        if runtime.handler in shims and (
            runtime.drop_in.strip() or shims[runtime.handler].drop_in.strip()
        ):
            clashes.add(runtime.handler)
        for found in sorted(clashes):
            yield Problem(path, f"{found!r} is already used by a shim; use another name")


def _default_class(settings: Settings) -> str | None:
    """Return the name of the RuntimeClass of the default shim, None if it is not created.

    A second installation never creates it: plain `kata` belongs to the first.
    """
    classes = settings.runtime_classes
    wanted = classes.enabled and classes.create_default and not settings.env.multi_install_suffix
    return classes.default_name if wanted else None


def _absent_default_class(settings: Settings) -> Iterator[Problem]:
    """Yield a problem when the wanted RuntimeClass of the default shim would not be created."""
    name, default = _default_class(settings), settings.default_shim.first
    if name and default not in settings.shims.enabled:
        arch = next((arch for arch in ARCHES if getattr(settings.default_shim, arch)), ARCHES[0])
        yield Problem(
            ("runtimeClasses", "createDefault"),
            f"the class {name!r} would not be created, because the first default shim, "
            f"{default or 'none'!r}, is not enabled; set defaultShim.{arch} to an enabled shim",
        )


def _unusable_job_name(settings: Settings) -> Iterator[Problem]:
    """Yield a problem when the verification Job's name is invalid; its pods carry it as a label."""
    job = names.verification_job(settings.full_name)
    if settings.verification.enabled and not is_dns_name(job, names.MAX_NAME):
        key = "helmReleaseName"
        if settings.name_override or settings.fullname_override:
            key = "fullnameOverride" if settings.fullname_override else "nameOverride"
        yield Problem(
            (key,),
            f"makes {shown(job)} the name of the verification Job, which may have at most "
            f"{names.MAX_NAME} lower-case letters, digits, hyphens and dots; "
            "use a shorter or plainer one",
        )
