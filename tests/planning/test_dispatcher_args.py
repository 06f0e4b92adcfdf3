"""Upstream's dispatcher gets exactly the nodes that need a Job, in a bounded command line."""

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kata_components import names
from kata_components.manifests.dispatcher_job import cleanup_dispatcher_job, install_dispatcher_job
from kata_components.manifests.job_templates import cleanup_job, install_job
from kata_components.manifests.reconcile import reconcile
from kata_components.pacing.progress import progress
from kata_components.planning import dispatcher_args
from kata_components.planning.dispatcher_args import MAX_NAMES, Batch, Selectors
from kata_components.planning.host_digest import current, host_digests
from kata_components.planning.node_jobs import JobState, identified
from kata_components.settings.load import load_settings
from kata_components.settings.settings import Settings
from tests.planning.builders import job, node

DIGEST = "aaaaaaaaaaaa"
TEMPLATE = {"metadata": {"annotations": {names.DIGEST_ANNOTATION: DIGEST}}, "spec": {"é": "ü"}}
OPEN: Selectors = ("pool=kata,open",)
ALL: Selectors = ("pool=kata",)
node_names = st.sets(st.integers(1, 400).map(lambda number: f"node-{number}"), max_size=350)


def settings(**values: Any) -> Settings:
    config = {"kataVersion": "4.0.0", "cluster": {"context": "c"}, "deploymentMode": "job"}
    return load_settings(config | values)


def of_4_1_0(**values: Any) -> Settings:
    return settings(**{"kataVersion": "4.1.0", "rollout": {"runsIn": "cluster"}, **values})


def command(manifest: dict[str, Any]) -> list[str]:
    words: list[str] = manifest["spec"]["template"]["spec"]["containers"][0]["command"]
    return words


@given(wanted=node_names, others=node_names, installed=node_names)
def test_runs_take_the_wanted_nodes_each_once_and_no_others(
    wanted: set[str], others: set[str], installed: set[str]
) -> None:
    everyone = wanted | others
    found: dict[Selectors, set[str]] = {OPEN: everyone - installed, ALL: everyone}
    runs = dispatcher_args.batches(sorted(wanted), found)
    taken = [
        name for run in runs for name in (found[run.selectors] if run.selectors else run.nodes)
    ]
    assert sorted(taken) == sorted(wanted)
    assert all(len(run.nodes) <= MAX_NAMES for run in runs if not run.selectors)


def test_nodes_without_the_label_are_preferred_to_all_nodes() -> None:
    [run] = dispatcher_args.batches(["a", "b"], {key: {"a", "b"} for key in (OPEN, ALL)})
    assert run.selectors == OPEN


def test_nodes_named_by_the_user_are_in_one_command_line() -> None:
    [run] = dispatcher_args.batches([f"n{number}" for number in range(250)], {}, named=300)
    assert len(run.nodes) == 250
    assert len(run.flags) == 1


@pytest.mark.parametrize("narrowed", [True, False])
def test_the_dispatchers_job_is_as_large_for_5000_nodes_as_for_24(narrowed: bool) -> None:
    def made(count: int) -> dict[str, Any]:
        nodes = {f"worker-{number:04}" for number in range(count)}
        found: dict[Selectors, set[str]] = {OPEN: nodes if narrowed else set(), ALL: nodes}
        [run] = dispatcher_args.batches(sorted(nodes), found)
        return dispatcher_args.dispatcher_job(install_dispatcher_job(settings()), run, TEMPLATE)

    assert made(24) == made(5000)


def test_the_command_line_is_the_charts_except_for_selection_and_dangerous_flags() -> None:
    charts = install_dispatcher_job(settings())
    narrowed = dispatcher_args.dispatcher_job(charts, Batch(nodes=("a", "b")), TEMPLATE)
    assert set(command(charts)) - set(command(narrowed)) == {
        "--owner-job-name=kata-deploy-install-dispatcher",
        "--node-selector=!node-role.kubernetes.io/control-plane,!node-role.kubernetes.io/master",
    }
    assert set(command(narrowed)) - set(command(charts)) == {"--nodes=a,b"}
    assert narrowed["metadata"]["annotations"] == {names.DIGEST_ANNOTATION: DIGEST}
    narrowed["metadata"].pop("annotations")
    pods = narrowed["spec"]["template"]
    pods["metadata"].pop("annotations")
    pods["spec"]["containers"][0]["command"] = command(charts)
    pods["spec"]["volumes"] = charts["spec"]["template"]["spec"]["volumes"]
    assert narrowed == charts


