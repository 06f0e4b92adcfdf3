"""Bugs to plant in what surrounds token-free Jobs, as those in `bugs`."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest import mock

from kata_components.kubernetes.objects import Metadata
from kata_components.operations import prelabel
from kata_components.pacing import transitions
from kata_components.pacing.node_run import NodeRuns
from kata_components.pacing.pacer import Pacer
from kata_components.pacing.protocol import Protocol
from kata_components.pacing.wait import Verdict, Wait
from kata_components.planning import job_stamp, node_labels, node_results, verdict
from kata_components.planning.node_change import NodeChange
from kata_components.planning.node_state import NodeState
from kata_components.planning.node_work import CleanupWork, InstallWork
from kata_components.planning.step import Step
from tests.simulation.network import NetworkApi
from tests.simulation.planting import Patch, around, bug

# Before the Job.


@bug(token_free=1.0)
def nodes_are_not_claimed() -> Patch:
    return around(InstallWork, "begun", _without_labels)


@bug(token_free=1.0, destroys=0.5)
def cleanup_begins_on_a_node_that_looks_installed() -> Patch:
    return around(CleanupWork, "begun", _without_labels)


@bug(token_free=1.0, other_digest=0.7)
def node_that_serves_is_closed_for_its_upgrade() -> Patch:
    def begun(
        original: Any, work: InstallWork, step: Step, seen: Metadata, now: str
    ) -> NodeChange | None:
        change: NodeChange | None = original(work, step, seen, now)
        if not work.is_token_free:
            return change
        closed = node_labels.demoted(seen, work.request.suffix, step.machine)
        return NodeChange(
            annotations=change.annotations if change else {},
            labels={**(change.labels if change else {}), **closed},
        )

    return around(InstallWork, "begun", begun)


@bug(token_free=1.0, upgrades=1.0)
def classes_change_before_nodes_are_labelled() -> Patch:
    return mock.patch.object(prelabel, "prelabels", return_value=[])


@bug(token_free=1.0, unreported=0.5)
def jobs_are_made_for_nodes_that_report_nothing() -> Patch:
    return mock.patch.object(verdict, "unreported", return_value="")


@bug(token_free=1.0)
def jobs_are_not_told_about_their_nodes() -> Patch:
    return around(
        job_stamp.JobStamp, "job", lambda original, stamp, step, *_: original(stamp, step)
    )


@bug(
    token_free=1.0,
    second=1.0,
    slow=0.3,
    destroys=0.5,
    killed=0.0,
    interrupted=0.0,
    outage=0.0,
    job_fails=0.0,
)
def claims_overwrite_what_others_have_just_written() -> Patch:
    async def patch_node(original: Any, api: NetworkApi, *arguments: Any, **changes: Any) -> Any:
        return await original(api, *arguments, **changes | {"resource_version": ""})

    return around(NetworkApi, "patch_node", patch_node)


def _without_labels(original: Any, *arguments: Any) -> NodeChange | None:
    change: NodeChange | None = original(*arguments)
    return replace(change, labels={}) if change else None


# Behind the Job.


@bug(token_free=1.0, handlers_late=1.0)
def nodes_are_labelled_before_they_serve() -> Patch:
    return mock.patch.object(Wait, "judged", return_value=Verdict.SERVES)


@bug(token_free=1.0, handlers_late=1.0, upgrades=0.0)
def one_node_more_than_may_wait_does() -> Patch:
    def is_congested(original: Any, nodes: NodeRuns, parallelism: int) -> bool:
        return bool(original(nodes, parallelism + 1))

    return around(NodeRuns, "is_congested", is_congested)


@bug(
    token_free=1.0,
    ready_too_late=0.5,
    large=1.0,
    killed=0.0,
    interrupted=0.0,
    destroys=0.0,
    other_digest=0.0,
)
def nodes_that_did_not_serve_in_earlier_runs_are_forgotten() -> Patch:
    return mock.patch.object(transitions, "NOT_SERVING", ())


@bug(
    token_free=1.0,
    upgrades=0.0,
    handlers_never=0.3,
    other_digest=1.0,
    job_fails=0.0,
    destroys=0.0,
    killed=0.0,
    interrupted=0.0,
    outage=0.0,
    lost_request=0.0,
    server_error=0.0,
    node_not_ready=0.0,
    company=0.0,
)
def canary_is_judged_by_handlers_from_before() -> Patch:
    return _with_protocol(lambda protocol: replace(protocol, canary_seconds=0.0))


@bug(token_free=1.0, upgrades=0.0, handlers_never=0.3, other_digest=1.0, destroys=0.0, killed=0.0)
def node_that_does_not_serve_stays_open() -> Patch:
    def failed(
        original: Any, work: InstallWork, step: Step, now: str, *, demote: bool = False
    ) -> NodeChange:
        del demote
        change: NodeChange = original(work, step, now)
        return change

    return around(InstallWork, "failed", failed)


@bug(token_free=1.0, old_labels=1.0, startup_taints=1.0)
def labels_need_not_hold() -> Patch:
    return _with_protocol(lambda protocol: replace(protocol, hold_seconds=0.0))


@bug(token_free=1.0, killed=0.9)
def node_that_only_lacks_its_mark_is_installed_again() -> Patch:
    return mock.patch.object(NodeState, "is_installed", False)


@bug(token_free=1.0, startup_taints=1.0, killed=0.9)
def startup_taint_that_was_left_is_no_reason_to_do_anything() -> Patch:
    return mock.patch.object(verdict, "startup_taints", return_value=[])


@bug(token_free=1.0, destroys=0.9)
def what_became_of_jobs_stays_after_a_cleanup() -> Patch:
    return mock.patch.object(node_results, "removed", return_value=NodeChange())


# Other installations on the same nodes.


@bug(token_free=1.0, second=0.9, destroys=0.5)
def shared_label_goes_with_the_first_installation() -> Patch:
    return mock.patch.object(node_labels, "is_shared", return_value=False)


def _with_protocol(change: Callable[[Protocol], Protocol]) -> Patch:
    def init(
        original: Any, made: Pacer, *steps: Any, protocol: Protocol | None = None, **others: Any
    ) -> None:
        original(made, *steps, protocol=change(protocol) if protocol else None, **others)

    return around(Pacer, "__init__", init)
