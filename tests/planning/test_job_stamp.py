"""Per-node Jobs as they are stamped."""

from typing import Any

import pytest

from kata_components.manifests.job_templates import cleanup_job, install_job
from kata_components.planning.host_digest import current, host_digests
from kata_components.planning.job_stamp import JobStamp
from kata_components.planning.node_jobs import JobKind
from kata_components.planning.step import Action, step_of
from kata_components.settings.load import load_settings
from tests.model.installation import template
from tests.planning.builders import node
from tests.planning.life import job_template


def test_a_stage_that_fails_leaves_the_end_of_its_log_in_the_pod_status() -> None:
    job = template("install")
    digest = current(host_digests(job))
    stamp = JobStamp(
        template=job, kind="install", suffix="", digest=digest, node_timeout_seconds=60
    )
    made = stamp.job(step_of(node("node-00"), Action.INSTALL, "", None))
    (stage,) = made["spec"]["template"]["spec"]["containers"]
    assert stage["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert current(host_digests(made)) == digest


@pytest.mark.parametrize("kind", ["install", "cleanup"])
def test_containers_of_a_job_without_a_token_are_told_what_its_node_reports(kind: JobKind) -> None:
    job = job_template(kind, token_free=True)
    pod = job["spec"]["template"]["spec"]
    first = {"name": "host-check", "env": [{"name": "NODE_MACHINE_ID", "value": "own"}]}
    pod["initContainers"] = [first]
    on = node("node-00")
    made = stamp_of(job, kind).job(step_of(on, Action.INSTALL, "", None), on.info)
    told = made["spec"]["template"]["spec"]
    runtime = {"name": "CONTAINER_RUNTIME_VERSION", "value": "containerd://2.1.0"}
    machine = {"name": "KATA_DEPLOY_NODE_MACHINE_ID", "value": "machine-node-00"}
    assert told["initContainers"][0]["env"] == [*first["env"], runtime, machine]
    assert told["containers"][0]["env"] == [
        runtime,
        machine,
        {"name": "NODE_MACHINE_ID", "value": "machine-node-00"},
    ]
    assert "env" not in pod["containers"][0], "the template itself stays as it is"


@pytest.mark.parametrize("kind", ["install", "cleanup"])
def test_stages_of_other_images_are_told_as_well(kind: JobKind) -> None:
    binaries = {"erofs": {"image": "tools:1", "binaries": ["mkfs.erofs"]}}
    config = {"kataVersion": "4.2.0", "deploymentMode": "job", "cluster": {"context": "c"}}
    settings = load_settings(config | {"nodeBinaries": binaries, "selinux": {"enabled": True}})
    on, job = node("node-00"), {"install": install_job, "cleanup": cleanup_job}[kind](settings)
    made = stamp_of(job, kind).job(step_of(on, Action.INSTALL, "", None), on.info)
    pod = made["spec"]["template"]["spec"]
    stages = [*pod["initContainers"], *pod["containers"]]
    assert len({stage["image"] for stage in stages}) > 1
    for stage in stages:
        env = {entry["name"]: entry.get("value") for entry in stage["env"]}
        assert env["CONTAINER_RUNTIME_VERSION"] == on.info.container_runtime_version
        assert env["NODE_MACHINE_ID"] == on.info.machine_id


def test_a_job_with_a_token_reads_its_node_itself() -> None:
    on = node("node-00")
    made = stamp_of(template("install"), "install").job(
        step_of(on, Action.INSTALL, "", None), on.info
    )
    assert "env" not in made["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize(("own", "limit"), [(None, 60), (30, 30), (90, 60)])
def test_of_two_time_limits_the_shorter_one_counts(own: int | None, limit: int) -> None:
    job = template("install")
    if own is not None:
        job["spec"]["activeDeadlineSeconds"] = own
    made = stamp_of(job, "install").job(step_of(node("node-00"), Action.INSTALL, "", None))
    assert made["spec"]["activeDeadlineSeconds"] == limit


def stamp_of(job: dict[str, Any], kind: JobKind) -> JobStamp:
    digest = current(host_digests(job))
    return JobStamp(template=job, kind=kind, suffix="", digest=digest, node_timeout_seconds=60)