def test_the_dispatcher_finds_its_own_template_where_it_looks_for_the_charts() -> None:
    narrowed = dispatcher_args.dispatcher_job(
        install_dispatcher_job(settings()), Batch(nodes=("a",)), TEMPLATE
    )
    pods = narrowed["spec"]["template"]
    (volume,) = pods["spec"]["volumes"]
    (item,) = volume["downwardAPI"]["items"]
    (mount,) = pods["spec"]["containers"][0]["volumeMounts"]
    assert mount["name"] == volume["name"]
    assert f"--job-template={mount['mountPath']}/{item['path']}" in command(narrowed)
    assert item["fieldRef"]["fieldPath"] == f"metadata.annotations['{names.TEMPLATE_ANNOTATION}']"
    assert yaml.safe_load(pods["metadata"]["annotations"][names.TEMPLATE_ANNOTATION]) == TEMPLATE


def test_the_pass_over_removed_nodes_is_never_requested() -> None:
    charts = install_dispatcher_job(of_4_1_0())
    assert "--cleanup-job-template=/etc/kata-job/cleanup-job.yaml" in command(charts)
    narrowed = dispatcher_args.dispatcher_job(charts, Batch(nodes=("a",)), TEMPLATE)
    assert not [word for word in command(narrowed) if word.startswith("--cleanup")]


def test_a_cron_job_owns_no_jobs_so_that_nothing_is_deleted_in_the_middle_of_its_work() -> None:
    reconciles = {"reconcile": {"enabled": True}}
    (charts,) = reconcile(of_4_1_0(kataVersion="4.2.0", job=reconciles))
    before = copy.deepcopy(charts)
    made = dispatcher_args.cron_job(charts, TEMPLATE)
    assert charts == before
    ours, theirs = made["spec"].pop("jobTemplate"), charts["spec"].pop("jobTemplate")
    assert made == charts
    assert set(command(theirs)) - set(command(ours)) == {
        "--owner-job-from-pod=$(POD_NAME)",
        "--yield-to-live-run",
    }
    assert set(command(ours)) <= set(command(theirs))
    pods = ours["spec"]["template"]
    assert yaml.safe_load(pods["metadata"]["annotations"][names.TEMPLATE_ANNOTATION]) == TEMPLATE
    assert ours["metadata"]["annotations"] == {names.DIGEST_ANNOTATION: DIGEST}
    assert dispatcher_args.family(ours) == dispatcher_args.family(charts)
    assert ours["metadata"]["labels"][names.DISPATCHER_LABEL] == names.RECONCILE


def test_a_second_narrowing_replaces_the_first() -> None:
    charts = install_dispatcher_job(settings())
    first = dispatcher_args.dispatcher_job(charts, Batch(nodes=("a",)), TEMPLATE)
    batch = Batch(nodes=("b",), selectors=("x", "y"))
    assert dispatcher_args.dispatcher_job(first, batch, TEMPLATE) == dispatcher_args.dispatcher_job(
        charts, batch, TEMPLATE
    )
    assert [
        word
        for word in command(dispatcher_args.dispatcher_job(first, batch, TEMPLATE))
        if "selector" in word
    ] == [
        "--node-selector=x",
        "--node-selector=y",
    ]


@pytest.mark.parametrize(
    ("selection", "selectors"),
    [
        ({"nodes": ["a"]}, ()),
        ({"nodeSelector": {"pool": "kata"}, "nodeSelectorExpressions": []}, ("pool=kata",)),
        ({"nodeSelectorExpressions": []}, ("",)),
    ],
)
def test_selectors_of_a_command_line(selection: dict[str, Any], selectors: tuple[str, ...]) -> None:
    assert (
        dispatcher_args.selectors_of(install_dispatcher_job(settings(job=selection))) == selectors
    )


