"""`Rollout` and `Installation` with upstream's dispatcher, in a real provider process."""

from typing import Any

import grpc
import pytest
import yaml

from kata_components import names
from tests.model import dispatcher
from tests.model.cluster import Cluster
from tests.model.cron_job import RECONCILE, is_suspended, suspend
from tests.providers import inputs
from tests.providers.api_model import ApiServer
from tests.providers.conftest import Running
from tests.providers.inputs import INSTALLATION_URN, ROLLOUT_URN


@pytest.fixture(autouse=True)
def _a_quick_dispatcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "START_SECONDS", 0.01)
    monkeypatch.setattr(dispatcher, "POLL_SECONDS", 0.02)


@pytest.fixture
def installation(running: Running) -> tuple[str, dict[str, Any]]:
    checked = running.installation.check(inputs.dispatched_installation())
    assert checked.failures == []
    return running.installation.create(checked.inputs)


def up(running: Running, **changes: Any) -> dict[str, Any]:
    checked = running.rollout.check(inputs.dispatched(**changes))
    assert checked.failures == []
    return running.rollout.create(checked.inputs)[1]


def command(job: str) -> list[str]:
    words: list[str] = yaml.safe_load(job)["spec"]["template"]["spec"]["containers"][0]["command"]
    return words


def test_check_shows_the_plan_and_the_job_that_will_run(running: Running, api: ApiServer) -> None:
    checked = running.rollout.check(inputs.dispatched())
    assert checked.failures == []
    assert (
        command(checked.inputs["dispatcherJob"])[-1]
        == f"--node-selector={names.RUNTIME_LABEL}!=true"
    )
    lines = running.engine.lines(ROLLOUT_URN)
    assert lines[0].startswith("plan: 5 of 5 selected nodes, at most 3 at a time (5 install)")
    assert lines[-1] == f"  the dispatcher gets them by --node-selector={names.RUNTIME_LABEL}!=true"
    assert api.writes == []


@pytest.mark.usefixtures("installation")
def test_create_runs_the_dispatcher_and_records_what_came_of_it(
    running: Running, cluster: Cluster
) -> None:
    checked = running.rollout.check(inputs.dispatched())
    _, outputs = running.rollout.create(checked.inputs)
    assert (outputs["outcome"]["installed"], outputs["failure"]) == (5, "")
    assert cluster.marked() == sorted(cluster.nodes) == sorted(cluster.starts)
    assert cluster.dispatchers == [command(checked.inputs["dispatcherJob"])]
    assert (cluster.violations, cluster.jobs) == ([], {})
    running.engine.until(
        lambda said: said.status and said.urn == ROLLOUT_URN and "/5 installed" in said.text
    )


@pytest.mark.usefixtures("installation")
def test_failed_node_is_an_outcome_that_the_next_up_settles(
    running: Running, api: ApiServer, cluster: Cluster
) -> None:
    cluster.fates["node-3"] = "fails"
    outputs = up(running)
    assert outputs["outcome"]["failedNodes"] == ["node-3"]
    assert "node-3: stage artifacts ended with exit code 1" in outputs["failure"]
    api.do(cluster.fates.clear)
    checked = running.rollout.check(inputs.dispatched(), outputs)
    assert running.rollout.differs(checked.inputs, outputs)
    assert running.rollout.update("id", outputs, checked.inputs)["failure"] == ""
    assert cluster.starts[5:] == ["node-3"]


@pytest.mark.usefixtures("installation")
def test_switching_the_runner_of_a_fleet_that_is_done_touches_no_node(
    running: Running, api: ApiServer
) -> None:
    outputs = up(running)
    before = list(api.writes)
    for wanted in (inputs.rollout(), inputs.dispatched()):
        checked = running.rollout.check(wanted, outputs)
        assert checked.failures == []
        assert not running.rollout.differs(checked.inputs, outputs)
        assert running.rollout.update("id", outputs, checked.inputs)["outcome"]["installed"] == 0
    assert [line for line in api.writes if "jobs" in line and "POST" in line] == [
        line for line in before if "jobs" in line and "POST" in line
    ]
    assert len(api.cluster.dispatchers) == 1


@pytest.mark.usefixtures("installation")
def test_failed_dispatcher_is_gone_after_a_rollout_without_it(
    running: Running, api: ApiServer, cluster: Cluster
) -> None:
    cluster.fates["node-3"] = "fails"
    outputs = up(running)
    assert "kata-deploy-install-dispatcher" in cluster.jobs
    api.do(cluster.fates.clear)
    checked = running.rollout.check(inputs.rollout(), outputs)
    assert running.rollout.update("id", outputs, checked.inputs)["outcome"]["installed"] == 1
    assert (cluster.jobs, cluster.violations) == ({}, [])


