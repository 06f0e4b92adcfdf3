"""After a kill at any moment the next run goes on: no node lost or done twice, no orphan left."""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.cluster import Cluster
from sandbox.kube import Kube
from tests.e2e.conftest import POD_SECONDS, WORKERS
from tests.e2e.observe import Audit, everything, jobs, marked
from tests.e2e.stack import NAME, Stack, kill, provider_pids, read_until

pytestmark = pytest.mark.e2e


def interrupted_up(stack: Stack) -> "subprocess.Popen[str]":
    """Start an up with a slow rollout and return in the middle of it."""
    stack.cluster.pod_seconds(1.5)
    stack.configure(job={"parallelism": 3})
    process = stack.start("up", "--yes", "--skip-preview")
    read_until(process, " installed, 3 running")
    return process


def cli_killed(stack: Stack) -> None:
    process = interrupted_up(stack)
    orphans = provider_pids(stack.variables["PULUMI_BACKEND_URL"])
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert orphans
    wait_until_gone(orphans)

    locked = stack.up()
    assert locked.code != 0
    assert "pulumi cancel" in locked.text
    stack.cancel()


def wait_until_gone(pids: list[int]) -> None:
    """Wait for processes to end by themselves; any that is left could still start Jobs."""
    deadline = time.monotonic() + 20
    while left := [pid for pid in pids if Path(f"/proc/{pid}/exe").exists()]:
        assert time.monotonic() < deadline, f"processes {left} outlive their engine"
        time.sleep(0.1)


def cancelled_by_ctrl_c(stack: Stack) -> None:
    """Also refuse a second up elsewhere meanwhile."""
    process = interrupted_up(stack)
    is_refused_elsewhere(stack)
    began = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    text, _ = process.communicate(timeout=60)
    assert time.monotonic() - began < 10
    assert process.returncode != 0
    assert "cancelled. Running Jobs continue" in text
    assert "Traceback" not in text
    assert 'pending_operations": [' not in stack.state().replace("\n", "").replace(" ", "")


def is_refused_elsewhere(stack: Stack) -> None:
    # Even on a slow machine the first run must not end before the second begins.
    stack.cluster.pod_seconds(4)
    # Pulumi locks per backend: another checkout with a copy of the state does not see the lock.
    copied = stack.config_file.parent / "state.json"
    copied.write_text(stack.state())
    second = stack.copy()
    elsewhere = stack.config_file.parent / "elsewhere"
    elsewhere.mkdir()
    second.variables["PULUMI_BACKEND_URL"] = f"file://{elsewhere}"
    second.run("stack", "init", NAME, "--no-select", config=False)
    second.run("stack", "import", "--force", "--file", str(copied), config=False)
    refused = second.up()
    assert refused.code != 0
    assert "another run works on this installation" in refused.text


@pytest.mark.parametrize("interruption", [cli_killed, cancelled_by_ctrl_c])
def test_the_next_up_goes_on(
    interruption: Callable[[Stack], None],
    stack: Stack,
    cluster: Cluster,
    kube: Kube,
    audit: Audit,
) -> None:
    """Every node is installed, each by a single Job."""
    interruption(stack)
    assert len(audit.job_nodes()) < WORKERS
    cluster.pod_seconds(POD_SECONDS)
    stack.configure(job={"parallelism": WORKERS})
    up = stack.up()
    assert up.ok, up.text
    assert marked(kube) == set(cluster.workers())
    assert set(Counter(audit.job_nodes()).values()) == {1}


def test_destroy_cleans_after_a_first_up_whose_provider_was_killed(
    stack: Stack, kube: Kube
) -> None:
    """It waits for the Lease of the dead process; `test_token_free` has the up that goes on."""
    before = everything(kube)
    process = interrupted_up(stack)
    kill(provider_pids(stack.variables["PULUMI_BACKEND_URL"]))
    text, _ = process.communicate(timeout=60)
    assert process.returncode != 0, text
    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    assert everything(kube) == before
    assert jobs(kube) == []
