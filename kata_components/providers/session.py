"""Runs the asynchronous work of a provider method: connects, supervises, disconnects."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

from kata_components.errors import ApiError, ClusterError, KubeconfigError, RolloutStoppedError
from kata_components.kubernetes.api import KubeApi
from kata_components.providers import cancellation, engine
from kata_components.wording import HOW_TO_GRANT

T = TypeVar("T")

Work = Callable[[KubeApi], Awaitable[T]]

LIFELINE_SECONDS: Final = 2.0
"""How often to ask the engine whether it is still there."""
_HTTP_FORBIDDEN: Final = 403
PACED: Final = "Running Jobs continue; no new Job is started"
DISPATCHED: Final = "The dispatcher in the cluster continues on its own"
LABELLED: Final = "Nodes that were labelled keep their label; nothing else was changed"
_READING: Final = "Nothing was started"
_CANCELLED: Final = "cancelled"
_ENGINE_GONE: Final = "the Pulumi engine is gone"


@dataclass(frozen=True)
class Target:
    """The cluster to work on."""

    context: str | None
    """None for the current context of a kubeconfig that is given as content."""
    kubeconfig: str | None = None
    """The path of the kubeconfig, or its content; None for the usual places."""

    def __str__(self) -> str:
        """Return what messages call it, without the content of a kubeconfig."""
        return f"context {self.context}" if self.context else "the kubeconfig of the program"

    @classmethod
    def parse(cls, config: str | Mapping[str, Any] | None) -> Self:
        """Return the cluster of the stack's configuration, which the engine passes as JSON text.

        Raises:
            KubeconfigError: it names no context.
        """
        try:
            values = json.loads(config) if isinstance(config, str) else dict(config or {})
            return cls(context=values["context"], kubeconfig=values.get("kubeconfig"))
        except (ValueError, KeyError, TypeError, AttributeError):
            msg = (
                "kata-deploy:cluster.context is not set; "
                "run `pulumi config set --path kata-deploy:cluster.context <name>`"
            )
            raise KubeconfigError(msg) from None


def read(cluster: Target, work: Work[T]) -> T:
    """Run work that only reads.

    There is no deadline, since the time depends on the fleet; each request fails after a minute of
    silence.

    Raises:
        ClusterError: the cluster cannot be read.
        RolloutStoppedError: as with `run`.
    """

    async def explained(api: KubeApi) -> T:
        try:
            return await work(api)
        except ApiError as error:
            if error.status != _HTTP_FORBIDDEN:
                raise
            raise ClusterError(f"{error}.\n  {HOW_TO_GRANT}.") from None

    return run(cluster, explained, left=_READING)


def run(cluster: Target, work: Work[T], *, left: str = PACED) -> T:
    """Run work that may take hours.

    `left` tells the user what becomes of unfinished work.

    Raises:
        RolloutStoppedError: the user cancelled, or the engine is gone.
        KataDeployError: whatever the work raises.
    """

    async def supervised(api: KubeApi) -> T:
        task = asyncio.create_task(_awaited(work(api)))
        guard = asyncio.create_task(_supervise(task))
        try:
            return await task
        except asyncio.CancelledError:
            if not guard.done():
                raise
            reason = guard.result()
        finally:
            guard.cancel()
            await asyncio.gather(guard, return_exceptions=True)
        if reason == _ENGINE_GONE:
            await api.aclose()
            engine.end_process()
        msg = f"{reason}. {left}. Run the same command again to continue."
        raise RolloutStoppedError(msg)

    return asyncio.run(_connected(cluster, supervised))


async def _awaited(work: Awaitable[T]) -> T:
    return await work


async def _supervise(task: asyncio.Task[Any]) -> str:
    """Cancel `task` when it must stop; return why."""
    loop = asyncio.get_running_loop()
    cancelled = asyncio.Event()
    with cancellation.current.notifying(lambda: loop.call_soon_threadsafe(cancelled.set)):
        while not cancelled.is_set():
            try:
                async with asyncio.timeout(LIFELINE_SECONDS):
                    await cancelled.wait()
            except TimeoutError:
                if await asyncio.to_thread(engine.is_gone):
                    task.cancel()
                    return _ENGINE_GONE
    task.cancel()
    return _CANCELLED


async def _connected(cluster: Target, work: Work[T]) -> T:
    # Imported here: every preview starts this process, and diff needs no client.
    from kata_components.kubernetes.connect import connect  # noqa: PLC0415 # see above

    api = connect(cluster.context, cluster.kubeconfig)
    try:
        return await work(api)
    finally:
        await api.aclose()
