"""The network between runs and API server: requests and answers are slow, lost or late.

A request whose sender has given up or died may still be applied, at most `LANDS_WITHIN` seconds
later. The margin of the Lease is made for that bound; no client is safe from a request that the
network holds for longer.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any, TypeVar

import msgspec

from kata_components.errors import ApiError, UnreachableError
from kata_components.kubernetes.api import Manifest
from kata_components.kubernetes.nodes import Node
from kata_components.kubernetes.objects import Job, JobEvent, MetadataEvent, ObjectMetadata
from kata_components.kubernetes.retry import is_transient
from tests.model.fake_api import FakeKubeApi, server_error, unreachable
from tests.model.history import RefusedError
from tests.model.node_jobs import node_of
from tests.model.store import is_seen
from tests.simulation.processes import Process
from tests.simulation.watch import Watch
from tests.simulation.world import World

T = TypeVar("T")

LANDS_WITHIN = 2.9
HOSTNAME = "kubernetes.io/hostname"
_READ_TIMEOUT = 60.0
_FATAL = ("create_job", "delete_job")
_WRITES = ("patch_node", "create", "replace", "delete")


class _Request:
    """One request on its way."""

    def __init__(self, answer: "asyncio.Future[Any]") -> None:
        self.answer = answer
        self.arrived = False
        self.given_up = False
        """Whether nobody waits for the answer any longer."""


class NetworkApi(FakeKubeApi):
    """The client of one process."""

    def __init__(self, world: World, process: Process) -> None:
        super().__init__(world.site)
        self.world = world
        self._process = process
        self._seen_failed: frozenset[str] = frozenset()
        self._may_write: Callable[[], bool] | None = None

    async def _call(self, name: str, apply: Callable[[], T]) -> T:
        self.world.crash_point(self._process)
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        process = self._process
        if name in {"watch_jobs", "list_nodes"}:
            process.paces = name == "watch_jobs"
        if error := self.world.weather.no_credential(self.world.now, had_one=process.answered):
            await asyncio.sleep(0.2)
            raise error
        if not self._process.dead:
            self._send(name, apply, _Request(answer))
        return await answer

    def _send(self, name: str, apply: Callable[[], Any], request: _Request) -> None:
        world, faults, chance = self.world, self.world.faults, self.world.chance
        delay = world.rng.uniform(0.001, 0.3)
        if chance(faults.slow):
            delay = world.rng.uniform(3.0, 12.0)
        waits_for_webhook = name == "create_job" and world.now < world.weather.slow_until
        if waits_for_webhook:
            delay += world.weather.slow_seconds
        # A generator of its own, since a process that ends gives up its requests in any order.
        fate = random.Random(delay)

        def arrive() -> None:
            if request.arrived:
                return
            request.arrived = True
            self._arrive(name, apply, request)

        def given_up(answer: "asyncio.Future[Any]") -> None:
            if answer.cancelled() and not request.arrived:
                request.given_up = True
                late = fate.uniform(0.0, LANDS_WITHIN)
                if waits_for_webhook or fate.random() < 0.5:
                    # The API server gives up with its client, before a webhook has admitted it.
                    request.arrived = True
                else:
                    world.after(min(late, sent + delay - world.now), arrive)

        sent = world.now
        request.answer.add_done_callback(given_up)
        world.after(delay, arrive)

    @contextlib.contextmanager
    def writing_while(self, allowed: Callable[[], bool]) -> Iterator[None]:
        self._may_write = allowed
        try:
            yield
        finally:
            self._may_write = None

    def _send_after_sleep(self, name: str, apply: Callable[[], Any], request: _Request) -> None:
        """Send a request that was waiting for its connection when the machine fell asleep."""
        process, world = self._process, self.world
        if process.ended or request.given_up:
            return
        if process.asleep_until:
            world.at(process.asleep_until + 0.05, self._send_after_sleep, name, apply, request)
        elif name.startswith(_WRITES) and "lease" not in name and not process.says(self._may_write):
            self._deliver(request, unreachable(), 0.01)
        else:
            self._arrive(name, apply, request)

    def _arrive(self, name: str, apply: Callable[[], Any], request: _Request) -> None:
        world = self.world
        if self._is_asleep and world.chance(world.faults.survives_sleep):
            world.met["survives_sleep"] += 1
            self._send_after_sleep(name, apply, request)
            return
        error, delay = self._fault(name, apply) or (world.weather.refusal(name, world.now), 0.2)
        if error:
            self._excuse()
            self._deliver(request, error, delay)
            return
        result = self._applied(apply)
        self._note_plan(name)
        if (
            name in _FATAL
            and world.chance(world.faults.killed_by_write)
            and not self._process.ended
        ):
            world.kill(self._process)
        if world.chance(world.faults.lost_answer):
            result = unreachable() if world.rng.random() < 0.7 else server_error()
        else:
            world.crash_point(self._process)
        self._deliver(request, result, world.rng.uniform(0.001, 0.3))

    def _fault(self, name: str, apply: Callable[[], Any]) -> tuple[Exception, float] | None:
        """Return the error that answers a request instead, and after how long."""
        world, faults, chance = self.world, self.world.faults, self.world.chance
        writes = name.startswith(_WRITES)
        if self._is_asleep or world.now < world.weather.down_until or chance(faults.lost_request):
            return unreachable(), 0.2
        if writes and chance(faults.throttled):
            return ApiError(
                429, "TooManyRequests", "slow down", world.rng.choice([None, 1.0, 3.0])
            ), 0.2
        if chance(faults.server_error):
            return server_error(), 0.2
        if name == "patch_node" and chance(faults.busy_object):
            return ApiError(409, "Conflict", "the object has been modified"), 0.2
        if chance(faults.silent):
            if writes and world.rng.random() < 0.5:
                self._applied(apply)
            return unreachable(), _READ_TIMEOUT
        return None

    @property
    def _is_asleep(self) -> bool:
        """Whether its machine has slept for longer than a request may be on its way."""
        return (
            bool(self._process.asleep_until) and self.world.now > self._process.now + LANDS_WITHIN
        )

    def _applied(self, apply: Callable[[], Any]) -> Any:
        process = self._process
        self.world.site.serving = process.promises
        process.promises.serve(process.name, destroys=process.destroys)
        try:
            return apply()
        except RefusedError as error:
            return ApiError(error.status, error.reason, str(error))
        finally:
            self.world.check()

    def _note_plan(self, name: str) -> None:
        """Take note of what a plan is made from: Jobs, then nodes."""
        site = self.world.site
        if name == "list_jobs":
            self._seen_failed = site.failed_jobs
        elif name == "list_nodes":
            self._process.promises.plan(
                self._seen_failed, [n for n in site.nodes if site.is_selected(n)]
            )
            site.end_some_soon()

    def _excuse(self) -> None:
        """Excuse all nodes: repeated errors may make any of them count as failed."""
        for machine in self._process.promises.machines.values():
            machine.excused = True

    def _deliver(self, request: _Request, result: Any, delay: float) -> None:
        def deliver() -> None:
            if self._process.ended:
                return
            if self._process.asleep_until > self.world.now:
                self.world.after(self._process.asleep_until - self.world.now + 0.01, deliver)
                return
            if not request.answer.done():
                if isinstance(result, Exception):
                    request.answer.set_exception(result)
                else:
                    request.answer.set_result(result)
                self._process.answered = True
                self._process.wake(self.world.now)

        self.world.after(delay, deliver)

    async def create_job(self, namespace: str, manifest: Manifest) -> Job:
        self._process.promises.pace.asks(self._process.name, node_of(dict(manifest)))
        return await super().create_job(namespace, manifest)

    async def list_nodes(self, selector: str = "") -> list[Node]:
        # Looking at the nodes of slow Jobs is not planning.
        call = "look_at_nodes" if HOSTNAME in selector else "list_nodes"
        return await self._list(call, self.cluster.nodes, selector, Node)

    async def _open_watch(self, name: str) -> None:
        """Retry until the API server answers, as the client does."""
        while True:
            try:
                await self._call(name, lambda: None)
            except (ApiError, UnreachableError) as error:
                if not is_transient(error):
                    raise
                await asyncio.sleep(1.0)
            else:
                return

    async def watch_jobs(
        self, namespace: str, selector: str, resource_version: str
    ) -> AsyncGenerator[JobEvent, None]:
        await self._open_watch("watch_jobs")
        site = self.world.site
        watch = Watch(
            self.world,
            self._process,
            site.job_history,
            int(resource_version),
            lambda event: is_seen(event, namespace, selector),
        )
        try:
            while True:
                event = await watch.next()
                yield JobEvent(type=event.type, object=msgspec.convert(event.object, Job))
        finally:
            watch.close()

    async def watch_node_metadata(
        self, resource_version: str = ""
    ) -> AsyncGenerator[MetadataEvent, None]:
        await self._open_watch("watch_node_metadata")
        site = self.world.site
        found, version = site.list_objects(site.nodes, "")
        watch = Watch(
            self.world,
            self._process,
            site.node_history,
            int(resource_version or version),
            lambda _: True,
        )
        try:
            for node in [] if resource_version else found:
                yield MetadataEvent(type="ADDED", object=msgspec.convert(node, ObjectMetadata))
            while True:
                event = await watch.next()
                node = msgspec.convert(event.object, ObjectMetadata)
                yield MetadataEvent(type=event.type, object=node)
        finally:
            watch.close()
