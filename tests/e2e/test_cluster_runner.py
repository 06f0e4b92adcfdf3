"""`rollout.runsIn: cluster`: upstream's dispatcher paces in the cluster, with its own rights."""

import os
import signal
from collections import Counter
from collections.abc import Iterator

import pytest
import yaml

from kata_components import names
from sandbox.cluster import Cluster
from sandbox.kube import Kube
from sandbox.nodes import CONTROL_PLANES
from tests.e2e.conftest import WORKERS, path_of
from tests.e2e.moments import Moments
from tests.e2e.observe import Audit, everything, jobs, marked
from tests.e2e.stack import CHECKOUT, Stack, kill, provider_pids, read_until
from tests.e2e.test_rights import granted, rights
from tests.sandbox.waiting import until

pytestmark = pytest.mark.e2e

DISPATCHER = "system:serviceaccount:kube-system:kata-deploy-dispatcher-sa"
LABEL = "katacontainers.io/kata-runtime"
OWN_LABEL = "kata-deploy.katacontainers.io/default"
BATCH = "/apis/batch/v1/namespaces/kube-system"
ROLES = (
    "clusterroles/kata-deploy-dispatcher-noderole",
    "namespaces/kube-system/roles/kata-deploy-dispatcher-role",
)
UNSEEN = {
    # Checked inside the API server, as for the roles of operator-rbac.yaml.
    "create",
    "escalate",
    "bind",
}
UNUSED = {
    # For the chart's --owner-job-name and, from 4.1.0 on, to replace Jobs; ours never deletes any.
    ("delete", "batch", "jobs"),
}


@pytest.fixture(autouse=True)
def _rights_of_the_operator(cluster: Cluster) -> Iterator[None]:
    """The operator's rights from both files; only these tests need the second."""
    manifests = list(
        yaml.safe_load_all((CHECKOUT / "docs" / "operator-rbac-cluster.yaml").read_text())
    )
    with cluster.connect() as kube:
        for manifest in manifests:
            kube.apply(path_of(manifest), manifest)
    yield
    with cluster.connect() as kube:
        for manifest in manifests:
            kube.delete(path_of(manifest))


@pytest.fixture
def stack(stack: Stack) -> Stack:
    stack.configure(kataVersion="4.0.0", job={"backoffLimit": 0}, rollout={"runsIn": "cluster"})
    return stack


def dispatched(audit: Audit) -> list[str]:
    """Return the nodes for which the dispatcher has created Jobs, sorted."""
    return sorted(audit.job_nodes(DISPATCHER))


def granted_to_the_dispatcher(kube: Kube) -> set[tuple[str, str, str]]:
    roles = [kube.get(f"/apis/rbac.authorization.k8s.io/v1/{role}") for role in ROLES]
    return rights([rule for role in roles for rule in role["rules"]])


def dispatcher_uses_its_rights(
    audit: Audit, kube: Kube, unused: set[tuple[str, str, str]] = UNUSED
) -> None:
    """Check that the dispatcher uses all of its rights, except `unused`, and no others."""
    used = audit.used(DISPATCHER)
    assert used <= granted_to_the_dispatcher(kube)
    assert granted_to_the_dispatcher(kube) - used == unused


def operator_uses_the_rights_for_the_dispatcher(audit: Audit) -> None:
    assert audit.refused() == []
    unused = granted("operator-rbac-cluster.yaml") - audit.used()
    assert [right for right in unused if right[0] not in UNSEEN] == []


def labelled(kube: Kube, label: str) -> set[str]:
    """Return the nodes that carry a label with the value `true`."""
    return {
        node["metadata"]["name"]
        for node in kube.get("/api/v1/nodes", labelSelector=f"{label}=true")["items"]
    }


def nothing_is_left_over(kube: Kube) -> None:
    assert [job["metadata"]["name"] for job in jobs(kube)] == []


