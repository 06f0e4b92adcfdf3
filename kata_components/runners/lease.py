"""The Lease of an installation, as the lock that keeps a second run away (docs/adr/0007).

The same object is the identity of the installation: its annotations name installation and stack as
long as the installation exists, and its holder is set while a run works.
"""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, TypeVar

from kata_components import names
from kata_components.errors import ApiError, ClusterError, RolloutStoppedError
from kata_components.foreign import bounded
from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.concurrency import first
from kata_components.kubernetes.objects import Lease
from kata_components.kubernetes.retry import RetryWindow, until_answered
from kata_components.planning import ownership
from kata_components.planning.ownership import Owner
from kata_components.runners.clock import elapsed, hour_before
from kata_components.runners.holder import alive, when_free
from kata_components.runners.lease_manifest import DURATION_SECONDS, held_by, holder_identity
from kata_components.runners.progress import Reporter

RENEW_SECONDS: Final = 7.0
_RETRY_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 3.0
_WRITE_SECONDS: Final = 10.0
"""How long a write may take, as admission webhooks may."""
_MARGIN_SECONDS: Final = 3.0
"""Nothing is started on a Lease that expires sooner than this."""
_GIVE_UP_SECONDS: Final = 300.0
"""How long the API server may be unreachable, time asleep apart, before a run stops. Until then the
run waits and starts nothing."""

T = TypeVar("T")


@dataclass(kw_only=True)
class HeldLease:
    """The lock of an installation while a run holds it; `hold_lease` renews it in the background.

    `fresh` must be asked before anything is written: it is False when the last renewal is too old,
    also after the machine slept. The next renewal, which proves that nobody took the Lease in
    between, makes it True again.
    """

    api: KubeApi
    namespace: str
    name: str
    lease: Lease
    clock: Callable[[], float]
    ends: bool = False
    """Set to delete the Lease, and with it the installation, at the end instead of releasing it."""
    _renewed: float
    _claim: Mapping[str, str] = field(default_factory=dict)
    _unanswered: float = -math.inf
    _deleted: bool = False
    _lost: RolloutStoppedError | None = None
    _failing_since: float | None = None
    _failing: str = ""
    _window: RetryWindow = field(default_factory=RetryWindow)
    _renewal: asyncio.Event = field(default_factory=asyncio.Event)
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def fresh(self) -> bool:
        """Whether nobody else can have taken the Lease yet."""
        return self.remaining > 0

    @property
    def remaining(self) -> float:
        """How many seconds it surely stays ours, less a margin."""
        return DURATION_SECONDS - _MARGIN_SECONDS - (self.clock() - self._renewed)

    @property
    def trouble(self) -> str:
        """Since when it could not be renewed, and why; empty if the last renewal succeeded."""
        if self._failing_since is None:
            return ""
        since = hour_before(asyncio.get_running_loop().time() - self._failing_since)
        return (
            f"the API server has been unreachable since {since}, nothing is started: "
            f"{self._failing}"
        )

    def claim(self, selection: str) -> None:
        """Record which nodes the installation is given; the next renewal or release writes it."""
        self._claim = {names.CLAIM_ANNOTATION: selection}

    def unanswered(self) -> None:
        """Take note that a write was given up: the server may still apply it a little later."""
        self._unanswered = self.clock()

    async def when_fresh(self, work: Coroutine[Any, Any, T]) -> T:
        """Await work that writes; it begins once the Lease is fresh.

        Raises:
            RolloutStoppedError: the Lease is lost.
        """
        try:
            while not self.fresh:
                if self._lost:
                    raise self._lost
                self._renewal.clear()
                await self._renewal.wait()
            return await work
        finally:
            # It may never have begun.
            work.close()

    def writing(self) -> asyncio.Timeout:
        """Time out a write so that it lands, if it does, while the Lease is surely ours."""
        return asyncio.timeout(max(0.0, min(_WRITE_SECONDS, self.remaining)))

    async def renewed(self) -> None:
        """Renew it now and return, so that a write that follows has all of its time.

        Raises:
            TimeoutError: the renewal takes longer than a write may.
        """
        self._renewal.clear()
        self._wanted.set()
        async with asyncio.timeout(_WRITE_SECONDS):
            await self._renewal.wait()

    async def keep(self) -> NoReturn:
        """Renew until cancelled.

        Raises:
            RolloutStoppedError: somebody else took the Lease, the API server refuses for good to
                renew it, or no renewal got through for minutes.
        """
        try:
            await self._renew_regularly()
        except RolloutStoppedError as error:
            # Work that outlives its cancellation must find it stale, and not wait for a renewal.
            self._lost, self._renewed = error, -math.inf
            self._renewal.set()
            raise

    async def _renew_regularly(self) -> NoReturn:
        # Acquiring it may have taken a while.
        pause = max(0.0, RENEW_SECONDS - (self.clock() - self._renewed))
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wanted.wait()
            self._wanted.clear()
            pause = _RETRY_SECONDS
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    if await self._renew():
                        pause = RENEW_SECONDS
            except TimeoutError:
                self._note_failure("no answer from the API server")
            except ClusterError as error:
                if isinstance(error, ApiError) and not self._window.allows(error):
                    raise self._stopped(str(error)) from None
                self._note_failure(str(error))

    def _note_failure(self, reason: str) -> None:
        now = asyncio.get_running_loop().time()
        self._failing_since = now if self._failing_since is None else self._failing_since
        self._failing = reason
        if now - self._failing_since > _GIVE_UP_SECONDS:
            raise self._stopped(reason)

    async def _renew(self) -> bool:
        """Return whether it was renewed; if not, it is still ours and the next try may succeed."""
        sent = self.clock()
        try:
            self.lease = await self._put(
                self.lease, self.lease.spec.holder_identity if self.lease.spec else None
            )
        except ApiError as error:
            if not error.conflict:
                raise
            # A renewal of ours whose answer was lost also changes the version: see who holds it.
            await self._check_holder()
            return False
        # Counted from before the request: the server may have applied it at any moment since.
        self._renewed = sent
        self._failing_since = None
        self._window.reset()
        self._renewal.set()
        return True

    async def _check_holder(self) -> None:
        current = await self.api.get_lease(self.namespace, self.name)
        ours = self.lease.spec.holder_identity if self.lease.spec else None
        theirs = current.spec.holder_identity if current.spec else None
        if theirs != ours:
            raise self._stopped(f"{bounded(theirs or 'somebody')} has taken it")
        self.lease = current

    async def _put(self, lease: Lease, holder: str | None) -> Lease:
        manifest = held_by(lease, holder)
        manifest["metadata"]["annotations"] |= self._claim
        return await self.api.replace_lease(self.namespace, self.name, manifest)

    def _stopped(self, reason: str) -> RolloutStoppedError:
        return RolloutStoppedError(
            f"stopped: the Lease {self.namespace}/{self.name} could not be kept ({reason}). "
            "Running Jobs continue; no new Job is started. Run the same command again to continue."
        )

    async def delete(self) -> None:
        """Delete the Lease itself, at the end of the installation.

        A request without an answer may have deleted it already.

        Raises:
            RolloutStoppedError: somebody else has taken it.
        """
        try:
            await self._check_holder()
            await self.api.delete_lease(self.namespace, self.name, self.lease.metadata.uid)
        except ApiError as error:
            if not error.not_found:
                raise
        self._deleted = True

    async def release(self) -> None:
        """Give the lock back and keep the identity.

        Failures are harmless: the Lease expires, or was deleted. It is left to expire if the next
        run could otherwise meet a late request of this one.
        """
        if self._deleted or self.clock() - self._unanswered < _MARGIN_SECONDS:
            return
        with contextlib.suppress(ClusterError, RolloutStoppedError, TimeoutError):
            async with asyncio.timeout(_ANSWER_SECONDS):
                try:
                    await self._put(self.lease, None)
                except ApiError as error:
                    if not error.conflict:
                        raise
                    # A renewal that was cancelled with the work may have landed since.
                    await self._check_holder()
                    await self._put(self.lease, None)


