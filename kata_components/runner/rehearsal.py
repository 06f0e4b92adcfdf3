"""What the API server would answer to the first Job of a plan: a dry run, and what it says of the pods. Reads only.

Pods are made by the Job controller, with rights that whoever runs this has not: how admission would judge them cannot
be tried, but for Pod Security, which the namespace's label tells.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from kata_components.errors import ApiError
from kata_components.kubernetes.api import KubeApi, Manifest
from kata_components.rollout import guards, jobs
from kata_components.rollout.jobs import JobStamp
from kata_components.rollout.step import Step

_REFUSALS: Final = {HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY}
_NO_VERDICT: Final = {
    # One of that name is there, so admission has let it pass.
    HTTPStatus.CONFLICT,
    # A webhook that cannot be asked without effects.
    HTTPStatus.BAD_REQUEST,
}


def first_job(stamp: JobStamp, steps: Sequence[Step]) -> Manifest | None:
    """Return the Job of the first step that needs one, None when none does."""
    for step in steps:
        if step.needs_job:
            return stamp.manifest(step.node, node_uid=step.node_uid, machine_id=step.machine_id)
    return None


async def refusals(api: KubeApi, namespace: str, suffix: str, job: Manifest) -> list[str]:
    """Return why no such Job, or none of its pods, would be taken; nothing when they would.

    Raises:
        ClusterError: the API server could not be asked, or cannot take any Job at the moment.
    """
    place = await api.get_namespace(namespace)
    if refusal := guards.pod_security(place):
        return [refusal.text]
    try:
        await api.rehearse_job(namespace, job)
    except ApiError as error:
        # Missing rights are told together, elsewhere.
        if error.status in _NO_VERDICT or error.unauthorized:
            return []
        if error.status not in _REFUSALS:
            raise
        # Finished Jobs of an earlier run count too, and this one removes them.
        if error.over_quota and (await api.list_jobs(namespace, jobs.selector(suffix))).items:
            return []
        return [guards.refused_job(job["metadata"]["name"], str(error)).text]
    return []
