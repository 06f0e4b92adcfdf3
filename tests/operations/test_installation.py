"""The end of an installation: nodes cleaned and paced, then nothing left; and what must stop it."""

import asyncio
from dataclasses import replace

import pytest

from kata_components import names
from kata_components.errors import ApiError, GuardError, RolloutFailedError
from kata_components.operations import installation
from kata_components.operations.preview import preview
from kata_components.operations.uninstall import UninstallRequest, uninstall
from kata_components.planning.ownership import Owner
from kata_components.planning.selection import Selection
from kata_components.planning.step import Action
from kata_components.runners.pulumi import PulumiRunner
from tests.model import fake_api
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import (
    ENDING,
    INSTALLATION,
    LEASE,
    NAMESPACE,
    STACK,
    Told,
    cluster,
    request,
    roll_out,
    take_lease,
)
from tests.model.virtual_loop import simulate


def installed(nodes: int) -> Cluster:
    on = cluster(nodes)
    simulate(roll_out(FakeKubeApi(on), request()))
    on.starts.clear()
    return on


async def end(
    on: Cluster, ending: UninstallRequest = ENDING, told: Told | None = None
) -> FakeKubeApi:
    api, told = FakeKubeApi(on), told or Told()
    await uninstall(api, ending, PulumiRunner, told)
    assert on.violations == []
    return api


def labelled(on: Cluster) -> list[str]:
    return [
        name for name, node in on.nodes.items() if names.RUNTIME_LABEL in node["metadata"]["labels"]
    ]


def test_every_node_is_cleaned_paced_and_nothing_stays() -> None:
    on, told = installed(7), Told()
    simulate(end(on, told=told))
    assert sorted(on.starts) == sorted(on.nodes)
    assert on.most_active == 3
    assert (on.jobs, on.leases, on.marked(), labelled(on)) == ({}, {}, [], [])
    assert told.lines[0] == "cleaning 7 nodes, at most 3 at a time"
    assert told.lines[-1].startswith("cleaned 7 nodes in ")


def test_nodes_with_a_failed_install_are_cleaned_too() -> None:
    on = cluster(3, fates={"node-01": "fails"})

    async def install_and_end() -> None:
        await roll_out(FakeKubeApi(on), request())
        on.fates.clear()
        on.starts.clear()
        await end(on)

    simulate(install_and_end())
    assert sorted(on.starts) == sorted(on.nodes)
    assert on.jobs == {}


def test_node_that_cannot_be_cleaned_keeps_everything_for_another_try() -> None:
    on = installed(4)
    on.fates["node-02"] = "fails"
    with pytest.raises(RolloutFailedError) as caught:
        simulate(end(on))
    text = str(caught.value)
    assert text.startswith(
        "1 node could not be cleaned\n  node-02: stage artifacts ended with exit code 1, Error"
    )
    assert text.endswith("Everything else is kept so that `pulumi destroy` can be run again.")
    assert on.marked() == ["node-02"]
    assert LEASE in on.leases
    on.fates.clear()
    on.starts.clear()
    simulate(end(on))
    assert on.starts == ["node-02"]
    assert (on.jobs, on.leases, on.marked()) == ({}, {}, [])


def test_dead_node_is_named_with_the_ways_out() -> None:
    on = installed(3)
    on.nodes["node-01"]["status"]["conditions"][0]["status"] = "Unknown"
    with pytest.raises(
        RolloutFailedError,
        match=r"(?s)1 node could .*: node-01 \(NotReady\).*delete node.*ABANDON_NODES=node-01",
    ):
        simulate(end(on))
    assert "node-01" not in on.starts
    del on.nodes["node-01"]
    simulate(end(on))
    assert on.leases == {}


def test_node_that_comes_back_in_time_is_cleaned() -> None:
    on = installed(3)
    ready = on.nodes["node-01"]["status"]["conditions"][0]
    ready["status"] = "Unknown"
    told = Told()

    async def back_after_half_a_minute() -> None:
        asyncio.get_running_loop().call_later(30.0, ready.update, {"status": "True"})
        await end(on, told=told)

    simulate(back_after_half_a_minute())
    assert "waiting 60s for nodes on which no Job can run: node-01 (NotReady)" in told.lines
    assert told.lines[-1].startswith("cleaned 3 nodes in ")
    assert (labelled(on), on.marked(), on.jobs, on.leases) == ([], [], {}, {})


def test_abandoned_node_loses_mark_and_label_but_only_if_it_is_dead() -> None:
    on = installed(3)
    on.nodes["node-01"]["status"]["conditions"][0]["status"] = "Unknown"
    on.nodes["node-01"]["metadata"]["labels"][names.instance_label("")] = "true"
    simulate(end(on, replace(ENDING, abandoned=frozenset({"node-01", "node-02"}))))
    assert set(on.nodes["node-01"]["metadata"]["labels"]) == {"kubernetes.io/hostname"}
    assert sorted(on.starts) == ["node-00", "node-02"]
    assert (labelled(on), on.marked(), on.jobs, on.leases) == ([], [], {}, {})


