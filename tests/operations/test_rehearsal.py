"""What would meet the first Job of a plan is told before anything is written."""

import pytest

from kata_components.errors import ApiError, GuardError
from kata_components.operations import rehearsal
from kata_components.operations.uninstall import uninstall
from kata_components.runners.pulumi import PulumiRunner
from tests.model import fake_api
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import ENDING, NAMESPACE, Told, cluster, request, roll_out, template
from tests.model.virtual_loop import simulate

JOB = template("install")
JOB["metadata"]["name"] = "kata-deploy-install-node-00"

INVALID = ApiError(422, "Invalid", "tolerations[0].operator: Invalid value: Exist")
OVER_QUOTA = ApiError(
    403, "Forbidden", 'jobs.batch "x" is forbidden: exceeded quota: few, used: count/jobs.batch=5'
)
NO_DRY_RUN = ApiError(400, "BadRequest", 'admission webhook "policy" does not support dry run')
DENIED_WITHOUT_CODE = ApiError(
    400, "", 'admission webhook "policy" denied the request: no privileged pods'
)
"""A webhook need not say a status; the API server then answers 400."""
TAKEN = ApiError(409, "AlreadyExists", 'jobs.batch "x" already exists')


def enforce(on: Cluster, standard: str) -> None:
    metadata = on.objects[f"namespaces/{NAMESPACE}"]["metadata"]
    metadata["labels"] = {"pod-security.kubernetes.io/enforce": standard}


def refusals(on: Cluster, error: Exception | None = None) -> list[str]:
    api = FakeKubeApi(on)
    if error:
        api.refuse("dry_run_job", error)
    return simulate(rehearsal.refusals(api, NAMESPACE, "", JOB))


@pytest.mark.parametrize("standard", ["baseline", "restricted"])
def test_a_namespace_that_lets_no_privileged_pod_pass_is_refused_with_what_to_type(
    standard: str,
) -> None:
    on = cluster(1)
    enforce(on, standard)
    (text,) = refusals(on)
    assert text.startswith(f"namespace {NAMESPACE} enforces the Pod Security Standard {standard}: ")
    label = "pod-security.kubernetes.io/enforce=privileged"
    assert f"`kubectl label namespace {NAMESPACE} {label} --overwrite`" in text


def test_what_passes_is_not_refused() -> None:
    on = cluster(1)
    assert refusals(on) == []
    enforce(on, "privileged")
    assert refusals(on) == []
    assert on.jobs == {}


@pytest.mark.parametrize(
    "error", [fake_api.denied_by_admission(), DENIED_WITHOUT_CODE, INVALID, OVER_QUOTA]
)
def test_what_the_api_server_would_answer_to_a_job_is_the_refusal(error: ApiError) -> None:
    (text,) = refusals(cluster(1), error)
    assert text.startswith(
        "the API server would not accept the Job kata-deploy-install-node-00: "
        f"{error}. That was a dry run"
    )


@pytest.mark.parametrize("error", [NO_DRY_RUN, TAKEN, fake_api.forbidden("create jobs")])
def test_what_says_nothing_of_the_job_is_no_refusal(error: ApiError) -> None:
    assert refusals(cluster(1), error) == []


def test_a_quota_that_finished_jobs_of_ours_fill_is_no_refusal() -> None:
    on = cluster(2, fates={"node-00": "fails"})
    simulate(roll_out(FakeKubeApi(on), request()))
    assert len(on.jobs) == 1
    assert refusals(on, OVER_QUOTA) == []


@pytest.mark.parametrize("error", [fake_api.unreachable(), fake_api.server_error()])
def test_an_api_server_that_takes_no_job_now_is_told_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)):
        refusals(cluster(1), error)


def test_a_destroy_whose_pods_could_not_be_made_begins_nothing() -> None:
    on = cluster(3)
    simulate(roll_out(FakeKubeApi(on), request()))
    on.starts.clear()
    enforce(on, "baseline")
    with pytest.raises(GuardError, match="enforces the Pod Security Standard baseline"):
        simulate(uninstall(FakeKubeApi(on), ENDING, PulumiRunner, Told()))
    assert on.starts == []
    assert len(on.marked()) == 3
