"""Missing rights are one text, in the words of `kubectl`."""
# ruff: noqa: ARG002 - the protocol gives the arguments of methods

from kata_components.providers.rights import missing_rights, prelabel_rights, rollout_rights
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.virtual_loop import simulate


class Denying(FakeKubeApi):
    """Denies some rights."""

    def __init__(self, *denied: str) -> None:
        super().__init__(Cluster())
        self.denied = denied

    async def can_i(
        self, verb: str, group: str, resource: str, namespace: str = "", name: str = ""
    ) -> bool:
        return f"{verb} {resource} {namespace} {name}".strip() not in self.denied


def test_missing_rights_are_named_as_kubectl_names_them() -> None:
    api = Denying("patch nodes", "watch jobs kata", "update leases kata kata-deploy")
    (text,) = simulate(missing_rights(api, "kata", rollout_rights("kata-deploy")))
    assert text.startswith(
        "this identity is not allowed to patch nodes, watch jobs.batch in kata, "
        "update leases.coordination.k8s.io/kata-deploy in kata"
    )
    assert "Nothing was written.\n" in text


def test_nodes_are_watched_only_where_their_labels_are_ours_to_write() -> None:
    api = Denying("watch nodes")
    assert simulate(missing_rights(api, "kata", rollout_rights("kata-deploy"))) == []
    rights = rollout_rights("kata-deploy", watches_nodes=True)
    (text,) = simulate(missing_rights(api, "kata", rights))
    assert text.startswith("this identity is not allowed to watch nodes. ")


def test_labelling_ahead_of_an_upgrade_reads_a_node_that_conflicts() -> None:
    rights = [str(right) for right in prelabel_rights("kata-deploy")]
    assert rights[:2] == ["get nodes", "patch nodes"]


def test_with_all_rights_there_is_nothing_to_say() -> None:
    assert simulate(missing_rights(Denying(), "kata", rollout_rights("kata-deploy"))) == []