def test_names_to_abandon_that_are_no_nodes_are_refused_before_anything_is_cleaned() -> None:
    on = installed(2)
    with pytest.raises(
        GuardError, match="KATA_DEPLOY_ABANDON_NODES names nod-00, which the cluster does not have"
    ):
        simulate(end(on, replace(ENDING, abandoned=frozenset({"nod-00", "node-01"}))))
    assert (on.starts, len(on.marked())) == ([], 2)


def test_claimed_node_is_known_by_its_label_when_mark_and_job_are_gone() -> None:
    on = installed(3)
    on.nodes["node-01"]["metadata"]["annotations"].clear()
    simulate(end(on))
    assert sorted(on.starts) == ["node-00", "node-01", "node-02"]
    assert labelled(on) == []


def test_label_outside_the_claim_or_of_another_installation_is_not_ours() -> None:
    on = cluster(2)
    on.add_nodes("other-1", labels={"pool": "other", names.RUNTIME_LABEL: "true"})
    simulate(roll_out(FakeKubeApi(on), request(selection=Selection(selectors=("pool!=other",)))))
    on.add_nodes("other-2", labels={names.RUNTIME_LABEL: "true"})
    on.nodes["other-2"]["metadata"]["annotations"][names.mark_annotation("dev")] = "{}"
    on.starts.clear()
    simulate(end(on))
    assert sorted(on.starts) == ["node-00", "node-01"]
    assert labelled(on) == ["other-1", "other-2"]


def test_end_goes_on_after_a_kill() -> None:
    on = installed(9)

    async def killed_and_again() -> None:
        first = FakeKubeApi(on)
        task = asyncio.create_task(uninstall(first, ENDING, PulumiRunner, Told()))
        await asyncio.sleep(6.0)
        first.dead = True
        await end(on)
        task.cancel()

    simulate(killed_and_again())
    assert sorted(on.starts) == sorted(on.nodes)
    assert (on.most_active, on.jobs, on.leases, on.marked()) == (3, {}, {}, [])


def test_half_cleaned_node_is_installed_again_when_its_next_try_is_cut_off() -> None:
    on = installed(1)
    (node,) = on.nodes
    on.fates[node] = "fails"

    class KilledBetweenTheJobs(FakeKubeApi):
        async def delete_job(self, namespace: str, name: str, uid: str) -> None:
            await super().delete_job(namespace, name, uid)
            self.dead = True

    async def cleaned_twice() -> None:
        with pytest.raises(RolloutFailedError):
            await end(on)
        # Its Job takes the label first, and has failed later.
        del on.nodes[node]["metadata"]["labels"][names.RUNTIME_LABEL]
        second = uninstall(KilledBetweenTheJobs(on), ENDING, PulumiRunner, Told())
        task = asyncio.create_task(second)
        await asyncio.sleep(60.0)
        task.cancel()

    simulate(cleaned_twice())
    assert on.jobs == {}
    planned = simulate(preview(FakeKubeApi(on), request())).plan
    assert [(step.action, step.reason) for step in planned.steps] == [
        (Action.INSTALL, "an earlier cleanup was interrupted")
    ]


def test_without_nodes_to_clean_only_the_lease_goes() -> None:
    on = cluster(2)
    api = simulate(end(on, replace(ENDING, cleanup=None)))
    assert on.leases == {}
    assert "create_job" not in api.asked


@pytest.mark.parametrize(
    ("ending", "says"),
    [
        (
            replace(ENDING, cluster_uid="cluster-0"),
            "this is not the cluster the stack installed on",
        ),
        (
            replace(ENDING, installation="x", stack="kata-deploy/other"),
            "belongs to the stack kata-deploy/test",
        ),
    ],
)
def test_foreign_cluster_or_installation_is_left_alone(ending: UninstallRequest, says: str) -> None:
    on = installed(2)
    with pytest.raises(GuardError, match=says):
        simulate(end(on, ending))
    assert (on.starts, len(on.marked()), list(on.leases)) == ([], 2, [LEASE])


def test_a_replaced_installation_touches_no_node() -> None:
    on, told = installed(2), Told()
    newer = simulate(installation.establish(FakeKubeApi(on), NAMESPACE, LEASE, stack=STACK))
    newest = simulate(installation.establish(FakeKubeApi(on), NAMESPACE, LEASE, stack=STACK))
    for replaced in (INSTALLATION, newer):
        simulate(end(on, replace(ENDING, installation=replaced), told))
    assert (
        told.lines == ["a newer Installation of this stack has taken over; no node is touched"] * 2
    )
    assert (on.starts, len(on.marked()), list(on.leases)) == ([], 2, [LEASE])
    # The state that knew it may come back from somewhere; what it would remove is the newest one's.
    with pytest.raises(GuardError, match="the state is older than the cluster"):
        simulate(end(on, replace(ENDING, installation=newer)))
    simulate(end(on, replace(ENDING, installation=newest)))
    assert (on.leases, on.marked()) == ({}, [])


