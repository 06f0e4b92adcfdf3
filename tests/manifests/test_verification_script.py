"""The script of the verification Job, run by bash with a kubectl that plays a cluster."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kata_components.manifests.verification import verification
from kata_components.settings.load import load_settings

POD = (
    "apiVersion: v1\nkind: Pod\n"
    "metadata: {name: kata-check}\nspec: {containers: [{name: a, image: b}]}\n"
)
KUBECTL = """#!/usr/bin/env bash
# Answers like a cluster whose pod goes through the phases in $PHASES; keeps what it was asked.
echo "$*" >> "$STATE/calls"
case "$*" in
  *"rollout status"*) [[ "$(grep -c "rollout status" "$STATE/calls")" -ge "$ROLLED_OUT_AT" ]] ;;
  "get nodes"*) echo "$NODES" ;;
  *"get pod "*)
    read -r phase rest < "$STATE/phases"
    printf '%s' "$phase"
    [[ -z "$rest" ]] || echo "$rest" > "$STATE/phases" ;;
  *" create "*) [[ -z "${CREATE_FAILS:-}" ]] ;;
  *) : ;;
esac
"""


def run(
    folder: Path, *, mode: str = "daemonset", phases: str = "Succeeded", **world: str
) -> tuple[int, str, list[str]]:
    """Run the script; return its exit code, what it printed, and the calls of kubectl."""
    config: dict[str, Any] = {
        "kataVersion": "4.0.0",
        "cluster": {"context": "c"},
        "deploymentMode": mode,
    }
    own = {"pod": POD, "namespace": "checks", "timeout": 1, "daemonsetTimeout": 1}
    settings = load_settings(config | {"verification": own, "env": {"multiInstallSuffix": "dev"}})
    for name, text in (("kubectl", KUBECTL), ("sleep", "#!/bin/sh\n")):
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755)
    (folder / "phases").write_text(f"{phases}\n", encoding="utf-8")
    known = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "STATE": str(folder),
        "NODES": "node/a",
        "ROLLED_OUT_AT": "1",
    }
    command = verification(settings)[-1]["spec"]["template"]["spec"]["containers"][0]["command"]
    done = subprocess.run(
        command, env=known | world, capture_output=True, text=True, timeout=60, check=False
    )
    return (
        done.returncode,
        done.stdout + done.stderr,
        (folder / "calls").read_text(encoding="utf-8").splitlines(),
    )


def test_pod_that_succeeds_passes_and_is_removed(tmp_path: Path) -> None:
    code, output, calls = run(tmp_path, phases="Pending Running Succeeded")
    assert (code, output.splitlines()[-1]) == (0, "verification passed: pod kata-check succeeded")
    assert (
        calls[0] == "--namespace kube-system rollout status daemonset/kata-deploy-dev --timeout=60s"
    )
    assert "--namespace checks create --filename /config/pod-spec.yaml" in calls
    assert calls[-1] == "--namespace checks delete pod kata-check --ignore-not-found --wait=false"


def test_installation_may_take_its_time(tmp_path: Path) -> None:
    code, _, calls = run(tmp_path, ROLLED_OUT_AT="3")
    assert code == 0
    assert len([call for call in calls if "rollout status" in call]) == 3


def test_job_mode_waits_for_no_daemon_set(tmp_path: Path) -> None:
    code, _, calls = run(tmp_path, mode="job")
    assert code == 0
    assert not [call for call in calls if "rollout status" in call]


@pytest.mark.parametrize(
    ("world", "said"),
    [
        ({"phases": "Pending Failed"}, "verification failed: pod kata-check is in phase Failed"),
        ({"phases": "Pending"}, "not within 1 seconds: pod kata-check has ended"),
        (
            {"NODES": ""},
            "not within 1 seconds: a node has the label katacontainers.io/kata-runtime=true",
        ),
        (
            {"ROLLED_OUT_AT": "100000"},
            "not within 1 seconds: DaemonSet kata-deploy-dev is rolled out",
        ),
        ({"CREATE_FAILS": "yes"}, "not within 1 seconds: pod kata-check is created"),
    ],
)
def test_what_does_not_work_fails_with_its_reason(
    tmp_path: Path, world: dict[str, Any], said: str
) -> None:
    code, output, calls = run(tmp_path, **world)
    assert code == 1
    assert said in output
    created = any(" create " in call for call in calls)
    assert ("delete pod" in calls[-1]) == created
