"""The example of a program that makes a cluster and installs Kata there, with the built package."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sandbox.cluster import Cluster
from sandbox.control_plane import ADMIN
from sandbox.kube import Kube
from sandbox.nodes import CONTROL_PLANES
from tests.e2e.conftest import WORKERS, destroyed_afterwards, fresh_fleet
from tests.e2e.observe import Audit, everything, marked
from tests.e2e.stack import CHECKOUT, Stack

pytestmark = pytest.mark.e2e

DEBUGGED = ("worker-0001", "worker-0002")
POSTPONED = "the kubeconfig is not known yet; `pulumi up` makes the plan and shows it"


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package as pip installs it, without its dependencies."""
    folder = tmp_path_factory.mktemp("package")
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(folder), "."]
    subprocess.run(command, cwd=CHECKOUT, check=True)
    return folder


@pytest.fixture
def stack(
    tmp_path: Path, cluster: Cluster, variables: dict[str, str], package: Path
) -> Iterator[Stack]:
    fresh_fleet(cluster)
    program = tmp_path / "own-program"
    shutil.copytree(CHECKOUT / "examples" / "own-program", program)
    (program / ".venv").symlink_to(CHECKOUT / ".venv")
    made = Stack(
        tmp_path,
        cluster,
        variables | {"PYTHONPATH": str(package)},
        user=ADMIN,
        program=program,
        project="platform",
    )
    made.config = {"kubeconfigFile": made.variables["KUBECONFIG"]}
    with destroyed_afterwards(made):
        yield made


def test_cluster_and_kata_come_and_go_in_one_program(
    stack: Stack, kube: Kube, audit: Audit
) -> None:
    for node in DEBUGGED:
        kube.merge(f"/api/v1/nodes/{node}", {"metadata": {"labels": {"kata-debug": "enabled"}}})
    before = everything(kube)

    preview = stack.preview()
    assert preview.ok, preview.text
    assert POSTPONED in preview.text
    assert audit.writes() == []

    up = stack.up()
    assert up.ok, up.text
    assert f"plan: {WORKERS} of {WORKERS + CONTROL_PLANES} selected nodes" in up.text
    assert len(marked(kube)) == WORKERS
    outputs = stack.outputs()
    installed = (outputs["rollout"]["installed"], outputs["debugRollout"]["installed"])
    assert installed == (WORKERS, len(DEBUGGED))
    kubeconfig = yaml.safe_load(Path(stack.variables["KUBECONFIG"]).read_text())
    assert kubeconfig["users"][0]["user"]["token"] not in stack.state()

    unchanged = stack.preview()
    assert unchanged.ok, unchanged.text
    assert POSTPONED not in unchanged.text
    assert "to update" not in unchanged.text

    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    assert everything(kube) == before
