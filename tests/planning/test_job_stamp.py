"""Per-node Jobs as they are stamped."""

from kata_components.planning.host_digest import current, host_digests
from kata_components.planning.job_stamp import JobStamp
from kata_components.planning.step import Action, step_of
from tests.model.installation import template
from tests.planning.builders import node


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