@contextlib.asynccontextmanager
async def hold_lease(
    api: KubeApi,
    namespace: str,
    name: str,
    *,
    owner: Owner,
    reporter: Reporter,
    clock: Callable[[], float] = elapsed,
) -> AsyncIterator[HeldLease]:
    """Hold the lock of an installation and renew it for the whole block; its Lease exists already.

    Nothing is written on a stale Lease. Losing the Lease cancels the block.

    Raises:
        GuardError: it is the Lease of another owner.
        LeaseHeldError: another run holds it and is alive.
        RolloutStoppedError: it was lost.
    """
    free = await when_free(api, namespace, name, reporter)
    ownership.insist(free, owner)
    # As with renewals: counted from before the request.
    asked = clock()
    taken = await _acquire(api, namespace, name, free)
    lease = HeldLease(
        api=api, namespace=namespace, name=name, lease=taken, clock=clock, _renewed=asked
    )
    try:
        # Writes check for freshness before, but a connection or a login may take long, and the
        # machine may sleep over it.
        with api.writing_while(lambda: lease.fresh):
            async with asyncio.TaskGroup() as group:
                keeper = group.create_task(lease.keep())
                yield lease
                keeper.cancel()
        if lease.ends:
            await until_answered(lease.delete)
    except ExceptionGroup as group_error:
        raise first(group_error) from None
    finally:
        await lease.release()


async def _acquire(api: KubeApi, namespace: str, name: str, lease: Lease) -> Lease:
    try:
        return await api.replace_lease(namespace, name, held_by(lease, holder_identity()))
    except ApiError as error:
        if not error.conflict:
            raise
        raise alive(await api.get_lease(namespace, name)) from None
