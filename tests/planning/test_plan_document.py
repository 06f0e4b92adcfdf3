"""plan.json has what an approval binds, and what a reviewer wants to know of each node."""

from kata_components.planning import plan_document
from kata_components.planning.cleanup_plan import cleanup_plan
from kata_components.planning.plan import NOTHING, Plan, plan
from kata_components.planning.plan_document import Place
from kata_components.planning.verdict import Rules
from kata_components.report.plan_record import (
    Container,
    NodeKind,
    PlannedNode,
    PlanRecord,
    Release,
    parse,
    rendered,
)
from tests.planning.builders import DIGEST, mark_of, node

RULES = Rules(suffix="", digests={1: DIGEST}, waves=("canary", "100%"))
OLD = "bbbbbbbbbbbb"


def document(planned: Plan, cleanup: Plan = NOTHING) -> PlanRecord:
    place = Place("kata-deploy/test", "uid-1")
    return plan_document.document(planned, place=place, pace={}, cleanup=cleanup, guards=["g"])


def test_a_node_has_its_zone_its_kind_and_what_is_installed_there() -> None:
    old = node("b", zone="z", marked=mark_of("b", digest=OLD))
    kind = NodeKind(
        architecture="amd64",
        os_image="Ubuntu 24.04",
        kernel="6.8",
        container_runtime="containerd://2.1.0",
    )
    new, upgraded = document(plan([node("a"), old], [], RULES)).listed
    assert (new.canary, new.zone, new.kind, new.installed) == (True, "a", kind, None)
    assert upgraded == PlannedNode(
        node="b",
        uid="uid-b",
        action="upgrade",
        reason=f"Kata 4.0.0 with digest {OLD} is installed",
        wave=1,
        zone="z",
        kind=kind,
        installed=Release(kata_version="4.0.0", digest=OLD),
    )


def test_another_machine_has_nothing_installed() -> None:
    [rebuilt] = document(plan([node("a", marked=mark_of("a", uid="gone"))], [], RULES)).listed
    assert (rebuilt.action, rebuilt.installed) == ("rebuilt", None)


def test_nodes_of_a_cleanup_are_told_from_selected_ones() -> None:
    gone = node("gone", marked=mark_of("gone", digest=OLD))
    found = document(plan([node("a")], [], RULES), cleanup_plan([gone], [], "", OLD))
    assert [(each.node, each.selected) for each in found.listed] == [("a", True), ("gone", False)]
    assert found.listed[1].installed == Release(kata_version="4.0.0", digest=OLD)
    assert found.counts == {"install": 1, "cleanup": 1}


def test_it_is_read_as_it_was_written() -> None:
    record = document(plan([node("a"), node("b", ready=False)], [], RULES))
    assert parse(rendered(record).encode()) == record


def test_containers_are_in_the_order_in_which_they_run() -> None:
    pod = {
        "initContainers": [{"name": "a", "image": "i:1", "securityContext": {"privileged": True}}],
        "containers": [{"name": "b", "image": "i:2"}],
    }
    assert plan_document.containers({"spec": {"template": {"spec": pod}}}) == (
        Container(name="a", image="i:1", privileged=True),
        Container(name="b", image="i:2"),
    )
