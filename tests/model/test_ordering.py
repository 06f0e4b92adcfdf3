"""The model notices when Jobs, labels and taints of a node change in a wrong order."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from kata_components import names
from kata_components.names import JobKind
from kata_components.planning import node_mark
from tests.model.cluster import Cluster
from tests.model.installation import NAMESPACE, cluster, node_job
from tests.model.kubelet import NEVER, Kubelet
from tests.model.virtual_loop import simulate

NODE = "node-00"
SHARED = names.RUNTIME_LABEL
OWN = names.instance_label("")
OTHERS = names.instance_label("dev")
LABELS = {SHARED: "false", OWN: "false"}
TRUE = dict.fromkeys(LABELS, "true")
PUBLISHING = Kubelet(handlers_after=2.0)
K3S = Kubelet(version="v1.34.1+k3s1")
TAINT = {"key": "kata-pending", "effect": "NoSchedule"}


def patch(on: Cluster, *, annotations: Any = None, **changes: Any) -> None:
    version = on.nodes[NODE]["metadata"]["resourceVersion"]
    on.patch_node(
        NODE,
        on.nodes[NODE]["metadata"]["uid"],
        annotations=annotations or {},
        resource_version=version,
        **{"labels": {}} | changes,
    )


def job(kind: JobKind = "install") -> dict[str, Any]:
    return node_job(NODE, kind, token=False)


def run(on: Cluster, *steps: float | dict[str, Any] | Callable[[], None]) -> list[str]:
    """Return the violations of a story: seconds to wait, Jobs to create, and changes."""

    async def story() -> None:
        for step in steps:
            if isinstance(step, float):
                await asyncio.sleep(step)
            elif isinstance(step, dict):
                on.create_job(NAMESPACE, step)
            else:
                step()

    simulate(story())
    return on.violations


def labelled(on: Cluster, **labels: str | None) -> Callable[[], None]:
    return lambda: patch(
        on, labels={{"shared": SHARED, "own": OWN}[k]: v for k, v in labels.items()}
    )


def fresh(labels: Mapping[str, str], kubelet: Kubelet = PUBLISHING) -> Cluster:
    """Return a cluster of one node with these labels."""
    on = cluster(1, kubelet=kubelet)
    on.nodes[NODE]["metadata"]["labels"] |= labels
    on.node_changed(NODE)
    return on


def marked(on: Cluster, machine: str = f"machine-{NODE}", suffix: str = "") -> Cluster:
    mark = node_mark.Mark(
        kata_version="4.1.0", digest="0" * 12, node_uid=f"uid-{NODE}", machine_id=machine, time=""
    )
    on.nodes[NODE]["metadata"]["annotations"][names.mark_annotation(suffix)] = node_mark.render(
        mark
    )
    return on


def test_the_whole_protocol_is_fine() -> None:
    on = fresh({}, K3S)
    on.nodes[NODE]["spec"]["taints"] = [TAINT]
    steps = (
        labelled(on, shared="false", own="false"),
        job(),
        on.job_seconds,
        labelled(on, shared="true", own="true"),
        12.0,
        lambda: patch(on, taints=[]),
        lambda: on.delete_job(job()["metadata"]["name"], None),
        labelled(on, shared="false", own="false"),
        job("cleanup"),
        on.job_seconds,
        labelled(on, shared=None, own=None),
    )
    assert run(on, *steps) == []


def test_an_upgrade_leaves_labels_true() -> None:
    on = fresh(TRUE)
    on.nodes[NODE]["status"]["runtimeHandlers"].append({"name": "kata-qemu"})
    assert run(on, job(), on.job_seconds) == []


@pytest.mark.parametrize(("labels", "missing"), [({}, 2), ({SHARED: "true"}, 1), ({OWN: "x"}, 1)])
def test_an_install_needs_both_labels_before_its_job(labels: dict[str, str], missing: int) -> None:
    violations = run(fresh(labels), job())
    assert len(violations) == missing
    assert all(text.startswith(f"install of {NODE} before the label ") for text in violations)


def test_a_job_with_a_token_labels_its_node_itself() -> None:
    on = fresh({})
    patched = labelled(on, own="true")
    assert run(on, node_job(NODE), on.job_seconds, patched) == []


@pytest.mark.parametrize(
    ("labels", "violations"),
    [
        (LABELS, []),
        ({SHARED: "true", OWN: "false", OTHERS: "true"}, []),
        ({SHARED: "true", OWN: "false", OTHERS: "false"}, ["the shared label"]),
        ({SHARED: "true"}, ["the shared label"]),
        (TRUE, [OWN]),
    ],
)
def test_a_cleanup_needs_its_labels_to_be_false(
    labels: dict[str, str], violations: list[str]
) -> None:
    assert run(fresh(labels), job("cleanup")) == [
        f"cleanup of {NODE} while {what} is true" for what in violations
    ]


def test_another_mark_of_this_machine_explains_the_shared_label() -> None:
    assert run(marked(fresh({SHARED: "true"}), suffix="dev"), job("cleanup")) == []
    assert run(marked(fresh({SHARED: "true"}), "old", "dev"), job("cleanup")) != []


SUCCEED = "its Job has not succeeded"
SERVE = "it has not been Ready with a handler since its Job"


@pytest.mark.parametrize(
    ("kubelet", "fate", "seconds", "why"),
    [
        (Kubelet(), "succeeds", 3.0, SUCCEED),
        (Kubelet(), "fails", 100.0, SUCCEED),
        (Kubelet(), "succeeds", 4.0, ""),
        (Kubelet(handlers_after=2.0), "succeeds", 5.0, SERVE),
        (Kubelet(handlers_after=2.0), "succeeds", 6.5, ""),
        (Kubelet(handlers_after=NEVER), "succeeds", 100.0, SERVE),
        (Kubelet(handlers_after=2.0, serves=False), "succeeds", 100.0, SERVE),
        (Kubelet(not_ready_seconds=5.0), "succeeds", 8.0, SERVE),
        (Kubelet(not_ready_seconds=5.0), "succeeds", 10.0, ""),
    ],
)
def test_labels_become_true_only_once_the_node_serves(
    kubelet: Kubelet, fate: Any, seconds: float, why: str
) -> None:
    on = fresh(LABELS, kubelet)
    on.fates[NODE] = fate
    expected = [f"{key} of {NODE} becomes true: {why}" for key in sorted(LABELS) if why]
    assert sorted(run(on, job(), seconds, lambda: patch(on, labels=TRUE))) == sorted(expected)


def test_labels_do_not_become_true_after_a_cleanup() -> None:
    on = fresh(LABELS)
    violations = run(on, job("cleanup"), on.job_seconds, labelled(on, own="true"))
    assert violations == [f"{OWN} of {NODE} becomes true: its last Job was a cleanup"]


def test_only_a_mark_of_this_machine_lets_a_lost_label_come_back() -> None:
    nothing = f"{SHARED} of {NODE} becomes true: nothing is installed on it"
    for on, violations in (
        (marked(fresh({})), []),
        (marked(fresh({}), "another"), [nothing]),
        (fresh({}), [nothing]),
    ):
        assert run(on, labelled(on, shared="true")) == violations


@pytest.mark.parametrize(("token", "marks", "broken"), [(True, 1, 0), (False, 1, 1), (True, 0, 1)])
def test_a_node_of_4_0_0_stays_offered_as_it_was(*, token: bool, marks: int, broken: int) -> None:
    """Whatever its last Job came to, if it has a mark: RuntimeClasses are about to ask for more."""
    on = fresh({SHARED: "true"} if token else {SHARED: "true", OWN: "false"})
    if marks:
        marked(on)
    on.fates[NODE] = "fails"
    violations = run(on, node_job(NODE, token=token), on.job_seconds, labelled(on, own="true"))
    assert len(violations) == broken


def test_a_mark_in_the_same_patch_proves_nothing() -> None:
    on = fresh({})
    marks = marked(fresh({})).nodes[NODE]["metadata"]["annotations"]
    [violation] = run(on, lambda: patch(on, labels={OWN: "true"}, annotations=marks))
    assert violation.endswith("nothing is installed on it")


def test_a_node_is_not_hidden_from_another_installation() -> None:
    on = fresh({**TRUE, OTHERS: "true"})
    assert run(on, labelled(on, shared="false", own="false")) == [f"{NODE} is hidden from {OTHERS}"]
    on = fresh({**TRUE, OTHERS: "false"})
    assert run(on, labelled(on, shared="false", own="false")) == []


@pytest.mark.parametrize(
    ("kubelet", "labels", "seconds", "fine"),
    [
        (Kubelet(), TRUE, 0.0, True),
        (Kubelet(), LABELS, 0.0, False),
        (Kubelet(), {SHARED: "true"}, 0.0, False),
        (K3S, TRUE, 11.0, False),
        (K3S, TRUE, 12.0, True),
    ],
)
def test_a_startup_taint_is_lifted_after_the_labels_hold(
    kubelet: Kubelet, labels: dict[str, str], seconds: float, *, fine: bool
) -> None:
    on = fresh(LABELS, kubelet)
    on.nodes[NODE]["spec"]["taints"] = [TAINT]
    label = lambda: patch(on, labels=labels)  # noqa: E731 # one line
    on.violations.clear()
    violations = run(on, job(), on.job_seconds, label, seconds, lambda: patch(on, taints=[]))
    assert violations == (
        [] if fine else [f"kata-pending of {NODE} is lifted before the labels hold"]
    )


def test_labels_that_are_registered_again_hold_anew() -> None:
    on = fresh(LABELS, Kubelet(version="v1.34.1+k3s1", labels_again_after=(5.0,)))
    on.nodes[NODE]["spec"]["taints"] = [TAINT]
    label = labelled(on, shared="true", own="true")
    lift = lambda: patch(on, taints=[])  # noqa: E731 # one line
    assert len(run(on, job(), on.job_seconds, label, 6.0, label, 7.0, lift)) == 1
