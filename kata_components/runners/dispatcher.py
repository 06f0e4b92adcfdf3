"""Upstream's dispatcher in the cluster: starts it, follows it, stops it, removes it."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Final

from kata_components import names
from kata_components.errors import ApiError, ClusterError, RolloutStoppedError, UnreachableError
from kata_components.kubernetes.objects import Job
from kata_components.kubernetes.retry import RetryWindow, until_answered
from kata_components.planning import node_jobs
from kata_components.planning.dispatcher_args import Batch, family, waiting_seconds
from kata_components.planning.node_jobs import JOB_KINDS, JobKind, NodeJob
from kata_components.runners.diagnosis import explain
from kata_components.runners.finished_jobs import delete_job, delete_jobs
from kata_components.runners.lookout import Lookout
from kata_components.runners.run import Run
from kata_components.runners.standstill import Standstill

_TRIES: Final = 30
_PAUSE_SECONDS: Final = 1.0
_END_TRIES: Final = 120
"""The program ignores SIGTERM, so the kubelet kills it after half a minute."""
_LOOK_SECONDS: Final = 10.0
_START_LOOKS: Final = 60
"""Ten minutes for an image pull; upstream waits forever."""
_STALLED_SECONDS: Final = 900.0
"""How long nothing may happen, beyond what the dispatcher is told to wait for: it also checks and
labels nodes."""
_FOLLOW: Final = "list Jobs"
_ENDED: Final = {"Succeeded", "Failed"}


class DispatchedJobs:
    """The Jobs of one installation, from a list and a watch: dispatchers and per-node Jobs."""

    def __init__(self, suffix: str) -> None:
        self._owners = {names.job_prefix(suffix, kind) for kind in JOB_KINDS}
        self._names = {names.dispatcher_name(suffix, kind): kind for kind in JOB_KINDS}
        self._nodes: dict[str, NodeJob] = {}
        self.dispatchers: dict[JobKind, NodeJob] = {}

    def put(self, job: Job) -> None:
        """Take a Job as it is now; Jobs of other installations are ignored."""
        observed = node_jobs.observed(job)
        if job.metadata.label(names.OWNER_LABEL) in self._owners:
            self._nodes[observed.uid] = observed
        elif observed.name in self._names and job.metadata.label(names.DISPATCHER_LABEL):
            self.dispatchers[self._names[observed.name]] = observed

    def remove(self, job: Job) -> None:
        """Take the deletion of a Job. How a per-node Job ended stays known."""
        kind = self._names.get(job.metadata.name)
        if kind:
            self.dispatchers.pop(kind, None)
        seen = self._nodes.get(job.metadata.uid)
        if seen and seen.active:
            del self._nodes[job.metadata.uid]

    @property
    def active(self) -> bool:
        """Whether a dispatcher or a per-node Job runs."""
        return any(job.active for job in (*self.dispatchers.values(), *self._nodes.values()))

    def of_kind(self, kind: JobKind) -> list[NodeJob]:
        """Return the per-node Jobs of a kind, older ones first."""
        return sorted(
            (job for job in self._nodes.values() if job.kind == kind), key=lambda job: job.created
        )

    def by_node(self, kind: JobKind) -> dict[str, NodeJob]:
        """Return the newest Job of a kind for each node."""
        return {job.node: job for job in self.of_kind(kind)}


class Dispatcher:
    """The dispatchers of one installation; `like` is any Job of it, whose labels identify them.

    `jobs` are what the last list showed, updated while something is followed.
    """

    def __init__(self, run: Run, like: Mapping[str, Any]) -> None:
        self._run = run
        self._api = run.api
        self._lease = run.lease
        self._namespace = run.namespace
        self._suffix = run.suffix
        self._selector = family(like)
        self._stall_seconds = _STALLED_SECONDS + waiting_seconds(like)
        self._api_window = RetryWindow()
        self._standstill = Standstill(run)
        self._waiting = ""
        self.has_run = False
        """Whether this run has started a dispatcher; another one tells of an earlier run."""
        self.since = ""
        """When the first one that it started or followed was created (RFC 3339, UTC), if known."""
        self.jobs = DispatchedJobs(run.suffix)

    @property
    def notes(self) -> list[str]:
        """What to show with the progress: why the dispatcher does not start, requests that fail."""
        return [note for note in (self._waiting, *self._standstill.notes) if note]

    async def listed(self) -> DispatchedJobs:
        """Return the Jobs there are now."""
        return (await self._list())[0]

    async def settle(self, kind: JobKind, digest: str) -> DispatchedJobs:
        """Wait until nothing of an earlier run works; return the Jobs there are then.

        A dispatcher that does what this run is about to do is followed to its end; others are
        stopped.
        """
        working = {its: job for its, job in (await self.listed()).dispatchers.items() if job.active}
        ours = working.get(kind)
        followed = ours if ours and ours.digest == digest else None
        self.since = followed.created if followed else ""
        for its_kind, job in working.items():
            if job is not followed:
                await self.stop(its_kind, job)
        return await (self._followed_to_its_end(kind) if followed else self._quiet())

    async def stop_all(self, *, but: JobKind | None = None) -> bool:
        """Stop dispatchers at work, `but` this kind; return whether there are any, even ended."""
        found = (await self.listed()).dispatchers
        for kind, job in found.items():
            if job.active and kind != but:
                await self.stop(kind, job)
        return bool(found)

    async def stop(self, kind: JobKind, job: NodeJob) -> None:
        """End a dispatcher at work: it starts nothing more, and running Jobs continue."""
        self._run.reporter.message(
            f"stopping the {kind} dispatcher of digest {job.digest or 'unknown'}; "
            "running Jobs continue"
        )
        await until_answered(
            lambda: self._lease.when_fresh(delete_job(self._api, self._namespace, job))
        )
        await self._wait_for_end(job.name)

    async def run(self, kind: JobKind, manifest: Mapping[str, Any], batch: Batch) -> DispatchedJobs:
        """Start a dispatcher and return what there is at its end.

        What earlier runs left is waited for and removed first: 4.0.0 takes a finished Job of a node
        for its own success.

        Raises:
            RolloutStoppedError: it cannot be started.
        """
        await self._clear(kind, set(batch.nodes))
        await self._wait_for_end(manifest["metadata"]["name"])
        await self._create(manifest)
        self.has_run = True
        return await self._followed_to_its_end(kind)

    async def _followed_to_its_end(self, kind: JobKind) -> DispatchedJobs:
        working, guarding = (
            asyncio.create_task(self._quiet()),
            asyncio.create_task(self._guard(kind)),
        )
        try:
            await asyncio.wait({working, guarding}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                guarding.result()
            return await working
        finally:
            for task in (working, guarding):
                task.cancel()
            await asyncio.gather(working, guarding, return_exceptions=True)

    async def _guard(self, kind: JobKind) -> None:
        """Stop a dispatcher that waits in vain: 4.0.0 waits forever for a Job that was deleted."""
        await self._wait_for_start(kind)
        self._waiting = ""
        loop = asyncio.get_running_loop()
        moved, jobs_then = loop.time(), self.jobs.of_kind(kind)
        while loop.time() - moved < self._stall_seconds:
            await asyncio.sleep(_LOOK_SECONDS)
            jobs_now = self.jobs.of_kind(kind)
            if jobs_now != jobs_then or any(job.active for job in jobs_now):
                moved, jobs_then = loop.time(), jobs_now
        stalled = self.jobs.dispatchers.get(kind)
        if stalled:
            await self.stop(kind, stalled)

    async def _wait_for_end(self, job: str) -> None:
        """Return when no pod of a dispatcher works any more, even if its Job is gone already."""
        for _ in range(_END_TRIES):
            pods = await until_answered(
                lambda: self._api.list_pods(self._namespace, f"job-name={job}")
            )
            if all(pod.status and pod.status.phase in _ENDED for pod in pods):
                return
            await asyncio.sleep(_PAUSE_SECONDS)
        raise self._stopped(f"the pod of the dispatcher {job} does not end")

    async def _wait_for_start(self, kind: JobKind) -> None:
        """Return when the dispatcher's pod has started."""
        job = names.dispatcher_name(self._suffix, kind)
        lookout = Lookout(api=self._api, namespace=self._namespace, selector=f"job-name={job}")
        for _ in range(_START_LOOKS):
            with contextlib.suppress(UnreachableError):
                pods = await self._api.list_pods(self._namespace, f"job-name={job}")
                if any(pod.status and pod.status.phase not in {None, "Pending"} for pod in pods):
                    return
            await asyncio.sleep(_LOOK_SECONDS)
            waiting = self.jobs.dispatchers.get(kind)
            found = await lookout.look([waiting]) if waiting else None
            self._waiting = next(
                (f"the dispatcher {job}: {held}" for held in (found or {}).values()), self._waiting
            )
        why = await explain(self._api, self._namespace, job) or "no pod of it was started"
        raise self._stopped(
            f"the dispatcher {job} has not started in {_START_LOOKS * _LOOK_SECONDS:.0f} s: {why}"
        )

    async def remove(self) -> None:
        """Remove the dispatchers."""
        for job in (await self.listed()).dispatchers.values():
            await self._lease.when_fresh(delete_job(self._api, self._namespace, job))

    async def _quiet(self) -> DispatchedJobs:
        """Wait until no dispatcher and no per-node Job runs."""
        while True:
            try:
                return await self._followed()
            except ClusterError as error:
                if not self._api_window.allows(error):
                    raise
                self._standstill.failed(_FOLLOW, str(error))
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _list(self) -> tuple[DispatchedJobs, str]:
        seen = DispatchedJobs(self._suffix)
        found = await self._api.list_jobs(self._namespace, self._selector)
        for job in found.items:
            seen.put(job)
        return seen, found.resource_version

    async def _followed(self) -> DispatchedJobs:
        self.jobs, position = await self._list()
        self._standstill.succeeded(_FOLLOW)
        if not self.jobs.active:
            return self.jobs
        async with contextlib.aclosing(
            self._api.watch_jobs(self._namespace, self._selector, position)
        ) as events:
            async for event in events:
                self._api_window.reset()
                self._standstill.moved()
                if event.type == "DELETED":
                    self.jobs.remove(event.object)
                else:
                    self.jobs.put(event.object)
                if not self.jobs.active:
                    break
        return self.jobs

    async def _clear(self, kind: JobKind, nodes: set[str]) -> None:
        for attempt in range(_TRIES):
            await asyncio.sleep(_PAUSE_SECONDS if attempt > 1 else 0.0)
            seen = await self._quiet()
            left = [job for job in seen.of_kind(kind) if job.node in nodes]
            left += [job for its_kind, job in seen.dispatchers.items() if its_kind == kind]
            if not left:
                return
            await delete_jobs(self._run, left)
        raise self._stopped("Jobs of an earlier run are not gone")

    async def _create(self, manifest: Mapping[str, Any]) -> None:
        """Create the Job.

        After a lost answer it is repeated, and an existing Job is the one that was created.
        """

        async def create() -> None:
            try:
                made = await self._api.create_job(self._namespace, manifest)
                self.since = self.since or made.metadata.creation_timestamp or ""
            except ApiError as error:
                if not error.conflict:
                    raise

        await until_answered(lambda: self._lease.when_fresh(create()))

    def _stopped(self, reason: str) -> RolloutStoppedError:
        return RolloutStoppedError(
            f"stopped: {reason} (namespace {self._namespace}). No new Job is started; run the same "
            "command again."
        )
