"""Fails the run when a rollout left nodes behind, once its outcome is saved."""

import pulumi
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_monitor

from kata_components.errors import RolloutFailedError


def fail_on_outcome(name: str) -> pulumi.ResourceHookBinding | None:
    """Return the hooks for a `Rollout` of that name; None under mocks, where this SDK has none."""
    if isinstance(get_monitor(), MockMonitor):
        return None
    hook = pulumi.ResourceHook(f"{name}-outcome", raise_on_failure)
    return pulumi.ResourceHookBinding(after_create=[hook], after_update=[hook])


def raise_on_failure(args: pulumi.ResourceHookArgs) -> None:
    """Fail the run if the rollout that was just saved has failed nodes.

    Raises:
        RolloutFailedError: with the complete text of the failure.
    """
    failure = (args.new_outputs or {}).get("failure")
    if failure:
        raise RolloutFailedError(failure)
