"""Objects of a Helm release: found, and taken over where the user says so (docs/adr/0009)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

from kata_components import names
from kata_components.errors import ApiError
from kata_components.kubernetes.api import CALLS_AT_ONCE, KubeApi
from kata_components.kubernetes.objects import OwnedMetadata
from kata_components.rollout import guards, helm, report
from kata_components.rollout.covers import covers
from kata_components.rollout.guards import Refusal
from kata_components.rollout.helm import Release
from kata_components.runner import fleet
from kata_components.runner.at_once import at_once

_TRIES: Final = 5


@dataclass(frozen=True, kw_only=True)
class ObjectName:
    """A Kubernetes object by name; an empty namespace means cluster-scoped. Written as `plural/namespace/name`."""

    api_version: str
    plural: str
    namespace: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the object that `apiVersion plural namespace name` names."""
        api_version, plural, namespace, name = text.split(" ")
        return cls(api_version=api_version, plural=plural, namespace=namespace, name=name)

    @property
    def kind(self) -> tuple[str, str, str]:
        """API version, plural and namespace: all that is like it stands there."""
        return self.api_version, self.plural, self.namespace

    def __str__(self) -> str:
        """Return it as messages name it."""
        return "/".join(filter(None, (self.plural, self.namespace, self.name)))


@dataclass(frozen=True, kw_only=True)
class TakeoverRequest:
    """What of an installation may belong to a Helm release, and whether it may be taken over.

    `pods` is the pod template of daemonset mode.
    """

    objects: tuple[ObjectName, ...]
    adopt: bool
    mode: str
    namespace: str
    suffix: str
    pods: Mapping[str, Any] | None

    @property
    def of_other_mode(self) -> ObjectName:
        """The object that an installation has in the other deployment mode only."""
        kind = (
            ("apps/v1", "daemonsets", names.base) if self.mode == "job" else ("v1", "configmaps", names.job_templates)
        )
        version, plural, name = kind
        return ObjectName(api_version=version, plural=plural, namespace=self.namespace, name=name(self.suffix))


class Finding(NamedTuple):
    """What a preview has to say: at most one of the two."""

    refusal: Refusal | None = None
    announcement: str | None = None


async def examine(api: KubeApi, request: TakeoverRequest) -> Finding:
    """Look for objects of a Helm release; reads only."""
    found = await _released(api, request.objects)
    if not found:
        return Finding()
    releases = _releases(found)
    if not request.adopt:
        return Finding(refusal=guards.foreign_objects([str(name) for name in found], releases))
    other = next(map(str, await _released(api, [request.of_other_mode])), None)
    refusal = guards.takeover(releases, request.namespace, request.mode, other)
    if refusal:
        return Finding(refusal=refusal)
    restarted = await _restarted_pods(api, request)
    return Finding(announcement=report.takeover_plan(len(found), max(releases), restarted))


async def carry_out(api: KubeApi, objects: Sequence[ObjectName]) -> str | None:
    """Take the objects out of Helm's hands that are in them; their specs stay. Return what is left to do, if any."""
    found = await _released(api, objects)
    await at_once(CALLS_AT_ONCE, (_let_go(api, name) for name in found))
    return report.taken_over(len(found), max(_releases(found))) if found else None


async def _released(api: KubeApi, objects: Sequence[ObjectName]) -> dict[ObjectName, Release]:
    """Return those of the objects that exist and belong to a Helm release; asked by kind, since there are many."""
    kinds = dict.fromkeys(name.kind for name in objects)
    listed = await asyncio.gather(*(api.list_metadata(*kind) for kind in kinds))
    found = {(kind, o.metadata.name): o.metadata for kind, items in zip(kinds, listed, strict=True) for o in items}
    there = {name: found.get((name.kind, name.name)) for name in objects}
    releases = {name: helm.release_of(metadata) for name, metadata in there.items() if metadata}
    return {name: release for name, release in releases.items() if release}


def _releases(found: Mapping[ObjectName, Release]) -> set[Release]:
    """Return the releases; objects that name none count as theirs."""
    return {release for release in found.values() if release.name} or set(found.values())


async def _restarted_pods(api: KubeApi, request: TakeoverRequest) -> int | None:
    """Return how many pods of the DaemonSet restart when it becomes this stack's, None when there is none."""
    live = await fleet.daemon_set(api, request.namespace, names.base(request.suffix)) if request.pods else None
    if live is None:
        return None
    return 0 if covers(live.spec and live.spec.template, request.pods) else live.scheduled


async def _metadata(api: KubeApi, name: ObjectName) -> OwnedMetadata | None:
    there = await api.get_metadata(name.api_version, name.plural, name.namespace, name.name)
    return there.metadata if there else None


async def _let_go(api: KubeApi, name: ObjectName) -> None:
    """Remove Helm's traces from one object; again when another manager wrote to it in between."""
    for tries_left in reversed(range(_TRIES)):
        metadata = await _metadata(api, name)
        if metadata is None or helm.release_of(metadata) is None:
            return
        patch = helm.letting_go(metadata)
        try:
            await api.patch_metadata(name.api_version, name.plural, name.namespace, name.name, patch)
        except ApiError as error:
            if not error.conflict or not tries_left:
                raise
        else:
            return
