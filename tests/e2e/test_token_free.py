"""Kata 4.1.0 paced by `pulumi up`: Jobs that leave labels and taints of their node to us."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kata_components import names
from sandbox.cluster import Cluster
from sandbox.kube import Kube
from sandbox.nodes import CONTROL_PLANES
from tests.e2e.conftest import WORKERS
from tests.e2e.observe import Audit, everything, jobs, marked
from tests.e2e.stack import CHECKOUT, NEWEST, Stack, kill, provider_pids, read_until
from tests.e2e.test_faults import LEASE
from tests.sandbox.waiting import until

pytestmark = pytest.mark.e2e

BOTH_LABELS = (names.RUNTIME_LABEL, names.instance_label(""))
STARTING = {"key": "kata.example/starting", "effect": "NoSchedule"}
FAULTS: list[dict[str, str]] = [
    {"handlers_after": "4"},
    {"handlers_after": "never"},
    {"not_ready_seconds": "3"},
    {"not_ready_seconds": "3600"},
    {"distribution": "k3s", "labels_again_after": "2"},
    {"unreported": "true"},
    {"no_handlers": "true"},
    {"no_handlers": "true"},
]
"""What goes wrong behind the Jobs of the first nodes."""
PATIENCE = """
from kata_components.pacing.protocol import Protocol

