"""What the plan says about each node, and why."""

from dataclasses import replace

import pytest

from kata_components import names
from kata_components.kubernetes.nodes import Node, NodeCondition
from kata_components.names import RUNTIME_LABEL, instance_label
from kata_components.planning.cleanup_plan import cleanup_plan
from kata_components.planning.node_jobs import JobState, NodeJob, described
from kata_components.planning.plan import plan
from kata_components.planning.step import Action, Barrier
from kata_components.planning.verdict import Rules
from tests.planning.builders import DIGEST, job, mark_of, node

RULES = Rules(suffix="", namespace="kata", digests={1: DIGEST})
LABELLED = {RUNTIME_LABEL: "true"}
UNTOLD = f"failed before: BackoffLimitExceeded; see `{described('kata', '', 'install')}`"


def action_of(nodes_: object, jobs: list[NodeJob] | None = None, rules: Rules = RULES) -> Action:
    [step] = plan([nodes_], jobs or [], rules).steps  # type: ignore[list-item] # a Node
    return step.action


def test_a_node_without_anything_is_installed() -> None:
    assert action_of(node("a")) is Action.INSTALL


def test_a_node_with_the_mark_of_this_digest_is_up_to_date() -> None:
    assert action_of(node("a", marked=mark_of("a"))) is Action.UP_TO_DATE


def test_a_node_with_the_mark_of_another_digest_is_upgraded() -> None:
    assert action_of(node("a", marked=mark_of("a", digest="bbbbbbbbbbbb"))) is Action.UPGRADE


@pytest.mark.parametrize("other", [{"uid": "new"}, {"machine": "new"}])
def test_a_mark_of_another_machine_means_rebuilt(other: dict[str, str]) -> None:
    assert action_of(node("a", marked=mark_of("a"), **other)) is Action.REBUILT  # type: ignore[arg-type] # str fields


def test_an_unreadable_mark_means_install() -> None:
    broken = node("a")
    broken.metadata.annotations = {"kata-deploy.katacontainers.io/installed-default": "{not json"}
    assert action_of(broken) is Action.INSTALL


@pytest.mark.parametrize(
    ("finished", "neighbours", "expected"),
    [
        ("2026-01-01T00:01:00Z", [], "failed before: stage cri: no space"),
        ("2026-01-01T00:00:00Z", [], UNTOLD),
        ("2026-01-01T00:01:00Z", [replace(job("a", JobState.SUCCEEDED), foreign=True)], UNTOLD),
    ],
    ids=["told by its node", "told of an earlier Job", "perhaps told of a neighbour's Job"],
)
def test_a_retry_says_why_the_job_failed_or_where_to_look(
    finished: str, neighbours: list[NodeJob], expected: str
) -> None:
    failed = replace(job("a", JobState.FAILED), created="2026-01-01T00:00:30Z")
    on = node("a")
    on.metadata.annotations = {
        names.ERROR_ANNOTATION: "stage cri: no\nspace",
        names.FINISHED_AT_ANNOTATION: finished,
    }
    [step] = plan([on], [failed], RULES, foreign=neighbours).steps
    assert (step.action, step.reason) == (Action.RETRY, expected)


@pytest.mark.parametrize(
    ("state", "expected"), [(JobState.FAILED, Action.RETRY), (JobState.ACTIVE, Action.RESUME)]
)
def test_a_job_of_this_digest_is_continued(state: JobState, expected: Action) -> None:
    assert action_of(node("a"), [job("a", state)]) is expected


def test_a_job_that_succeeded_is_resumed_while_the_node_has_its_label() -> None:
    assert action_of(node("a", labels=LABELLED), [job("a", JobState.SUCCEEDED)]) is Action.RESUME