def test_an_older_state_does_not_end_what_it_does_not_know() -> None:
    on = installed(2)
    with pytest.raises(
        GuardError,
        match=f"(?s)the cluster has the installation {INSTALLATION}.*pulumi stack import",
    ):
        simulate(end(on, replace(ENDING, installation="older")))
    assert (on.starts, len(on.marked()), list(on.leases)) == ([], 2, [LEASE])


@pytest.mark.parametrize(
    ("owner", "says"),
    [
        (Owner("older", STACK), "the state is older than the cluster"),
        (Owner(INSTALLATION, "kata-deploy/copy"), "belongs to the stack kata-deploy/test"),
    ],
)
def test_nothing_is_installed_under_the_lease_of_another(owner: Owner, says: str) -> None:
    on = cluster(2)
    with pytest.raises(GuardError, match=says):
        simulate(roll_out(FakeKubeApi(on), request(owner=owner)))
    assert (on.starts, on.marked()) == ([], [])
    assert names.CLAIM_ANNOTATION not in on.leases[LEASE]["metadata"]["annotations"]


def test_restore_gives_the_lease_the_new_name_of_a_renamed_stack_and_its_holder_stays() -> None:
    on = cluster(0)
    take_lease(on, "ben@laptop (pid 7)")
    again = "kata-deploy/renamed"
    simulate(
        installation.restore(
            FakeKubeApi(on), NAMESPACE, LEASE, stack=again, installation=INSTALLATION
        )
    )
    lease = on.leases[LEASE]
    expected = {names.INSTALLATION_ANNOTATION: INSTALLATION, names.STACK_ANNOTATION: again}
    assert lease["metadata"]["annotations"] == expected
    assert lease["spec"]["holderIdentity"] == "ben@laptop (pid 7)"


def test_restore_leaves_the_lease_of_another_installation_alone() -> None:
    on = cluster(0)
    with pytest.raises(GuardError, match="the state is older than the cluster"):
        simulate(
            installation.restore(
                FakeKubeApi(on), NAMESPACE, LEASE, stack=STACK, installation="older"
            )
        )
    assert (
        on.leases[LEASE]["metadata"]["annotations"][names.INSTALLATION_ANNOTATION] == INSTALLATION
    )


def test_deleted_lease_with_marked_nodes_is_refused_with_the_way_out() -> None:
    on = installed(2)
    on.leases.clear()
    with pytest.raises(
        GuardError,
        match=r"its mark or its Jobs are still on 2 nodes. "
        "Run `pulumi up` to restore the Lease",
    ):
        simulate(end(on))
    assert on.starts == []


def test_deleted_lease_with_unmarked_nodes_that_have_jobs_is_refused_too() -> None:
    on = cluster(2, fates={"node-00": "fails", "node-01": "fails"})
    simulate(roll_out(FakeKubeApi(on), request()))
    on.leases.clear()
    with pytest.raises(GuardError, match="its mark or its Jobs are still on 2 nodes"):
        simulate(end(on))


def test_restored_lease_waits_for_a_run_that_may_have_held_the_deleted_one() -> None:
    on = cluster(1)
    on.leases.clear()

    async def restored() -> float:
        api = FakeKubeApi(on)
        await installation.restore(api, NAMESPACE, LEASE, stack=STACK, installation=INSTALLATION)
        return (await roll_out(api, request())).outcome.seconds

    assert simulate(restored()) > 15.0


def test_establish_takes_over_what_the_same_stack_left() -> None:
    on = cluster(0)
    api = FakeKubeApi(on)
    made = simulate(installation.establish(api, NAMESPACE, LEASE, stack=STACK))
    assert made != INSTALLATION
    assert on.leases[LEASE]["metadata"]["annotations"][names.INSTALLATION_ANNOTATION] == made


def test_establish_refuses_the_installation_of_another_stack() -> None:
    with pytest.raises(GuardError, match="belongs to the stack kata-deploy/test"):
        simulate(
            installation.establish(
                FakeKubeApi(cluster(0)), NAMESPACE, LEASE, stack="kata-deploy/other"
            )
        )


def test_restore_writes_a_deleted_lease_again_with_its_identity() -> None:
    on = Cluster()
    simulate(
        installation.restore(
            FakeKubeApi(on), NAMESPACE, LEASE, stack=STACK, installation=INSTALLATION
        )
    )
    annotations = on.leases[LEASE]["metadata"]["annotations"]
    assert annotations == {
        names.INSTALLATION_ANNOTATION: INSTALLATION,
        names.STACK_ANNOTATION: STACK,
    }


def test_server_error_is_not_taken_for_an_absent_lease() -> None:
    api = FakeKubeApi(cluster(0))
    api.refuse("get_lease", fake_api.server_error())
    with pytest.raises(ApiError, match="etcdserver"):
        simulate(installation.find_lease(api, NAMESPACE, LEASE))