Protocol.__init__.__kwdefaults__.update(handler_seconds=10.0, canary_seconds=8.0)
"""
"""Runs in each Python process of a stack: two minutes without handlers would take two minutes."""


@pytest.fixture
def stack(stack: Stack, tmp_path: Path) -> Stack:
    (tmp_path / "sitecustomize.py").write_text(PATIENCE)
    stack.variables["PYTHONPATH"] = f"{tmp_path}:{CHECKOUT}"
    stack.configure(
        kataVersion="4.1.0",
        k8sDistribution="k3s",
        job={"backoffLimit": 0, "waitNodeReadySeconds": 6},
    )
    return stack


def node(kube: Kube, name: str) -> dict[str, Any]:
    found: dict[str, Any] = kube.get(f"/api/v1/nodes/{name}")
    return found


def labels(kube: Kube, name: str) -> list[str | None]:
    return [node(kube, name)["metadata"]["labels"].get(label) for label in BOTH_LABELS]


def taint(kube: Kube, name: str) -> None:
    kube.merge(f"/api/v1/nodes/{name}", {"spec": {"taints": [STARTING]}})


def is_tainted(kube: Kube, name: str) -> bool:
    taints = node(kube, name)["spec"].get("taints", [])
    return STARTING["key"] in {entry["key"] for entry in taints}


def serving(kube: Kube) -> set[str]:
    """Return the nodes on which pods of 4.1.0 can run."""
    selector = ",".join(f"{label}=true" for label in BOTH_LABELS)
    found = kube.get("/api/v1/nodes", labelSelector=selector)["items"]
    return {entry["metadata"]["name"] for entry in found}


def patches(audit: Audit, name: str) -> int:
    return audit.writes().count(("patch", "nodes", name))


def test_install_with_faults_then_new_nodes_then_destroy(
    stack: Stack, cluster: Cluster, kube: Kube, audit: Audit
) -> None:
    before = everything(kube)
    late, never, away, lost, again, silent, old, older, tainted = cluster.workers()[:9]
    for name, switches in zip(cluster.workers(), FAULTS, strict=False):
        cluster.behave(name, **switches)
    taint(kube, tainted)
    stack.configure(
        startupTaints=[STARTING["key"]],
        tolerations=[{"key": STARTING["key"], "operator": "Exists"}],
    )
    preview = stack.preview()
    assert preview.ok, preview.text
    assert f"plan: {WORKERS - 1} of {WORKERS + CONTROL_PLANES} selected nodes" in preview.text
    assert f"skipped {silent}: the kubelet has not reported containerRuntimeVersion" in preview.text
    assert audit.writes() == []

    up = stack.up()
    assert up.code != 0
    assert "2 nodes could not be installed" in up.text
    assert (
        f"{never}: its Job succeeded, but the container runtime did not report Kata's handlers "
        "within 10 s (it reports only runc); the next run looks again; to install again: "
        f"`kubectl -n kube-system delete job kata-deploy-install-{never}`, then `pulumi up`"
    ) in up.text
    assert f"{lost}: not Ready within 6 s of its Job (" in up.text
    assert "the next run continues from there" in up.text
    said = [f"node {name} does not report the handlers" in up.text for name in (old, older)]
    assert sorted(said) == [False, True]
    assert "Traceback" not in up.text
    workers = set(cluster.workers())
    assert marked(kube) == serving(kube) == workers - {never, lost, silent}
    assert labels(kube, never) == labels(kube, lost) == ["false", "false"]
    assert labels(kube, silent) == [None, None]
    assert sorted(job["metadata"]["name"] for job in jobs(kube)) == [
        f"kata-deploy-install-{name}" for name in sorted([never, lost])
    ]
    assert patches(audit, again) >= 3  # the claim, the labels, and these once more
    assert not is_tainted(kube, tainted)
    assert patches(audit, tainted) == 3
    assert patches(audit, late) == 2

    for name in (never, lost, silent):
        cluster.behave(name, handlers_after=None, not_ready_seconds=None, unreported=None)
    taint(kube, late)
    added = cluster.add_nodes(2)
    only = Audit(cluster.audit_log)
    continued = stack.up()
    assert continued.ok, continued.text
    resumed = f"resume 2 nodes ({', '.join(sorted([never, lost]))}): the Job succeeded"
    assert resumed in continued.text
    assert f"relabel {late}: installed" in continued.text
    assert f"but the startup taint {STARTING['key']}" in continued.text
    assert "install 3 new nodes: " in continued.text
    assert sorted(only.job_nodes()) == sorted([silent, *added])
    assert patches(only, away) == 0
    assert not is_tainted(kube, late)
    assert set(Counter(audit.job_nodes()).values()) == {1}
    assert marked(kube) == serving(kube) == workers | set(added)
    assert jobs(kube) == []

    cluster.remove_nodes(added)
    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    assert everything(kube) == before


def test_canaries_whose_handlers_vanish_stop_the_rollout(
    stack: Stack, cluster: Cluster, kube: Kube, audit: Audit
) -> None:
    stack.configure(rollout={"waves": ["canary", "100%"]})
    cluster.behave_all(handlers_gone_after="4")
    up = stack.up()
    cluster.behave_all(handlers_gone_after=None)
    assert up.code != 0
    canaries = audit.job_nodes()
    [told] = re.findall(r"wave 1, canaries: install (.+)", up.text)
    assert sorted(re.findall(r"(\S+) \(a", told)) == sorted(canaries)
    assert len(canaries) < WORKERS / 2
    for name in canaries:
        assert f"canary {name} failed" in up.text
        assert f"{name}: its Job succeeded, but the container runtime did not report" in up.text
        assert labels(kube, name) == ["false", "false"]
    assert marked(kube) == set()


def killed(stack: Stack, command: str, words: str, seen: Callable[[], bool]) -> None:
    """Run a command; kill its provider once it has printed something and the nodes show it."""
    process = stack.start(command, "--yes", "--skip-preview")
    read_until(process, words)
    until(seen, seconds=30)
    kill(provider_pids(stack.variables["PULUMI_BACKEND_URL"]))
    text, _ = process.communicate(timeout=60)
    assert process.returncode != 0, text
    # The next run would wait 15 s for the Lease of a dead process, as `test_interruptions` has it.
    with stack.cluster.connect() as kube:
        kube.merge(LEASE, {"spec": {"holderIdentity": None}})


def with_traces(kube: Kube) -> int:
    """Return how many nodes carry the mark of something incomplete."""
    key = names.mark_annotation("")
    found = [
        entry["metadata"].get("annotations", {}).get(key)
        for entry in kube.get("/api/v1/nodes")["items"]
    ]
    return len([mark for mark in found if mark and not json.loads(mark)["digest"]])


def test_kill_9_in_each_phase(stack: Stack, cluster: Cluster, kube: Kube, audit: Audit) -> None:
    """Behind the Job, while labels have to hold, and during the cleanup: nothing runs twice."""
    before = everything(kube)
    slow, holding = cluster.workers()[:2]
    cluster.behave(holding, distribution="k3s")
    cluster.behave(slow, handlers_after="never")
    stack.configure(kataVersion=NEWEST, job={"parallelism": 12})

    killed(stack, "up", " becoming ready", lambda: holding in marked(kube))
    assert slow not in marked(kube)
    assert labels(kube, slow) == ["false", "false"]
    cluster.behave(slow, handlers_after=None, distribution="k3s")
    killed(stack, "up", " finishing", lambda: slow in marked(kube))
    up = stack.up()
    assert up.ok, up.text
    assert marked(kube) == serving(kube) == set(cluster.workers())
    # A Job whose create was cut off by a kill is not among them.
    assert set(Counter(audit.job_nodes()).values()) == {1}

    cluster.pod_seconds(1.5)
    again = Audit(cluster.audit_log)
    killed(stack, "destroy", " cleaned, 12 running", lambda: with_traces(kube) > 0)
    assert len(serving(kube)) < WORKERS
    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    assert set(Counter(again.job_nodes()).values()) == {1}
    assert everything(kube) == before