@pytest.mark.parametrize(("own", "expected"), [("true", Action.RESUME), ("false", Action.INSTALL)])
def test_the_label_of_the_installation_says_whether_it_is_done_whatever_others_do(
    own: str, expected: Action
) -> None:
    labels = LABELLED | {instance_label(""): own, instance_label("other"): "false"}
    assert action_of(node("a", labels=labels), [job("a", JobState.SUCCEEDED)]) is expected


def test_a_node_on_which_work_was_begun_and_no_job_is_left_is_installed() -> None:
    claimed = node("a", labels={RUNTIME_LABEL: "false", instance_label(""): "false"})
    assert action_of(claimed) is Action.INSTALL


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.SUCCEEDED])
def test_a_node_with_an_interrupted_cleanup_is_installed_again_despite_its_mark(
    state: JobState,
) -> None:
    demoted = node(
        "a", marked=mark_of("a"), labels={RUNTIME_LABEL: "false", instance_label(""): "false"}
    )
    assert action_of(demoted, [job("a", state, kind="cleanup")]) is Action.INSTALL


def test_a_job_that_succeeded_before_a_cleanup_proves_nothing() -> None:
    [step] = plan([node("a")], [job("a", JobState.SUCCEEDED)], RULES).steps
    assert (step.action, step.stale_job) == (Action.INSTALL, "job-a")


def test_a_job_of_an_older_digest_is_replaced() -> None:
    old = job("a", JobState.FAILED, digest="older")
    assert action_of(node("a"), [old]) is Action.INSTALL


@pytest.mark.parametrize(
    ("rule", "expected"), [("skip", Action.SKIPPED), ("attempt", Action.INSTALL)]
)
def test_a_node_that_is_not_ready_follows_the_rule(rule: str, expected: Action) -> None:
    rules = Rules(suffix="", digests={1: DIGEST}, not_ready=rule)  # type: ignore[arg-type] # one of the two
    assert action_of(node("a", ready=False), rules=rules) is expected


def test_a_node_that_is_not_ready_is_skipped_with_the_text_of_its_condition() -> None:
    down = node("a", ready=False)
    assert down.status is not None
    down.status.conditions = [
        NodeCondition(type="Ready", status="False", message="container runtime is down")
    ]
    [step] = plan([down], [], Rules(suffix="", digests={1: DIGEST})).steps
    assert (step.action, step.reason) == (
        Action.SKIPPED,
        "NotReady: container runtime is down",
    )


def test_a_node_that_is_done_stays_done_while_not_ready() -> None:
    assert action_of(node("a", ready=False, marked=mark_of("a"))) is Action.UP_TO_DATE


@pytest.mark.parametrize(
    ("existing", "expected"),
    [(None, Action.SKIPPED), ("adopt", Action.ADOPT), ("install", Action.INSTALL)],
)
def test_a_label_without_mark_waits_for_a_decision(existing: str | None, expected: Action) -> None:
    rules = Rules(suffix="", digests={1: DIGEST}, existing=existing)  # type: ignore[arg-type] # one of the three
    planned = plan([node("a", labels=LABELLED)], [], rules)
    assert planned.steps[0].action is expected
    assert planned.behind(Barrier.UNCLAIMED) == (list(planned.steps) if existing is None else [])


def test_a_mark_of_an_older_recipe_is_compared_by_that_recipe() -> None:
    rules = Rules(suffix="", digests={1: DIGEST, 0: "0123456789ab"})
    old = mark_of("a", digest="0123456789ab")
    marked = node("a", marked=type(old)(**{**old.__dict__, "schema": 0}))
    assert action_of(marked, rules=rules) is Action.UP_TO_DATE


def test_one_canary_of_each_kind_comes_first() -> None:
    nodes = [node(f"x{n}") for n in range(4)] + [node(f"y{n}", arch="arm64") for n in range(4)]
    steps = plan(
        nodes, [], Rules(suffix="", digests={1: DIGEST}, waves=("canary", "50%", "100%"))
    ).steps
    assert [(s.node, s.wave, s.canary) for s in steps[:2]] == [("x0", 0, True), ("y0", 0, True)]
    assert [s.wave for s in steps[2:]] == [1, 1, 2, 2, 2, 2]