def test_every_node_except_installed_ones_has_a_selector() -> None:
    assert dispatcher_args.without_installed(("", "a=b")) == (
        "katacontainers.io/kata-runtime!=true",
        "a=b,katacontainers.io/kata-runtime!=true",
    )


def test_the_template_carries_digest_and_limit_and_has_no_ttl() -> None:
    template = install_job(settings())
    stamped = dispatcher_args.node_template(template, 60, {})
    assert stamped["metadata"]["annotations"][names.DIGEST_ANNOTATION] == current(
        host_digests(template)
    )
    assert stamped["spec"]["activeDeadlineSeconds"] == 60
    assert "ttlSecondsAfterFinished" not in stamped["spec"]
    stages = stamped["spec"]["template"]["spec"]["initContainers"]
    assert {stage["terminationMessagePolicy"] for stage in stages} == {"FallbackToLogsOnError"}
    assert "annotations" not in template["metadata"], "the template itself stays as it is"


@pytest.mark.parametrize(("own", "timeout", "limit"), [(600, 3600, 600), (7200, 3600, 3600)])
def test_of_two_time_limits_the_shorter_one_counts(own: int, timeout: int, limit: int) -> None:
    template = install_job(of_4_1_0(job={"activeDeadlineSeconds": own}))
    assert (
        dispatcher_args.node_template(template, timeout, {})["spec"]["activeDeadlineSeconds"]
        == limit
    )


def test_the_waits_of_a_dispatcher_add_up() -> None:
    waits = {"waitForNodesSeconds": 1, "nodeSettleSeconds": 20, "waitNodeReadySeconds": 300}
    assert dispatcher_args.waiting_seconds(install_dispatcher_job(of_4_1_0(job=waits))) == 321
    assert dispatcher_args.waiting_seconds(install_dispatcher_job(settings())) == 0


def test_nodes_given_by_name_are_not_waited_for() -> None:
    charts = install_dispatcher_job(of_4_1_0())
    by_name, by_selector = (
        dispatcher_args.dispatcher_job(charts, Batch(nodes=("a",), selectors=selectors), TEMPLATE)
        for selectors in ((), ("x",))
    )
    assert set(command(by_selector)) - set(command(by_name)) == {
        "--node-selector=x",
        "--wait-for-nodes-secs=120",
        "--node-settle-secs=15",
    }


def test_one_selector_finds_dispatchers_and_per_node_jobs() -> None:
    made = [
        build(settings())
        for build in (install_dispatcher_job, cleanup_dispatcher_job, install_job, cleanup_job)
    ]
    assert {dispatcher_args.family(manifest) for manifest in made} == {
        "app.kubernetes.io/instance=kata-deploy,app.kubernetes.io/name=kata-deploy"
    }


def test_progress_counts_the_jobs_of_the_run() -> None:
    jobs = {
        "a": job("a", JobState.SUCCEEDED),
        "b": job("b", JobState.FAILED),
        "c": job("c", JobState.ACTIVE),
        "d": job("d", JobState.SUCCEEDED, kind="cleanup"),
    }
    now = progress(["a", "b", "c", "d", "e"], jobs, "install")
    assert (now.total, now.done, now.failed, now.running, now.remaining) == (5, 1, 1, 1, 2)


@pytest.mark.parametrize(
    ("created", "uid"), [("2026-01-02T00:00:00Z", "uid-a"), ("2026-01-01T00:00:00Z", "")]
)
def test_a_job_without_a_uid_is_of_the_machine_at_its_creation(created: str, uid: str) -> None:
    machine = node("a")
    machine.metadata.creation_timestamp = "2026-01-01T12:00:00Z"
    unstamped = job("a")
    unstamped = type(unstamped)(**{**vars(unstamped), "node_uid": "", "created": created})
    assert [seen.node_uid for seen in identified([unstamped], [machine])] == [uid]
