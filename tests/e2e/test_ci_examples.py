"""The CI examples, step by step: a plan, its approval, `up` bound to it, the schedule."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from sandbox.cluster import Cluster
from sandbox.kube import Kube
from tests.e2e.ci_jobs import Ci
from tests.e2e.conftest import destroyed_afterwards, fresh_fleet
from tests.e2e.observe import Audit, marked
from tests.e2e.stack import CHECKOUT, NAME, Stack

pytestmark = pytest.mark.e2e

LABEL = "example.com/ci"
PROGRAM = [
    ".gitignore",
    "Pulumi.yaml",
    "__main__.py",
    "kata_components",
    "requirements",
    "examples",
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with this program, as it is in the working tree."""
    project = tmp_path / "project"
    (project / "stacks").mkdir(parents=True)
    for name in PROGRAM:
        source = CHECKOUT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, project / name)
    (project / ".venv").symlink_to(sys.prefix)
    git(project, "init", "--quiet")
    return project


@pytest.fixture
def stack(cluster: Cluster, project: Path, new_stack: Callable[..., Stack]) -> Iterator[Stack]:
    fresh_fleet(cluster)
    with destroyed_afterwards(new_stack(program=project)) as made:
        made.configure(nodeSelector={LABEL: "true"}, rollout={"reportDir": "of/the/stack"})
        yield made


@pytest.fixture
def ci(tmp_path: Path, stack: Stack, project: Path) -> Ci:
    """GitHub and GitLab, set up for the stack as docs/ci.md says.

    A program in the place of `gh` keeps comments. The environment of the tests is in the place of
    those that jobs make, which takes a minute.
    """
    programs = tmp_path / "programs"
    programs.mkdir()
    write_program(programs / "gh", f"(echo $*; cat reports/summary.md) > {tmp_path}/jobs/comment")
    write_program(
        programs / "python3",
        f"""[ "$*" = "-m venv .venv" ] && exec ln -s {sys.prefix} .venv
        exec {sys.executable} "$@"
        """,
    )
    credentials = {
        name: stack.variables[name]
        for name in ("KUBECONFIG", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE")
    }
    machine = {key: value for key, value in stack.variables.items() if key not in credentials}
    machine |= {"PATH": f"{programs}:{machine['PATH']}", "PIP_DRY_RUN": "1", "PIP_NO_INDEX": "1"}
    expressions = {
        "secrets.KUBECONFIG": Path(credentials["KUBECONFIG"]).read_text(encoding="utf-8"),
        "secrets.PULUMI_ACCESS_TOKEN": "",
        "secrets.PULUMI_CONFIG_PASSPHRASE": "",
        "vars.PULUMI_BACKEND_URL": credentials["PULUMI_BACKEND_URL"],
        "github.token": "token",
        "github.repository": "example/project",
        "github.event.pull_request.number": "7",
    }
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    return Ci(project, jobs, machine, credentials, expressions)


def write_program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def commit(project: Path, stack: Stack, message: str) -> None:
    """Commit the configuration of the stack."""
    values = {f"kata-deploy:{key}": value for key, value in stack.config.items()}
    file = project / "stacks" / f"Pulumi.{NAME}.yaml"
    file.write_text(yaml.safe_dump({"config": values}), encoding="utf-8")
    git(project, "add", ".")
    git(project, "add", "--force", "stacks")
    git(project, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", message)


def git(project: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=project, check=True)


def select(kube: Kube, *nodes: str) -> None:
    for node in nodes:
        kube.merge(f"/api/v1/nodes/{node}", {"metadata": {"labels": {LABEL: "true"}}})


def artifacts(ci: Ci, job: str) -> set[str]:
    return {path.name for path in ci.artifact(job).iterdir()}


def test_a_plan_is_shown_approved_carried_out_and_repeated_for_new_nodes(
    ci: Ci, stack: Stack, project: Path, kube: Kube, audit: Audit
) -> None:
    select(kube, "worker-0001", "worker-0002")
    commit(project, stack, "Kata on the nodes with our label")
    preview = ci.github("preview")
    assert preview.ok, preview.text
    comment = ci.github("comment")
    assert comment.ok, comment.text
    command, *summary = (ci.home / "comment").read_text(encoding="utf-8").splitlines()
    assert command.startswith("pr comment 7 ")
    assert any("install 2 new nodes: worker-0001, worker-0002" in line for line in summary)
    assert {"plan.json", "plan.html"} <= artifacts(ci, "preview")
    assert audit.writes() == []

    select(kube, "worker-0003")
    up = ci.github("up")
    assert up.ok, up.text
    assert marked(kube) == {"worker-0001", "worker-0002"}, "the third has joined after the plan"
    assert {"rollout.json", "rollout.html", "rollout.prom"} <= artifacts(ci, "up")
    digest = stack.outputs()["rollout"]["digest"]

    stack.configure(image={"tag": "not-approved"})
    commit(project, stack, "Another image, which nobody has approved")
    repeated = ci.gitlab("new-nodes")
    assert repeated.ok, repeated.text
    assert marked(kube) == {"worker-0001", "worker-0002", "worker-0003"}
    assert stack.outputs()["rollout"]["digest"] == digest
    report = json.loads((ci.artifact("new-nodes") / "reports" / "rollout.json").read_text())
    assert [node["node"] for node in report["nodes"]] == ["worker-0003"]