def test_a_kind_that_is_proven_needs_no_canary() -> None:
    nodes = [node("a", marked=mark_of("a")), node("b"), node("c")]
    steps = plan(nodes, [], Rules(suffix="", digests={1: DIGEST}, waves=("canary", "100%"))).pending
    assert [(s.wave, s.canary) for s in steps] == [(1, False), (1, False)]


def test_failed_nodes_are_retried_before_fresh_ones_start() -> None:
    nodes = [node("a"), node("b")]
    steps = plan(
        nodes, [job("b", JobState.FAILED)], Rules(suffix="", digests={1: DIGEST}, waves=("canary",))
    ).steps
    assert [(s.node, s.action) for s in steps] == [("b", Action.RETRY), ("a", Action.SKIPPED)]


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.ACTIVE])
def test_a_begun_node_is_the_canary_of_its_kind(state: JobState) -> None:
    rules = Rules(suffix="", digests={1: DIGEST}, waves=("canary", "100%"))
    steps = plan([node("a"), node("b"), node("c", arch="arm64")], [job("b", state)], rules).steps
    assert [(s.node, s.wave, s.canary) for s in steps] == [
        ("b", 0, True),
        ("c", 0, True),
        ("a", 1, False),
    ]


def test_a_failed_node_of_a_proven_kind_is_not_a_canary() -> None:
    nodes = [node("a", marked=mark_of("a")), node("b")]
    rules = Rules(suffix="", digests={1: DIGEST}, waves=("canary", "100%"))
    assert not plan(nodes, [job("b", JobState.FAILED)], rules).steps[0].canary


@pytest.mark.parametrize("state", list(JobState))
def test_going_back_installs_again_where_the_newer_digest_was_begun(state: JobState) -> None:
    newer = job("a", state, digest="newer")
    assert action_of(node("a", marked=mark_of("a")), [newer]) is Action.UPGRADE


def test_a_last_wave_below_the_fleet_leaves_the_rest_alone() -> None:
    steps = plan(
        [node(str(n)) for n in range(10)], [], Rules(suffix="", digests={1: DIGEST}, waves=("20%",))
    )
    assert steps.counts == {"install": 2, "skipped": 8}


def test_zones_take_turns() -> None:
    nodes = [node("a1"), node("a2"), node("b1", zone="b"), node("b2", zone="b")]
    assert [s.node for s in plan(nodes, [], RULES).steps] == ["a1", "b1", "a2", "b2"]


def test_the_order_of_the_input_does_not_matter() -> None:
    nodes = [node(f"n{n}", zone="ab"[n % 2]) for n in range(9)]
    assert plan(nodes, [], RULES) == plan(nodes[::-1], [], RULES)


def test_cleanup_covers_marked_nodes_and_those_with_a_begun_install() -> None:
    nodes = [
        node("a", marked=mark_of("a")),
        node("b"),
        node("c"),
        node("d", ready=False, marked=mark_of("d")),
    ]
    steps = cleanup_plan(nodes, [job("b", JobState.FAILED)], "", "cleanup-digest").steps
    assert {s.node: s.action for s in steps} == {
        "a": Action.CLEANUP,
        "b": Action.CLEANUP,
        "d": Action.SKIPPED,
    }


@pytest.mark.parametrize(
    ("state", "labels"),
    [(JobState.ACTIVE, LABELLED), (JobState.SUCCEEDED, {}), (JobState.FAILED, {})],
)
def test_a_node_whose_cleanup_was_begun_is_not_up_to_date(
    state: JobState, labels: dict[str, str]
) -> None:
    begun = node("a", marked=mark_of("a"), labels=labels)
    assert action_of(begun, [job("a", state, kind="cleanup")]) is Action.INSTALL


