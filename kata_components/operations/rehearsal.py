"""Whether the API server would accept the first Job of a plan, by a dry run; reads only.

Its pods are created by the Job controller, with rights that this identity does not have: how
admission would judge them cannot be tried, except for Pod Security, which the namespace's label
tells.
"""

from collections.abc import Sequence
from typing import Final

from kata_components.errors import ApiError
from kata_components.kubernetes.api import KubeApi, Manifest
from kata_components.pacing.commands import CommandStatus, status_of
from kata_components.planning import guardrails, node_jobs
from kata_components.planning.job_stamp import JobStamp
from kata_components.planning.step import Step

_NO_DRY_RUN: Final = "BadRequest"
"""The API server's reason if a webhook cannot be called without side effects; denials of
webhooks, often with the same status (HTTP 400), have another one or none."""


def first_job(stamp: JobStamp, steps: Sequence[Step]) -> Manifest | None:
    """Return the Job of the first step that needs one, None when none does."""
    for step in steps:
        if step.needs_job:
            return stamp.job(step)
    return None


async def refusals(api: KubeApi, namespace: str, suffix: str, job: Manifest) -> list[str]:
    """Return why no such Job, or none of its pods, would be taken; nothing when they would.

    Raises:
        ClusterError: the API server gave no answer, or accepts no Job at the moment.
    """
    place = await api.get_namespace(namespace)
    if refusal := guardrails.pod_security(place):
        return [refusal.text]
    try:
        await api.dry_run_job(namespace, job)
    except ApiError as error:
        # Missing rights are reported together, elsewhere. A conflict means that admission accepted
        # a Job of that name.
        if error.rbac_denied or error.conflict or error.reason == _NO_DRY_RUN:
            return []
        if error.unauthenticated or status_of(error, creates=True) not in {
            CommandStatus.REJECTED,
            CommandStatus.FULL,
        }:
            raise
        # Finished Jobs of an earlier run count too, and this one removes them.
        if error.over_quota and (await api.list_jobs(namespace, node_jobs.selector(suffix))).items:
            return []
        return [guardrails.refused_job(job["metadata"]["name"], str(error)).text]
    return []
