"""What our own runner leaves on nodes and in Events, under the names of upstream's dispatcher."""

from collections import Counter
from dataclasses import replace

import pytest

from kata_components import names
from kata_components.errors import ApiError, RolloutFailedError
from kata_components.operations.uninstall import uninstall
from kata_components.runners.pulumi import PulumiRunner
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi, forbidden
from tests.model.history import Object
from tests.model.installation import ENDING, Told, cluster, roll_out
from tests.model.kubelet import NEVER, Kubelet
from tests.model.virtual_loop import simulate
from tests.runners.token_free import BOTH, cleanup, wanted

WANTED = wanted(node_results=True)


def left(on: Cluster, node: str) -> tuple[str | None, str | None, bool]:
    """Return result, error, and whether there is a time."""
    metadata = on.nodes[node]["metadata"]
    annotations = metadata["annotations"]
    return (
        metadata["labels"].get(names.RESULT_LABEL),
        annotations.get(names.ERROR_ANNOTATION),
        names.FINISHED_AT_ANNOTATION in annotations,
    )


def events(on: Cluster) -> list[Object]:
    return on.namespaces["default"].events


def test_success_is_left_with_the_mark_and_takes_no_request_more() -> None:
    asked = []
    for results in (False, True):
        on = cluster(5)
        api = FakeKubeApi(on)
        simulate(roll_out(api, replace(WANTED, node_results=results)))
        asked.append(Counter(api.asked))
    assert asked[0] == asked[1]
    assert {left(on, node) for node in on.nodes} == {("succeeded", None, True)}
    assert not events(on)


def test_nothing_is_left_where_the_dispatcher_of_the_version_leaves_nothing() -> None:
    on = cluster(2, fates={"node-01": "fails"})
    simulate(roll_out(FakeKubeApi(on), wanted()))
    assert {left(on, node) for node in on.nodes} == {(None, None, False)}
    assert not events(on)


def test_a_failed_node_says_why_and_gets_one_event() -> None:
    on = cluster(3, fates={"node-01": "fails"})
    simulate(roll_out(FakeKubeApi(on), WANTED))
    result, error, timed = left(on, "node-01")
    assert (result, timed) == ("failed", True)
    assert error
    assert error.startswith("stage artifacts ended with exit code 1")
    (event,) = events(on)
    assert (event["type"], event["reason"], event["message"]) == ("Warning", "JobFailed", error)
    about = event["involvedObject"]
    assert (about["kind"], about["name"], about["uid"]) == ("Node", "node-01", "uid-node-01")


def test_a_node_that_does_not_serve_has_failed_though_its_job_succeeded() -> None:
    on = cluster(1, kubelet=Kubelet(handlers_after=NEVER))
    simulate(roll_out(FakeKubeApi(on), WANTED))
    result, error, _ = left(on, "node-00")
    assert (result, len(events(on))) == ("failed", 1)
    assert error
    assert "did not report Kata's handlers" in error


def test_a_node_whose_job_is_refused_has_failed_too_for_a_reason_that_fits_into_an_event() -> None:
    on = cluster(1)
    api = FakeKubeApi(on)
    api.refuse("create_job", *[ApiError(422, "Invalid", "spec: invalid\n" * 200)] * 9)
    simulate(roll_out(api, WANTED))
    assert left(on, "node-00")[0] == "failed"
    (event,) = events(on)
    assert len(event["message"]) <= 1024
    assert "\n" not in event["message"]


def test_a_success_after_a_failure_removes_the_error() -> None:
    on = cluster(1, fates={"node-00": "fails"})
    simulate(roll_out(FakeKubeApi(on), WANTED))
    on.fates.clear()
    simulate(roll_out(FakeKubeApi(on), WANTED))
    assert left(on, "node-00") == ("succeeded", None, True)


def test_a_missing_right_on_events_fails_nothing_and_is_said_once() -> None:
    on = cluster(3, fates={f"node-{n:02d}": "fails" for n in range(3)})
    api, told = FakeKubeApi(on), Told()
    api.refuse("create_event", *[forbidden("create resource")] * 3)
    done = simulate(roll_out(api, WANTED, told))
    assert done.outcome.failed == 3
    assert sum("create events" in line for line in told.lines) == 1
    assert [left(on, node)[0] for node in on.nodes] == ["failed"] * 3


def test_an_event_that_cannot_be_written_fails_nothing() -> None:
    on = cluster(1, fates={"node-00": "fails"})
    api, told = FakeKubeApi(on), Told()
    api.refuse("create_event", ApiError(422, "Invalid", "no"))
    assert simulate(roll_out(api, WANTED, told)).outcome.failed == 1
    assert not any("events" in line for line in told.lines)


@pytest.mark.parametrize("fails", [True, False])
def test_destroy_removes_what_was_left(fails: bool) -> None:
    on = cluster(2, fates={"node-01": "fails"} if fails else {})
    simulate(roll_out(FakeKubeApi(on), WANTED))
    on.fates.clear()
    ending = replace(ENDING, cleanup=cleanup())
    simulate(uninstall(FakeKubeApi(on), ending, PulumiRunner, Told()))
    assert {left(on, node) for node in on.nodes} == {(None, None, False)}


def test_destroy_removes_what_was_left_where_it_cleans_nothing() -> None:
    """Such as of a node that upstream's dispatcher has failed before it had a Job."""
    on = cluster(3)
    simulate(roll_out(FakeKubeApi(on), WANTED))
    for node in ("node-00", "node-01"):
        on.nodes[node]["metadata"]["annotations"].pop(names.mark_annotation(""))
        for label in BOTH:
            on.nodes[node]["metadata"]["labels"].pop(label)
    on.nodes["node-01"]["metadata"]["annotations"][names.mark_annotation("b")] = "of another"
    simulate(uninstall(FakeKubeApi(on), replace(ENDING, cleanup=cleanup()), PulumiRunner, Told()))
    assert [left(on, node)[0] for node in on.nodes] == [None, "succeeded", None]


def test_a_node_that_cannot_be_cleaned_says_so() -> None:
    on = cluster(1)
    simulate(roll_out(FakeKubeApi(on), WANTED))
    on.fates["node-00"] = "fails"
    ending = replace(ENDING, cleanup=replace(cleanup(), node_results=True))
    with pytest.raises(RolloutFailedError):
        simulate(uninstall(FakeKubeApi(on), ending, PulumiRunner, Told()))
    assert left(on, "node-00")[0] == "failed"
