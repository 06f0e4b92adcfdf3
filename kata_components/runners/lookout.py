"""Looks at slow Jobs: what their pods, events and nodes tell of what holds them up."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Self, TypeVar

from kata_components.errors import ClusterError
from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.nodes import Node
from kata_components.kubernetes.pods import Event, Pod
from kata_components.pacing.holdup import Holdup, explained_by_events, holdup
from kata_components.planning import node_jobs
from kata_components.planning.node_jobs import NodeJob
from kata_components.planning.taints import Toleration

_LOOK_SECONDS: Final = 20.0
"""The longest pause between two looks.

A Job that was at work at the last look is slow; rollouts of quick Jobs cost nothing.
"""
_LOOKS: Final = 4
"""How many looks fit into the time limit of a Job: at its deadline, its pods are removed."""
_ANSWER_SECONDS: Final = 10.0
_NODES_AT_ONCE: Final = 100
"""How many nodes are read in one look; a full Node has 20 KB."""
_EVENTS_AT_ONCE: Final = 5
"""For how many Jobs whose pods tell nothing the events are read; the others most likely have the
same reason."""
_HOSTNAME: Final = "kubernetes.io/hostname"
"""Nodes cannot be listed by name. Where this label differs from it, the node is not looked at."""
_MAX_LABEL: Final = 63

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Lookout:
    """Looks at Jobs whose pods `selector` matches and have these tolerations.

    It only helps to understand a run, so its errors are ignored.
    """

    api: KubeApi
    namespace: str
    selector: str
    tolerations: Sequence[Toleration] = ()
    pause: float = _LOOK_SECONDS

    @classmethod
    def of_node_jobs(
        cls,
        api: KubeApi,
        namespace: str,
        suffix: str,
        template: Mapping[str, Any],
        time_limit: float,
    ) -> Self:
        """Return the one for per-node Jobs made from a template, which may take `time_limit`."""
        return cls(
            api=api,
            namespace=namespace,
            selector=node_jobs.selector(suffix),
            tolerations=template["spec"]["template"]["spec"].get("tolerations", ()),
            pause=min(_LOOK_SECONDS, time_limit / _LOOKS),
        )

    async def watch(
        self, at_work: Callable[[], Iterable[NodeJob]], tell: Callable[[Mapping[str, Holdup]], None]
    ) -> NoReturn:
        """Tell periodically, by node, what holds up the slow ones of the Jobs at work.

        Nothing once none is slow.
        """
        before: set[str] = set()
        while True:
            await asyncio.sleep(self.pause)
            found = {job.uid: job for job in at_work()}
            slow = [job for uid, job in found.items() if uid in before]
            before = set(found)
            seen = await self.look(slow) if slow else {}
            if seen is not None:
                tell(seen)

    async def look(self, slow: Sequence[NodeJob]) -> dict[str, Holdup] | None:
        """Return by node what holds these Jobs up, None if the API server gives no answer."""
        pods = await _answered(
            self.api.list_pods(self.namespace, self.selector, "status.phase!=Succeeded")
        )
        nodes = await self._nodes(slow)
        if pods is None or nodes is None:
            return None
        of_job: dict[str, list[Pod]] = defaultdict(list)
        for pod in pods:
            for owner in pod.metadata.owner_references or []:
                of_job[owner.uid].append(pod)
        events = await self._warnings(
            {job.uid: explained_by_events(job, of_job.get(job.uid, ())) for job in slow}
        )
        return {
            job.node: holdup(
                job,
                of_job.get(job.uid, []),
                nodes.get(job.node),
                self.tolerations,
                events.get(job.uid, []),
            )
            for job in slow
        }

    async def _nodes(self, slow: Sequence[NodeJob]) -> dict[str, Node] | None:
        names = [job.node for job in slow if 0 < len(job.node) <= _MAX_LABEL][:_NODES_AT_ONCE]
        if not names:
            return {}
        found = await _answered(self.api.list_nodes(f"{_HOSTNAME} in ({','.join(names)})"))
        return None if found is None else {node.metadata.name: node for node in found}

    async def _warnings(self, about: Mapping[str, str]) -> dict[str, list[Event]]:
        """Return by Job the warnings about what has that UID, for the first Jobs with one."""
        asked = [(job, uid) for job, uid in about.items() if uid][:_EVENTS_AT_ONCE]
        fields = (f"involvedObject.uid={uid},type=Warning" for _, uid in asked)
        found = await asyncio.gather(
            *(_answered(self.api.list_events(self.namespace, field)) for field in fields)
        )
        return {job: events or [] for (job, _), events in zip(asked, found, strict=True)}


async def _answered(call: Awaitable[T]) -> T | None:
    with contextlib.suppress(ClusterError, TimeoutError):
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await call
    return None