def test_an_installed_node_that_was_cleaned_long_before_is_up_to_date() -> None:
    installed = node("a", marked=mark_of("a"), labels=LABELLED)
    assert action_of(installed, [job("a", JobState.SUCCEEDED, kind="cleanup")]) is Action.UP_TO_DATE


def test_a_node_that_only_lacks_its_mark_need_not_be_ready() -> None:
    assert (
        action_of(node("a", ready=False, labels=LABELLED), [job("a", JobState.SUCCEEDED)])
        is Action.RESUME
    )


def test_a_foreign_job_does_not_make_a_labelled_node_ours() -> None:
    foreign = replace(job("a", JobState.SUCCEEDED, digest=""), node_uid="")
    [step] = plan([node("a", labels=LABELLED)], [foreign], RULES).steps
    assert step.barrier is Barrier.UNCLAIMED


def test_a_job_that_ended_on_the_machine_before_may_have_labelled_this_one() -> None:
    replaced = node("a", uid="new", labels=LABELLED)
    assert action_of(replaced, [job("a", JobState.SUCCEEDED)]) is Action.INSTALL


@pytest.mark.parametrize(
    ("state", "action"),
    [
        (JobState.FAILED, Action.RETRY),
        (JobState.ACTIVE, Action.RESUME),
        (JobState.SUCCEEDED, Action.UP_TO_DATE),
    ],
)
def test_a_mark_only_counts_if_no_later_job_has_run(state: JobState, action: Action) -> None:
    installed = node("a", marked=mark_of("a"), labels=LABELLED)
    assert action_of(installed, [job("a", state)]) is action


def test_a_job_from_before_a_reinstallation_says_nothing_about_the_machine() -> None:
    reinstalled = node("a", machine="new", labels=LABELLED, marked=mark_of("a"))
    assert action_of(reinstalled, [job("a", JobState.SUCCEEDED)]) is Action.REBUILT


@pytest.mark.parametrize(
    ("failed", "action"), [("", Action.INSTALL), (DIGEST, Action.RETRY), ("b" * 12, Action.INSTALL)]
)
def test_a_begun_install_is_known_without_its_job(failed: str, action: Action) -> None:
    begun = node("a", marked=replace(mark_of("a", digest=""), failed=failed), labels=LABELLED)
    [step] = plan([begun], [], RULES).steps
    assert step.action is action
    assert step.failed_before is (action is Action.RETRY)
    assert [s.action for s in cleanup_plan([begun], [], "", "cleanup").steps] == [Action.CLEANUP]


TRIED_AGAIN = replace(mark_of("a", digest=""), failed=DIGEST)
"""The mark of a node whose failed Job has made room for the next."""


@pytest.mark.parametrize(
    ("failed", "jobs", "action"),
    [
        (node("a", ready=False), [job("a", JobState.FAILED)], Action.SKIPPED),
        (node("a", ready=False, marked=TRIED_AGAIN), [], Action.SKIPPED),
        (node("a", marked=TRIED_AGAIN), [job("a")], Action.RESUME),
        (
            node("a"),
            [job("a", JobState.FAILED), job("a", JobState.SUCCEEDED, kind="cleanup")],
            Action.INSTALL,
        ),
    ],
    ids=[
        "taken down by its Job",
        "down while it was to be tried again",
        "tried again",
        "behind half a destroy",
    ],
)
def test_a_failure_counts_whatever_happens_to_the_node_now(
    failed: Node, jobs: list[NodeJob], action: Action
) -> None:
    [step] = plan([failed], jobs, RULES).steps
    assert (step.action, step.failed_before) == (action, True)


def test_a_failed_node_comes_first_even_where_a_cleanup_was_begun_since() -> None:
    jobs = [job("b", JobState.FAILED), job("b", JobState.SUCCEEDED, kind="cleanup")]
    steps = plan([node("a"), node("b")], jobs, replace(RULES, waves=("canary", "100%"))).pending
    assert [(s.node, s.action, s.wave, s.canary) for s in steps] == [
        ("b", Action.INSTALL, 0, True),
        ("a", Action.INSTALL, 1, False),
    ]


