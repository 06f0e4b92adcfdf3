"""The CI examples: one pipeline in two languages, with everything that it needs in docs/ci.md."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

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


DESTROYED = {"kind": "destroy", "environment": {"git.head": "0" * 40}}
UP = {"kind": "update", "environment": {"git.head": "0" * 40}}
BY_HAND = {"kind": "update", "environment": {}}


@pytest.mark.parametrize(
    ("history", "code", "message"),
    [
        ([], 0, "Nothing to repeat: the stack production is not up"),
        ([{"kind": "refresh"}, DESTROYED, UP], 0, "Nothing to repeat"),
        ([BY_HAND, UP], 0, "Nothing to repeat"),
        ([UP, DESTROYED], 1, f"is up from commit {'0' * 40}: push it"),
    ],
)
def test_only_the_last_up_is_repeated(
    tmp_path: Path, history: list[dict[str, Any]], code: int, message: str
) -> None:
    pulumi = tmp_path / "pulumi"
    pulumi.write_text(f"#!/bin/sh\necho '{json.dumps(history)}'\n", encoding="utf-8")
    pulumi.chmod(0o755)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    path = f"{tmp_path}:{os.environ['PATH']}"
    ended = subprocess.run(
        [EXAMPLES / "rollout.sh", "repeat"],
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "PULUMI_STACK": "production"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, message in ended.stdout + ended.stderr) == (code, True)
