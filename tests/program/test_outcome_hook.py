"""The hook that fails a run whose rollout left nodes behind."""

from typing import Any

import pulumi
import pytest

from kata_components.components.outcome_hook import raise_on_failure
from kata_components.errors import RolloutFailedError

TEXT = "1 nodes could not be installed\n  node-a: stage cri ended with exit code 1"


def hook_args(outputs: dict[str, Any] | None) -> pulumi.ResourceHookArgs:
    return pulumi.ResourceHookArgs(
        urn="urn:pulumi:dev::kata-deploy::t::kata-deploy-rollout",
        id="id",
        name="kata-deploy-rollout",
        type="pulumi-python:dynamic/kata:Rollout",
        new_outputs=outputs,
    )


def test_failure_of_the_rollout_fails_the_run_with_its_complete_text() -> None:
    with pytest.raises(RolloutFailedError) as caught:
        raise_on_failure(hook_args({"failure": TEXT, "outcome": {"failed": 1.0}}))
    assert str(caught.value) == TEXT


@pytest.mark.parametrize("outputs", [{"failure": "", "outcome": {"failed": 0.0}}, {}, None])
def test_rollout_without_failure_lets_the_run_succeed(outputs: dict[str, Any] | None) -> None:
    raise_on_failure(hook_args(outputs))
