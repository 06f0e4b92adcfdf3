"""Objects of others under the names of an installation: refused, or adopted (docs/adr/0009)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from kata_components import names
from kata_components.errors import ApiError
from kata_components.kubernetes.api import CALLS_AT_ONCE, KubeApi, Manifest
from kata_components.kubernetes.concurrency import run_bounded
from kata_components.operations import fleet, report
from kata_components.operations.objects_there import ObjectName, look, metadata, released
from kata_components.planning import helm, ownership
from kata_components.planning.guardrails import Refusal
from kata_components.planning.helm import Release
from kata_components.planning.noop_apply import is_noop_apply

_TRIES: Final = 5


@dataclass(frozen=True, kw_only=True)
class AdoptionRequest:
    """The objects of an installation, and whether those of others may be taken over."""

    objects: tuple[ObjectName, ...]
    stacks: frozenset[str]
    """Objects that name one of these stacks are ours."""
    established: bool
    """Whether this stack already has an installation; see `look`."""
    adopt: bool
    """Whether objects of others may be taken over."""
    mode: str
    """The deployment mode."""
    namespace: str
    suffix: str
    contents: Mapping[ObjectName, Manifest] = field(default_factory=dict)
    """The manifests of the DaemonSet and of what must be equal to be taken over."""

    @property
    def daemon_set(self) -> ObjectName:
        """The object that an installation has in daemonset mode only."""
        return self._own("apps/v1", "daemonsets", names.base(self.suffix))

    @property
    def of_other_mode(self) -> ObjectName:
        """The object that an installation has in the other deployment mode only."""
        if self.mode == "job":
            return self.daemon_set
        return self._own("v1", "configmaps", names.job_templates(self.suffix))

    def _own(self, version: str, plural: str, name: str) -> ObjectName:
        return ObjectName(api_version=version, plural=plural, namespace=self.namespace, name=name)


class AdoptionCheck(NamedTuple):
    """What a preview says about the objects that exist."""

    refusals: Sequence[Refusal] = ()
    announcements: Sequence[str] = ()
    stacks: frozenset[str] = frozenset()
    """All stacks that some object names."""


async def check(api: KubeApi, request: AdoptionRequest) -> AdoptionCheck:
    """Look for objects of others; reads only.

    Objects of another stack are refused, and so is what works on nodes in the other mode. Objects
    of a Helm release, or without an owner, are refused or, with `adopt`, announced. Cluster-scoped
    objects are taken over only if they equal what this configuration makes: they may be another
    team's.
    """
    looked_at = (*request.objects, request.of_other_mode)
    there = await look(api, looked_at, request.stacks, established=request.established)
    other = str(request.of_other_mode) if request.of_other_mode in there.present else None
    mine = [name for name in request.objects if name in there.present]
    helms = {name: release for name, release in there.released.items() if name in mine}
    strangers = [name for name in there.strangers if name in mine]
    found = [
        ownership.of_other_stacks({str(name): stack for name, stack in there.of_stacks.items()}),
        ownership.other_mode(other, request.mode),
    ]
    if not request.adopt:
        found.append(ownership.foreign_objects([*map(str, helms)], set(helms.values())))
        found.append(ownership.strangers([*map(str, strangers)]))
    else:
        found.append(ownership.takeover(set(helms.values()), request.namespace))
        found.append(
            ownership.differing(
                [str(name) for name in strangers if not await _is_alike(api, name, request)]
            )
        )
    refusals = [refusal for refusal in found if refusal]
    unnamed = [name for name in mine if name in there.unnamed]
    announcements = (
        [] if refusals else await _announcements(api, request, helms, strangers, len(unnamed))
    )
    return AdoptionCheck(refusals, announcements, there.stacks)


async def _announcements(
    api: KubeApi,
    request: AdoptionRequest,
    helms: Mapping[ObjectName, Release],
    strangers: Sequence[ObjectName],
    unnamed: int,
) -> list[str]:
    texts = [report.naming_plan(unnamed)] if unnamed else []
    restarted = (
        await _restarted_pods(api, request) if request.daemon_set in {*helms, *strangers} else None
    )
    if helms:
        pods = restarted if request.daemon_set in helms else None
        texts.append(report.takeover_plan(len(helms), max(helms.values()), pods))
    if strangers:
        pods = restarted if request.daemon_set in strangers else None
        texts.append(report.adoption_plan([*map(str, strangers)], pods))
    return texts


async def adopt(api: KubeApi, objects: Sequence[ObjectName]) -> str | None:
    """Take those objects that Helm owns away from it; their specs stay.

    Return what is left for the user to do, if anything.
    """
    found = await released(api, objects)
    await run_bounded(CALLS_AT_ONCE, (_release_from_helm(api, name) for name in found))
    return report.taken_over(len(found), max(found.values())) if found else None


async def _is_alike(api: KubeApi, name: ObjectName, request: AdoptionRequest) -> bool:
    """Whether a cluster-scoped object equals what this configuration would make, metadata apart."""
    if name.namespace:
        return True
    live = _content(await api.get_object(name.api_version, name.plural, name.namespace, name.name))
    wanted = _content(request.contents.get(name))
    return is_noop_apply(live, wanted) and is_noop_apply(wanted, live)


def _content(manifest: Manifest | None) -> dict[str, Any]:
    return {
        key: value
        for key, value in (manifest or {}).items()
        if key not in {"apiVersion", "kind", "metadata"}
    }


async def _restarted_pods(api: KubeApi, request: AdoptionRequest) -> int | None:
    """Return how many pods restart when the DaemonSet becomes this stack's, None without one."""
    live = await fleet.daemon_set(api, request.namespace, request.daemon_set.name)
    if live is None:
        return None
    wanted = request.contents[request.daemon_set]["spec"]["template"]
    return 0 if is_noop_apply(live.spec and live.spec.template, wanted) else live.scheduled


async def _release_from_helm(api: KubeApi, name: ObjectName) -> None:
    """Remove Helm's traces from one object; repeat if another manager writes to it meanwhile."""
    for tries_left in reversed(range(_TRIES)):
        owned = await metadata(api, name)
        if owned is None or helm.release_of(owned) is None:
            return
        patch = helm.letting_go(owned)
        try:
            await api.patch_metadata(
                name.api_version, name.plural, name.namespace, name.name, patch
            )
        except ApiError as error:
            if not error.conflict or not tries_left:
                raise
        else:
            return