def test_from_the_first_preview_to_the_last_destroy(
    stack: Stack, cluster: Cluster, kube: Kube
) -> None:
    before = everything(kube)
    whole = Audit(cluster.audit_log)
    preview = stack.preview("--diff")
    assert preview.ok, preview.text
    assert f"plan: {WORKERS} of {WORKERS} selected nodes, at most 100 at a time" in preview.text
    assert "the dispatcher gets them by --node-selector=" in preview.text
    assert "kata-deploy-install-dispatcher" in preview.text
    assert whole.writes() == []

    up = stack.up()
    assert up.ok, up.text
    workers = cluster.workers()
    assert marked(kube) == set(workers)
    assert dispatched(whole) == workers
    assert stack.outputs()["rollout"]["installed"] == WORKERS
    nothing_is_left_over(kube)

    added = cluster.add_nodes(2)
    cluster.behave(added[0], fail="host-check")
    audit = Audit(cluster.audit_log)
    failed = stack.up()
    assert failed.code != 0
    assert f"plan: 2 of {WORKERS + 2} selected nodes" in failed.text
    assert f"{added[0]}: stage host-check ended with exit code 1" in failed.text
    assert "Traceback" not in failed.text
    assert dispatched(audit) == added
    assert marked(kube) == {*workers, added[1]}

    dispatcher_uses_its_rights(whole, kube)
    cluster.behave(added[0], fail=None)
    audit = Audit(cluster.audit_log)
    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    assert dispatched(audit) == sorted([*workers, *added])
    assert whole.refused() == []
    cluster.remove_nodes(added)
    assert everything(kube) == before


def test_from_4_1_0_to_a_dispatcher_that_reports_and_looks_after_late_nodes(
    stack: Stack, cluster: Cluster, kube: Kube
) -> None:
    before = everything(kube)
    whole = Audit(cluster.audit_log)
    stack.configure(kataVersion="4.1.0", job={"nodeSettleSeconds": 1, "parallelism": WORKERS})
    up = stack.up()
    assert up.ok, up.text
    workers = cluster.workers()
    assert f"plan: {WORKERS} of {WORKERS + CONTROL_PLANES} selected nodes" in up.text
    assert f"({WORKERS} install, {CONTROL_PLANES} skipped)" in up.text
    assert dispatched(whole) == workers
    assert marked(kube) == labelled(kube, LABEL) == labelled(kube, OWN_LABEL) == set(workers)
    nothing_is_left_over(kube)
    dispatcher_uses_its_rights(whole, kube, unused=UNUSED | {("list", "batch", "jobs")})

    broken, *others = workers
    cluster.behave(broken, fail="load-kernel-modules")
    stack.configure(kataVersion="4.2.0", job={"reconcile": {"enabled": True}})
    moments = Moments(kube, "kata-qemu")
    failed = stack.up()
    assert failed.code != 0
    assert f"({WORKERS} upgrade, {CONTROL_PLANES} skipped)" in failed.text
    assert f"{broken}: stage load-kernel-modules ended with exit code 1" in failed.text
    assert moments.idle() == {}
    assert results(kube) == {broken: "failed", **dict.fromkeys(others, "succeeded")}
    assert "load-kernel-modules exited 1" in annotation(kube, broken, names.ERROR_ANNOTATION)
    events = kube.get("/api/v1/namespaces/default/events", fieldSelector="reason=JobFailed")
    assert broken in {event["involvedObject"]["name"] for event in events["items"]}

    [late] = cluster.add_nodes(1)
    audit = Audit(cluster.audit_log)
    tick = started_by_hand(kube)
    until(lambda: is_complete(kube, tick), seconds=60)
    assert dispatched(audit) == [late]
    assert results(kube)[late] == "succeeded"
    assert late in labelled(kube, LABEL) & labelled(kube, OWN_LABEL)

    cluster.behave(broken, fail=None)
    audit = Audit(cluster.audit_log)
    continued = stack.up()
    assert continued.ok, continued.text
    assert dispatched(audit) == [broken]
    assert f"resume {late}: " in continued.text
    assert marked(kube) == {*workers, late}
    assert set(results(kube).values()) == {"succeeded"}

    audit = Audit(cluster.audit_log)
    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    assert dispatched(audit) == sorted([*workers, late])
    operator_uses_the_rights_for_the_dispatcher(whole)
    cluster.remove_nodes([late])
    assert everything(kube) == before


