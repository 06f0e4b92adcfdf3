"""Runs what starts Jobs, with the runner that the program asks for (`rollout.runsIn`)."""

import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from kata_components.kubernetes.api import KubeApi
from kata_components.providers import session
from kata_components.runners.cluster import ClusterRunner
from kata_components.runners.pulumi import PulumiRunner
from kata_components.runners.runner import RunnerOf

T = TypeVar("T")


def run(
    cluster: session.Target,
    dispatcher: Mapping[str, Any] | None,
    work: Callable[[KubeApi, RunnerOf], Awaitable[T]],
) -> T:
    """Run work that may take hours; `dispatcher` is the Job of upstream's, if that paces.

    Raises:
        RolloutStoppedError: the user cancelled, or the engine is gone.
        KataDeployError: whatever the work raises.
    """
    runner_of: RunnerOf = PulumiRunner
    left = session.PACED
    if dispatcher:
        runner_of = functools.partial(ClusterRunner, job=dispatcher)
        left = session.DISPATCHED
    return session.run(cluster, lambda api: work(api, runner_of), left=left)
