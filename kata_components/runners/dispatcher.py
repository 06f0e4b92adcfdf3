"""Upstream's dispatcher in the cluster: starts it, follows it, stops it, removes it."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Final

from kata_components.errors import ApiError, ClusterError, RolloutStoppedError, UnreachableError
from kata_components.kubernetes.retry import RetryWindow, until_answered
from kata_components.planning.dispatcher_args import Batch, family, waiting_seconds
from kata_components.planning.node_jobs import JobKind, NodeJob
from kata_components.runners.diagnosis import explain
from kata_components.runners.dispatched_jobs import DispatchedJobs, Work
from kata_components.runners.finished_jobs import delete_job, delete_jobs
from kata_components.runners.job_times import JobTimes
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
        self.times = JobTimes()

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
        found = await self.listed()
        # What a CronJob has started installs, too.
        ours = {kind, "reconcile"} if kind == "install" else {kind}
        followed: NodeJob | None = None
        for work, job in found.working:
            if followed is None and work in ours and job.digest == digest:
                followed = job
            else:
                await self.stop(work, job)
        if followed is None:
            return await self._quiet()
        self.since = followed.created
        return await self._followed_to_its_end(kind, followed.name)

    async def stop_all(self, *, but: JobKind | None = None) -> bool:
        """Stop dispatchers at work, `but` this kind; return whether there are any, even ended."""
        found = await self.listed()
        for work, job in found.working:
            if work != but:
                await self.stop(work, job)
        return bool(found.dispatchers)

    async def stop(self, work: Work, job: NodeJob) -> None:
        """End a dispatcher at work: it starts nothing more, and running Jobs continue."""
        self._run.reporter.message(
            f"stopping the {work} dispatcher of digest {job.digest or 'unknown'}; "
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
        name = manifest["metadata"]["name"]
        await self._clear(kind, set(batch.nodes))
        await self._wait_for_end(name)
        await self._create(manifest)
        self.has_run = True
        return await self._followed_to_its_end(kind, name)

    async def _followed_to_its_end(self, kind: JobKind, name: str) -> DispatchedJobs:
        working, guarding = (
            asyncio.create_task(self._quiet()),
            asyncio.create_task(self._guard(kind, name)),
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

    async def _guard(self, kind: JobKind, name: str) -> None:
        """Stop a dispatcher that waits in vain: 4.0.0 waits forever for a Job that was deleted."""
        await self._wait_for_start(name)
        self._waiting = ""
        loop = asyncio.get_running_loop()
        moved, jobs_then = loop.time(), self.jobs.of_kind(kind)
        while loop.time() - moved < self._stall_seconds:
            await asyncio.sleep(_LOOK_SECONDS)
            jobs_now = self.jobs.of_kind(kind)
            if jobs_now != jobs_then or any(job.active for job in jobs_now):
                moved, jobs_then = loop.time(), jobs_now
        for work, stalled in self.jobs.working:
            if stalled.name == name:
                await self.stop(work, stalled)

    async def _wait_for_end(self, job: str) -> None:
        """Return when no pod of a dispatcher works any more, even if its Job is gone already."""
        for _ in range(_END_TRIES):
            pods = await until_answered(
                lambda: self._api.list_pods(self._namespace, f"job-name={job}")
            )
            if all(pod.status and pod.status.phase in _ENDED for pod in pods):
                return
            await asyncio.sleep(_PAUSE_SECONDS)
        raise self._stopped(f"the pod of the dispatcher {job} is still running")

    async def _wait_for_start(self, job: str) -> None:
        """Return when the dispatcher's pod has started."""
        lookout = Lookout(api=self._api, namespace=self._namespace, selector=f"job-name={job}")
        for _ in range(_START_LOOKS):
            with contextlib.suppress(UnreachableError):
                pods = await self._api.list_pods(self._namespace, f"job-name={job}")
                if any(pod.status and pod.status.phase not in {None, "Pending"} for pod in pods):
                    return
            await asyncio.sleep(_LOOK_SECONDS)
            waiting = [found for _, found in self.jobs.working if found.name == job]
            found = await lookout.look(waiting) if waiting else None
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
            self.times.note(asyncio.get_running_loop().time(), seen.put(job))
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
                    seen = self.jobs.put(event.object)
                    self.times.note(asyncio.get_running_loop().time(), seen)
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
        raise self._stopped("Jobs of an earlier run could not be removed")

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
            f"stopped: {reason} (`kubectl -n {self._namespace} get jobs,pods`). No new Job is "
            "started. Run the same command again to continue."
        )