def results(kube: Kube) -> dict[str, str]:
    """Return what nodes say became of their last Job."""
    return {
        node["metadata"]["name"]: node["metadata"]["labels"][names.RESULT_LABEL]
        for node in kube.get("/api/v1/nodes", labelSelector=names.RESULT_LABEL)["items"]
    }


def annotation(kube: Kube, node: str, key: str) -> str:
    value: str = kube.get(f"/api/v1/nodes/{node}")["metadata"]["annotations"][key]
    return value


def started_by_hand(kube: Kube) -> str:
    """Start a Job of the CronJob before its time, as `kubectl create job --from` does."""
    cron_job = kube.get(f"{BATCH}/cronjobs/{names.reconcile('')}")
    assert not cron_job["spec"].get("suspend")
    metadata = cron_job["metadata"]
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "controller": True}
    template = cron_job["spec"]["jobTemplate"]
    own = {
        "name": f"{metadata['name']}-now",
        "ownerReferences": [owner | {key: metadata[key] for key in ("name", "uid")}],
    }
    job = kube.create(f"{BATCH}/jobs", template | {"metadata": template.get("metadata", {}) | own})
    return str(job["metadata"]["name"])


def is_complete(kube: Kube, job: str) -> bool:
    conditions = kube.get(f"{BATCH}/jobs/{job}")["status"].get("conditions", [])
    return "Complete" in {condition["type"] for condition in conditions}


def has_ended(kube: Kube) -> bool:
    """Return whether the dispatcher and all its per-node Jobs have succeeded."""
    ended = [job for job in jobs(kube) if job["status"].get("succeeded")]
    return len(ended) == WORKERS + 1


def test_it_goes_on_without_a_run_and_a_change_of_runner_touches_no_node(
    stack: Stack, cluster: Cluster, kube: Kube
) -> None:
    whole = Audit(cluster.audit_log)
    stack.configure(job={"parallelism": 8})
    cluster.pod_seconds(1.5)
    process = stack.start("up", "--yes", "--skip-preview")
    read_until(process, " installed, 8 running")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    until(lambda: has_ended(kube), seconds=90)
    assert marked(kube) == set()

    stack.cancel()
    audit = Audit(cluster.audit_log)
    recorded = stack.up()
    assert recorded.ok, recorded.text
    assert f"({WORKERS} resume)" in recorded.text
    assert marked(kube) == set(cluster.workers())
    nothing_is_left_over(kube)
    rights = "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/roles"
    for who, roles in (("pulumi", []), ("cluster", ["kata-deploy-dispatcher-role"])):
        stack.configure(rollout={"runsIn": who})
        switched = stack.up()
        assert switched.ok, switched.text
        found = [role["metadata"]["name"] for role in kube.get(rights)["items"]]
        assert [name for name in found if "dispatcher" in name] == roles
    assert (audit.job_nodes(), dispatched(audit)) == ([], [])
    assert set(Counter(dispatched(whole)).values()) == {1}

    cluster.pod_seconds(1.5)
    process = stack.start("destroy", "--yes", "--skip-preview")
    read_until(process, " cleaned, 8 running")
    kill(provider_pids(stack.variables["PULUMI_BACKEND_URL"]))
    process.communicate(timeout=60)
    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    assert set(Counter(dispatched(audit)).values()) == {1}
    nothing_is_left_over(kube)
    assert marked(kube) == set()
