"""Who owns the Kubernetes objects under the names of an installation; reads only."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from kata_components.kubernetes.api import CALLS_AT_ONCE, KubeApi
from kata_components.kubernetes.concurrency import run_bounded
from kata_components.kubernetes.objects import Metadata, OwnedMetadata
from kata_components.planning import helm, ownership
from kata_components.planning.helm import Release


@dataclass(frozen=True, kw_only=True)
class ObjectName:
    """A Kubernetes object by name; an empty namespace means cluster-scoped.

    Written as `plural/namespace/name`.
    """

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
class There:
    """The objects that exist, by owner."""

    present: Collection[ObjectName]
    stacks: frozenset[str]
    """All stacks that some object names."""
    of_stacks: Mapping[ObjectName, str]
    """Those of other stacks."""
    released: Mapping[ObjectName, Release]
    """Those of a Helm release."""
    strangers: Sequence[ObjectName]
    """Those without an owner."""
    unnamed: Collection[ObjectName]
    """Ours, made by an older version that did not name the stack."""


async def look(
    api: KubeApi, objects: Sequence[ObjectName], stacks: Collection[str], *, established: bool
) -> There:
    """Return whose the objects are. Those that name one of `stacks` are ours.

    `established`: an installation of this stack is there. Then those that name none are ours too
    where Pulumi has applied them: an older version did not annotate its objects.
    """
    there = await _metadata(api, objects)
    named = {
        name: stack for name, metadata in there.items() if (stack := ownership.stack_of(metadata))
    }
    releases = {
        name: helm.release_of(metadata) for name, metadata in there.items() if name not in named
    }
    strangers = [name for name, release in releases.items() if release is None]
    applied: set[ObjectName] = set()
    if established and strangers:
        await run_bounded(CALLS_AT_ONCE, (_note_applied(api, name, applied) for name in strangers))
    return There(
        present=there.keys(),
        stacks=frozenset(named.values()),
        of_stacks={name: stack for name, stack in named.items() if stack not in stacks},
        released={name: release for name, release in releases.items() if release},
        strangers=[name for name in strangers if name not in applied],
        unnamed=applied,
    )


async def released(api: KubeApi, objects: Sequence[ObjectName]) -> dict[ObjectName, Release]:
    """Return those of the objects that carry the traces of a Helm release, whoever owns them."""
    there = {
        name: helm.release_of(metadata)
        for name, metadata in (await _metadata(api, objects)).items()
    }
    return {name: release for name, release in there.items() if release}


async def metadata(api: KubeApi, name: ObjectName) -> OwnedMetadata | None:
    """Return the metadata of one object with who set which field, None when there is none."""
    there = await api.get_metadata(name.api_version, name.plural, name.namespace, name.name)
    return there.metadata if there else None


async def _metadata(api: KubeApi, objects: Sequence[ObjectName]) -> dict[ObjectName, Metadata]:
    """Return the metadata of those that exist; asked by kind, since there are many."""
    kinds = dict.fromkeys(name.kind for name in objects)
    listed = await asyncio.gather(*(api.list_metadata(*kind) for kind in kinds))
    found = {
        (kind, o.metadata.name): o.metadata
        for kind, items in zip(kinds, listed, strict=True)
        for o in items
    }
    there = {name: found.get((name.kind, name.name)) for name in objects}
    return {name: metadata for name, metadata in there.items() if metadata}


async def _note_applied(api: KubeApi, name: ObjectName, applied: set[ObjectName]) -> None:
    there = await metadata(api, name)
    if there is None or ownership.is_applied_by_pulumi(there):
        applied.add(name)
