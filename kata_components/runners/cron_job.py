"""The CronJob that starts upstream's dispatcher between runs, for late nodes."""

import contextlib
from collections.abc import AsyncIterator

from kata_components.errors import ApiError, ClusterError
from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.retry import until_answered
from kata_components.runners.run import Run


async def is_suspended(api: KubeApi, namespace: str, name: str) -> bool:
    """Return whether that CronJob exists and starts nothing."""
    found = await api.get_object("batch/v1", "cronjobs", namespace, name)
    return found is not None and bool(found["spec"].get("suspend"))


@contextlib.asynccontextmanager
async def suspended(run: Run, name: str) -> AsyncIterator[None]:
    """Have a CronJob start nothing during the block; an empty name stands for none.

    It stays suspended if the block is interrupted, as a dispatcher may go on that the block has
    started. Then the next run resumes it.

    Raises:
        ClusterError: the API server goes on refusing to suspend it.
    """
    if not name:
        yield
        return
    await _suspend(run, name, suspended=True)
    yield
    try:
        await _suspend(run, name, suspended=False)
    except ClusterError as error:
        run.reporter.message(
            f"the CronJob {name} could not be resumed, the next rollout does it: {error}"
        )


async def _suspend(run: Run, name: str, *, suspended: bool) -> None:
    try:
        await until_answered(
            lambda: run.lease.when_fresh(
                run.api.suspend_cron_job(run.namespace, name, suspended=suspended)
            )
        )
    except ApiError as error:
        if not error.not_found:
            raise