@pytest.mark.usefixtures("installation")
def test_a_cron_job_that_an_interrupted_run_has_left_suspended_is_work_for_the_next(
    running: Running, api: ApiServer, cluster: Cluster
) -> None:
    cluster.objects[RECONCILE] = {"metadata": {"name": "kata-deploy-reconcile"}, "spec": {}}
    wanted = inputs.dispatched(cronJob="kata-deploy-reconcile")
    outputs = up(running, cronJob="kata-deploy-reconcile")
    assert not is_suspended(cluster)
    checked = running.rollout.check(wanted, outputs)
    assert not running.rollout.differs(checked.inputs, outputs)
    api.do(lambda: suspend(cluster, RECONCILE, suspended=True))
    checked = running.rollout.check(wanted, outputs)
    assert running.rollout.differs(checked.inputs, outputs)
    assert "the CronJob kata-deploy-reconcile is suspended" in running.engine.lines(ROLLOUT_URN)[-1]
    running.rollout.update("id", outputs, checked.inputs)
    assert not is_suspended(cluster)


@pytest.mark.usefixtures("installation")
def test_a_cron_job_that_is_not_wanted_any_more_starts_nothing_beside_the_last_run(
    running: Running, api: ApiServer, cluster: Cluster
) -> None:
    cluster.objects[RECONCILE] = {"metadata": {"name": "kata-deploy-reconcile"}, "spec": {}}
    outputs = up(running, cronJob="kata-deploy-reconcile")
    before = len(api.writes)
    running.rollout.update("id", outputs, running.rollout.check(inputs.rollout(), outputs).inputs)
    assert sum("cronjobs" in write for write in api.writes[before:]) == 2


@pytest.mark.usefixtures("installation")
def test_without_the_right_to_suspend_the_cron_job_nothing_is_done(
    running: Running, api: ApiServer
) -> None:
    api.denied.add("patch cronjobs")
    checked = running.rollout.check(inputs.dispatched(cronJob="kata-deploy-reconcile"))
    (failure,) = checked.failures
    assert "patch cronjobs.batch/kata-deploy-reconcile" in str(failure)


def test_delete_of_the_installation_cleans_through_the_dispatcher(
    running: Running, cluster: Cluster, installation: tuple[str, dict[str, Any]]
) -> None:
    up(running)
    running.installation.delete(*installation)
    assert cluster.dispatchers[-1][-1] == f"--node-selector={names.RUNTIME_LABEL}"
    assert (cluster.marked(), cluster.jobs, cluster.leases, cluster.violations) == ([], {}, {}, [])
    assert running.engine.lines(INSTALLATION_URN)[0] == "cleaning 5 nodes, at most 3 at a time"


def test_dispatcher_that_works_on_nodes_is_planned_for_from_its_command_line(
    running: Running, cluster: Cluster
) -> None:
    cluster.add_nodes("control-plane", taints=[{"key": "control-plane", "effect": "NoSchedule"}])
    installed = running.installation.create(
        running.installation.check(inputs.dispatched_installation("4.1.0")).inputs
    )
    checked = running.rollout.check(
        inputs.dispatched("4.1.0", selectors=["kubernetes.io/hostname", "metal"])
    )
    assert checked.failures == []
    digest = yaml.safe_load(checked.inputs["plan"])["digest"]
    assert running.engine.lines(ROLLOUT_URN)[:3] == [
        f"plan: 5 of 6 selected nodes, at most 3 at a time (5 install, 1 skipped), digest {digest}",
        "  install 5 new nodes: node-0 … node-4",
        "  skipped control-plane: tolerations do not cover the taint control-plane:NoSchedule",
    ]
    outputs = running.rollout.create(checked.inputs)[1]
    assert (outputs["outcome"]["installed"], outputs["outcome"]["skipped"], outputs["failure"]) == (
        5,
        1,
        "",
    )
    assert [word for word in cluster.dispatchers[0] if word.startswith("--node-selector=")] == [
        f"--node-selector={selector},{names.RUNTIME_LABEL}!=true"
        for selector in ("kubernetes.io/hostname", "metal")
    ]
    running.installation.delete(*installed)
    assert (cluster.marked(), cluster.jobs, cluster.leases, cluster.violations) == ([], {}, {}, [])
    assert not [
        node
        for node in cluster.nodes.values()
        if names.instance_label("") in node["metadata"]["labels"]
    ]


@pytest.mark.usefixtures("installation")
def test_cancel_leaves_the_dispatcher_at_work_and_says_so(
    running: Running, fresh: Running, cluster: Cluster
) -> None:
    cluster.fates = dict.fromkeys(cluster.nodes, "hangs")
    checked = running.rollout.check(inputs.dispatched())
    answer = fresh.rollout.start_create(checked.inputs)
    fresh.engine.until(lambda said: said.status and "0/5 installed, 3 running" in said.text)
    fresh.provider.cancel()
    with pytest.raises(grpc.RpcError) as caught:
        answer.result()
    assert (
        "cancelled. The dispatcher in the cluster continues on its own. Run the same command again"
        in (caught.value.details() or "")
    )
    assert "kata-deploy-install-dispatcher" in cluster.jobs
