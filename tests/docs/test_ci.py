"""The CI examples: one pipeline in two languages, with everything that it needs in docs/ci.md."""

import re

from tests.docs.markdown import CHECKOUT, TEXTS
from tests.e2e.ci_jobs import GITHUB, GITLAB, shell_lines

EXAMPLES = CHECKOUT / "examples" / "ci"
TEXT = TEXTS["docs/ci.md"]
JOBS = ("preview", "up", "new-nodes")


def test_both_do_the_same_in_each_job() -> None:
    for job in JOBS:
        github, gitlab = (
            [line for line in shell_lines(pipeline) if line.startswith("examples/")]
            for pipeline in (GITHUB["jobs"][job], GITLAB[job])
        )
        assert github == gitlab
        assert len(github) == 1


def test_jobs_that_change_the_cluster_run_one_at_a_time_and_in_order() -> None:
    queues = [GITHUB["jobs"][job]["concurrency"] for job in JOBS[1:]]
    assert queues == [{"group": "kata-deploy-production", "queue": "max"}] * 2
    assert {GITLAB[job]["resource_group"] for job in JOBS[1:]} == {"kata-deploy-production"}


def test_what_changes_the_cluster_on_a_push_is_approved() -> None:
    assert GITHUB["jobs"]["up"]["environment"] == GITLAB["up"]["environment"] == "production"
    assert [rule["when"] for rule in GITLAB["up"]["rules"]] == ["manual"]


def test_cli_is_the_one_that_the_project_is_tried_with() -> None:
    product = (CHECKOUT / "requirements" / "product.in").read_text(encoding="utf-8")
    pinned = re.findall(r"^pulumi==(\S+)", product, re.MULTILINE)
    steps = GITHUB["jobs"]["preview"]["steps"]
    versions = [step["with"]["pulumi-version"] for step in steps if "pulumi/" in str(step)]
    image = GITLAB["default"]["image"]["name"]
    assert pinned == versions == [image.partition(":")[2]]


def test_settings_of_the_pipelines_are_explained() -> None:
    github = (EXAMPLES / "github.yml").read_text(encoding="utf-8")
    settings = {*re.findall(r"(?:secrets|vars)\.(\w+)", github), "AWS_ROLE_ARN"}
    assert {name for name in settings if f"`{name}`" not in TEXT} == set()
    assert {job for job in JOBS if f"`{job}`" not in TEXT} == set()