OTHER = "bbbbbbbbbbbb"
BEGUN = f"a Job of digest {OTHER} was started"
INSTALLED = f"Kata 4.0.0 with digest {OTHER} is installed"
WAITS = "; waiting for the Job that is running there"


@pytest.mark.parametrize(
    ("planned", "known", "reason"),
    [
        (node("a"), job("a", digest=OTHER), BEGUN + WAITS),
        (node("a"), job("a", JobState.FAILED, digest=OTHER), BEGUN),
        (
            node("a", marked=mark_of("a", digest=OTHER)),
            job("a", digest="cccccccccccc"),
            INSTALLED + WAITS,
        ),
        (
            node("a", marked=mark_of("a")),
            job("a", kind="cleanup"),
            "an earlier cleanup has removed Kata or part of it" + WAITS,
        ),
        (node("a", uid="new"), job("a", digest=OTHER), "new node" + WAITS),
        (node("a"), job("a"), "the Job is running"),
    ],
)
def test_the_reason_names_a_job_of_another_run_and_that_it_is_waited_for(
    planned: Node, known: NodeJob, reason: str
) -> None:
    [step] = plan([planned], [known], RULES).steps
    assert step.reason == reason


@pytest.mark.parametrize(
    ("created", "state", "action"),
    [
        ("2025-12-31T00:00:00Z", JobState.SUCCEEDED, Action.UP_TO_DATE),
        ("2025-12-31T00:00:00Z", JobState.FAILED, Action.UP_TO_DATE),
        ("2026-01-02T00:00:00Z", JobState.SUCCEEDED, Action.UPGRADE),
    ],
)
def test_what_was_done_to_a_node_before_was_adopted_with_it(
    created: str, state: JobState, action: Action
) -> None:
    helms = replace(job("a", state, digest=""), created=created)
    adopted = replace(mark_of("a"), time="2026-01-01T00:00:00.5Z", adopted=True)
    found = plan([node("a", labels=LABELLED, marked=adopted)], [helms], RULES)
    assert found.steps[0].action is action
    assert found.leftover == (action is Action.UP_TO_DATE and state is JobState.SUCCEEDED), (
        "failed ones are kept"
    )


def test_a_mark_that_cannot_be_read_means_install() -> None:
    forged = node("a", labels=LABELLED)
    forged.metadata.annotations = {names.mark_annotation(""): "4.0.0\n"}
    [step] = plan([forged], [], RULES).steps
    assert (step.action, step.reason) == (Action.INSTALL, "the mark cannot be read")


def test_a_node_that_an_installation_in_another_namespace_has_marked_is_left_alone() -> None:
    theirs = node("a", marked=replace(mark_of("a"), namespace="team-b"), labels=LABELLED)
    old, ours = (
        node("b", marked=mark_of("b")),
        node("c", marked=replace(mark_of("c"), namespace="kata")),
    )
    rules = replace(RULES, namespace="kata", existing="install")
    steps = {step.node: step for step in plan([theirs, old, ours], [], rules).steps}
    assert steps["a"].barrier is Barrier.MARKED_ELSEWHERE
    assert [steps["b"].action, steps["c"].action] == [Action.UP_TO_DATE] * 2
    cleaned = cleanup_plan(
        [theirs, old, ours], [job("a")], "", "cleanup", namespace="kata", claimed=["a"]
    )
    assert [step.node for step in cleaned.steps] == ["b", "c"]


def test_a_mark_of_a_newer_checkout_is_not_judged_by_this_one() -> None:
    [step] = plan([node("a", marked=replace(mark_of("a"), schema=2))], [], RULES).steps
    assert (step.action, step.barrier) == (Action.SKIPPED, Barrier.MARKED_NEWER)
    assert "schema 2" in step.reason
