"""What is written on a node around its Job, and what plans make of it wherever a run ends."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata_components.kubernetes.nodes import Node, Taint
from kata_components.names import RUNTIME_LABEL, instance_label, mark_annotation
from kata_components.planning.node_change import NodeChange
from kata_components.planning.node_jobs import JobKind, JobState, NodeJob
from kata_components.planning.node_mark import Mark, parse, render
from kata_components.planning.plan import plan
from kata_components.planning.service import Service
from kata_components.planning.step import Action, Barrier
from tests.planning.builders import job, mark_of, node
from tests.planning.life import Installation, Life

OWN, OTHER = instance_label(""), instance_label("b")
FREE, LABELLING = Installation(token_free=True), Installation(token_free=False)
BOTH = pytest.mark.parametrize("of", [FREE, LABELLING], ids=["4.1.0", "4.0.0"])
DIGEST = FREE.install.stamp.digest

versions = st.sampled_from([FREE, LABELLING])
values = st.sampled_from([None, "true", "false"])
times = st.integers(0, 3).map(lambda day: f"2026-01-0{day + 1}T00:00:00Z")


@st.composite
def marks(draw: st.DrawFn) -> Mark | None:
    """Draw a mark: whole, a trace of an install or of a cleanup, of this machine or another."""
    if draw(st.booleans()):
        return None
    digests = ["", DIGEST, LABELLING.install.stamp.digest, "bbbbbbbbbbbb"]
    digest = draw(st.sampled_from(digests))
    return Mark(
        kata_version="4.1.0" if digest else draw(st.sampled_from(["4.1.0", ""])),
        digest=digest,
        node_uid=draw(st.sampled_from(["uid-a", "uid-before"])),
        machine_id="machine-a",
        time=draw(times),
        failed="" if digest else draw(st.sampled_from(["", DIGEST, "bbbbbbbbbbbb"])),
        adopted=bool(digest) and draw(st.booleans()),
    )


@st.composite
def nodes(draw: st.DrawFn) -> Node:
    """Draw a node on which two installations may have left anything."""
    labels = {key: draw(values) for key in (RUNTIME_LABEL, OWN, OTHER)}
    written = {key: draw(marks()) for key in (mark_annotation(""), mark_annotation("b"))}
    made = node("a", labels={key: value for key, value in labels.items() if value})
    made.metadata.annotations = {key: render(mark) for key, mark in written.items() if mark}
    return made


@st.composite
def finished_jobs(draw: st.DrawFn, of: Installation) -> dict[tuple[str, JobKind], NodeJob]:
    """Draw the Jobs that earlier runs have left."""
    found: dict[tuple[str, JobKind], NodeJob] = {}
    for work in (of.install, of.cleanup):
        if draw(st.booleans()):
            kind = work.stamp.kind
            found["", kind] = replace(
                job("a", draw(st.sampled_from([JobState.SUCCEEDED, JobState.FAILED])), kind=kind),
                digest=draw(st.sampled_from([work.stamp.digest, "bbbbbbbbbbbb"])),
                node_uid=draw(st.sampled_from(["uid-a", "uid-before"])),
                created=draw(times),
                uid=f"old-{kind}",
            )
    return found


@st.composite
def lives(draw: st.DrawFn) -> tuple[Installation, Life]:
    """Draw an installation and a node, where its next run is the first to know what it finds."""
    of = draw(versions)
    life = Life(draw(nodes()), draw(finished_jobs(of)))
    if served := draw(st.sampled_from([None, ["runc"], ["runc", "kata-qemu"]])):
        life.serve(*served)
    return of, life


# Installs.


@given(lives())
def test_after_claim_job_and_mark_a_node_is_up_to_date(drawn: tuple[Installation, Life]) -> None:
    of, life = drawn
    was = life.step(of)
    life.install(of)
    if was.action.pending:
        life.serve("kata-qemu")
        assert (was.reason, life.step(of).action) == (was.reason, Action.UP_TO_DATE)
        assert {life.labels.get(key) for key in (RUNTIME_LABEL, OWN)} == {"true"}


@given(lives())
def test_an_install_that_is_cut_off_is_never_taken_for_done_nor_run_twice(
    drawn: tuple[Installation, Life],
) -> None:
    of, life = drawn
    step = life.step(of)
    if not step.needs_job:
        return
    life.begin(of.install, step)
    assert life.step(of).needs_job, "killed before the Job"
    life.start(of.install, step)
    running = life.step(of)
    assert running.stale_job == "", "killed while the Job runs"
    assert running.action is Action.RESUME or not of.token_free
    life.end(of, "install")
    life.serve(*([] if of.token_free else ["kata-qemu"]))
    ended = life.step(of).action
    whole = not of.token_free and ended is Action.UP_TO_DATE
    assert ended is Action.RESUME or whole, "killed before the mark"
    assert life.cleaning(of), "a destroy finds it"
    life.remove(of.install)
    assert life.step(of).needs_job or not of.token_free, "and the Job was deleted by hand"


@given(lives())
def test_before_a_job_that_does_not_label_both_labels_are_there(
    drawn: tuple[Installation, Life],
) -> None:
    of, life = drawn
    step, before = life.step(of), dict(life.labels)
    if not step.needs_job or not of.token_free:
        return
    life.begin(of.install, step)
    assert {RUNTIME_LABEL, OWN} <= life.labels.keys()
    assert life.labels.get(OTHER) == before.get(OTHER)
    if step.action is Action.REBUILT:
        assert life.labels[OWN] == "false"
    else:
        assert before.items() <= life.labels.items(), "what serves goes on serving"
    assert of.install.begun(step, life.on.metadata, life.now) is None, "once is enough"


@BOTH
@given(on=nodes())
def test_a_needless_claim_is_withdrawn_wholly(of: Installation, on: Node) -> None:
    life = Life(on)
    step = life.step(of)
    for work in (of.install, of.cleanup):
        labels, annotations = life.labels, life.marks
        change = work.begun(step, on.metadata, life.now)
        withdrawn = change.reverted(on.metadata) if change else None
        life.write(change)
        life.write(withdrawn)
        assert (life.labels, life.marks) == (labels, annotations)


# Cleanups.


@given(lives())
def test_after_a_cleanup_nothing_of_the_installation_is_left_and_others_have_what_they_had(
    drawn: tuple[Installation, Life],
) -> None:
    of, life = drawn
    before = life.labels.get(OTHER), life.marks.get(mark_annotation("b"))
    step = life.cleaning(of)
    if step is None:
        return
    shared = step.keeps_label
    life.clean(of)
    assert (OWN in life.labels, mark_annotation("") in life.marks) == (False, False)
    assert (life.labels.get(OTHER), life.marks.get(mark_annotation("b"))) == before
    left = "true" if shared else "false" if OTHER in life.labels else None
    assert life.labels.get(RUNTIME_LABEL) == left
    assert life.cleaning(of) is None


@given(lives())
def test_a_cleanup_that_is_cut_off_is_never_taken_for_an_installed_node_nor_run_twice(
    drawn: tuple[Installation, Life],
) -> None:
    of, life = drawn
    step = life.cleaning(of)
    if step is None:
        return

    def looks_installed() -> bool:
        return life.step(of).action in {Action.UP_TO_DATE, Action.RELABEL, Action.RESUME}

    life.begin(of.cleanup, step)
    assert not looks_installed(), "killed before the Job, or that was deleted by hand"
    assert life.labels[OWN] == "false"
    life.start(of.cleanup, step)
    assert not looks_installed(), "killed while the Job runs"
    life.end(of, "cleanup")
    assert not looks_installed(), "killed before the mark goes"
    again = life.cleaning(of)
    assert again
    assert again.stale_job == "", "its Job is not run again"
    life.install(of)
    life.serve("kata-qemu")
    assert life.step(of).action is Action.UP_TO_DATE, "an up in between installs"
    after = life.cleaning(of)
    assert after
    assert after.stale_job == life.jobs["", "cleanup"].uid, "and its destroy cleans again"


@BOTH
@pytest.mark.parametrize("other", [FREE, LABELLING], ids=["beside 4.1.0", "beside 4.0.0"])
def test_the_cleanup_of_one_leaves_another_as_it_is(of: Installation, other: Installation) -> None:
    beside, life = Installation(token_free=other.token_free, suffix="b"), Life()
    life.install(beside)
    life.install(of)
    life.serve("kata-qemu", "kata-qemu-b")
    assert {life.step(each).action for each in (beside, of)} == {Action.UP_TO_DATE}
    step = life.cleaning(of)
    assert step
    life.begin(of.cleanup, step)
    assert life.labels == {RUNTIME_LABEL: "true", OWN: "false", OTHER: "true"}
    life.start(of.cleanup, step)
    life.end(of, "cleanup")
    kept = of.cleanup.kept_labels(step)
    assert kept == ({} if of.token_free else {RUNTIME_LABEL: "true"})
    life.settle(of.cleanup, step)
    assert life.labels == {RUNTIME_LABEL: "true", OTHER: "true"}
    life.serve("kata-qemu-b")
    assert life.step(beside).action is Action.UP_TO_DATE


def test_the_shared_label_says_that_an_install_of_another_has_begun() -> None:
    beside, life = Installation(token_free=True, suffix="b"), Life()
    life.install(FREE)
    life.begin(beside.install, life.step(beside))
    life.clean(FREE)
    assert life.labels == {RUNTIME_LABEL: "false", OTHER: "false"}
    life.clean(beside)
    assert life.labels == {}


def test_a_label_that_the_job_of_another_has_set_meanwhile_stays() -> None:
    life = Life()
    life.install(LABELLING)
    step = life.cleaning(LABELLING)
    assert step
    life.begin(LABELLING.cleanup, step)
    life.start(LABELLING.cleanup, step)
    life.end(LABELLING, "cleanup")
    beside = Installation(token_free=False, suffix="b")
    life.start(beside.install, life.step(beside))
    life.end(beside, "install")
    life.settle(LABELLING.cleanup, step)
    assert life.labels == {RUNTIME_LABEL: "true"}


# Nodes of the program before, which did not write the label of the installation at 4.0.0.


def test_a_node_that_was_marked_without_a_label_of_the_installation_stays_as_it_is() -> None:
    life = Life()
    life.install(LABELLING)
    assert life.on.metadata.labels
    del life.on.metadata.labels[OWN]
    assert life.step(LABELLING).action is Action.UP_TO_DATE
    life.clean(LABELLING)
    assert (life.labels, life.marks) == ({}, {})


def test_it_is_upgraded_without_leaving_the_service_of_the_version_before() -> None:
    life = Life()
    life.install(LABELLING)
    life.remove(LABELLING.install)
    step = life.step(FREE)
    assert step.action is Action.UPGRADE
    mark = life.marks
    life.begin(FREE.install, step)
    assert (life.labels, life.marks) == ({RUNTIME_LABEL: "true", OWN: "true"}, mark)


# Failures.


def test_a_node_that_serves_no_handler_is_demoted_and_resumes_until_its_job_is_deleted() -> None:
    life = Life()
    step = life.step(FREE)
    life.begin(FREE.install, step)
    life.start(FREE.install, step)
    life.end(FREE, "install")
    life.serve("runc")
    life.write(FREE.install.failed(step, life.now, demote=True))
    assert life.labels == {RUNTIME_LABEL: "false", OWN: "false"}
    resumed = life.step(FREE)
    assert (resumed.action, resumed.failed_before, resumed.service) == (
        Action.RESUME,
        True,
        Service.NOT_SERVED,
    )
    life.remove(FREE.install)
    assert life.step(FREE).action is Action.RETRY


def test_a_failed_upgrade_leaves_labels_alone_and_is_remembered_by_its_claim() -> None:
    life = Life()
    life.install(LABELLING)
    life.remove(LABELLING.install)
    step = life.step(FREE)
    life.begin(FREE.install, step)
    life.start(FREE.install, step)
    life.end(FREE, "install", JobState.FAILED)
    life.write(FREE.install.failed(step, life.now))
    assert life.labels == {RUNTIME_LABEL: "true", OWN: "true"}
    life.remove(FREE.install)
    again = life.step(FREE)
    life.begin(FREE.install, again)
    mark = parse(life.marks[mark_annotation("")])
    assert (again.action, mark and mark.failed) == (Action.RETRY, DIGEST)


@BOTH
def test_a_failure_is_still_known_when_a_cleanup_gets_no_further_than_its_trace(
    of: Installation,
) -> None:
    life = Life()
    life.write(of.install.failed(life.step(of), life.now))
    cleaning = life.cleaning(of)
    assert cleaning
    life.begin(of.cleanup, cleaning)
    step = life.step(of)
    assert (step.needs_job, step.failed_before, step.undone) == (True, True, True)


@pytest.mark.parametrize("key", [RUNTIME_LABEL, OWN])
def test_a_label_that_somebody_sets_to_false_is_put_back_without_a_job(key: str) -> None:
    life = Life()
    life.install(FREE)
    life.remove(FREE.install)
    life.write(NodeChange(labels={key: "false"}))
    step = life.step(FREE)
    assert step.action is Action.RELABEL
    mark = life.marks
    life.settle(FREE.install, step)
    assert (life.step(FREE).action, life.marks) == (Action.UP_TO_DATE, mark)


def test_a_machine_in_anothers_place_does_not_serve_from_its_first_trace_on() -> None:
    life = Life(node("a", marked=mark_of("a", machine="before")))
    life.write(NodeChange(labels={OWN: "true"}))
    step = life.step(FREE)
    assert step.action is Action.REBUILT
    life.write(FREE.install.superseded(step, life.now))
    assert (life.step(FREE).action, life.labels[OWN]) == (Action.INSTALL, "false")
    life.write(FREE.install.begun(step, life.on.metadata, life.now))
    assert set(life.labels.values()) == {"false"}


# Nodes that are left out.


def unreported() -> Node:
    on = node("a")
    on.info.container_runtime_version = ""
    return on


def test_a_node_that_does_not_report_what_its_job_is_told_is_skipped() -> None:
    life, reason = Life(unreported()), "the kubelet has not reported containerRuntimeVersion yet"
    step = life.step(FREE)
    assert (step.action, step.barrier, step.reason) == (
        Action.SKIPPED,
        Barrier.UNREPORTED,
        reason,
    )
    assert (FREE.install.objection(life.on), FREE.cleanup.objection(life.on)) == (reason, reason)
    life.write(NodeChange(annotations={mark_annotation(""): render(mark_of("a"))}))
    cleaning = life.cleaning(FREE)
    assert cleaning
    assert (cleaning.action, cleaning.reason) == (Action.SKIPPED, reason)
    assert life.step(LABELLING).needs_job, "a Job with a token reads it itself"


def test_a_node_that_was_tainted_since_it_was_planned_is_left_out() -> None:
    on = node("a", taints=[Taint(key="maintenance", effect="NoSchedule")])
    reason = "tolerations do not cover the taint maintenance:NoSchedule"
    assert FREE.install.objection(on) == reason
    assert (FREE.cleanup.objection(on), LABELLING.install.objection(on)) == ("", "")


# Startup taints.


@pytest.mark.parametrize(
    ("taint", "handlers", "action"),
    [
        ("kata:NoSchedule", None, Action.RELABEL),
        ("kata:NoSchedule", ["runc", "kata-qemu"], Action.RELABEL),
        ("kata:NoSchedule", ["runc"], Action.UP_TO_DATE),
        ("kata:NoExecute", None, Action.UP_TO_DATE),
        ("other:NoExecute", None, Action.RELABEL),
        ("third:NoExecute", None, Action.UP_TO_DATE),
    ],
)
def test_a_whole_node_with_a_startup_taint_is_mended_without_a_job(
    taint: str, handlers: list[str] | None, action: Action
) -> None:
    life = Life()
    life.install(FREE)
    life.remove(FREE.install)
    key, effect = taint.split(":")
    assert life.on.spec
    life.on.spec.taints = [Taint(key=key, effect=effect)]
    if handlers is not None:
        life.serve(*handlers)
    demands = msgspec.structs.replace(
        FREE.install.request.demands, startup_taints=("kata:NoSchedule", "other")
    )
    rules = replace(FREE.install.request, demands=demands).rules()
    [step] = plan([life.on], [], rules).steps
    assert step.action is action
    assert action is Action.UP_TO_DATE or step.reason.endswith(
        f"but the startup taint {taint} is still there"
    )
