"""Nodes are not worked on where the node program would refuse its configuration."""

from kata_components.planning.architectures import unfit, worked_on
from kata_components.planning.host_digest import host_digests
from kata_components.planning.plan import plan
from kata_components.planning.verdict import Rules
from tests.planning.builders import mark_of, node, text_of

JOB = {"spec": {"template": {"spec": {"containers": [{"name": "cri", "image": "kata:4.0.0"}]}}}}
PROBLEMS = {
    "amd64": "defaultShim.amd64 is qemu; set `defaultShim.amd64: clh`",
    "arm64": "",
    "s390x": "no shim is enabled",
}


def test_architectures_are_named_with_their_nodes_and_the_key_to_set() -> None:
    nodes = [node("b"), node("a"), node("c", arch="arm64"), node("d", arch="s390x")]
    assert text_of(unfit(nodes, PROBLEMS)) == (
        "2 nodes are amd64 (a, b): defaultShim.amd64 is qemu; set `defaultShim.amd64: clh`. "
        "1 node is s390x (d): no shim is enabled. "
        "Or exclude these nodes from the selection, by their label `kubernetes.io/arch`."
    )


def test_nothing_confirms_it() -> None:
    refusal = unfit([node("a")], PROBLEMS)
    assert refusal
    assert refusal.guard == ""


def test_architectures_without_a_problem_pass() -> None:
    assert unfit([node("c", arch="arm64"), node("new", arch="")], PROBLEMS) is None
    assert unfit([node("a")], {}) is None


def test_architecture_that_there_are_no_shims_for() -> None:
    assert text_of(unfit([node("r", arch="riscv64")], PROBLEMS)).startswith(
        "1 node is riscv64 (r): Kata is not built for it, only for amd64, arm64, s390x. "
    )


def test_only_nodes_that_get_a_job_count() -> None:
    rules = Rules(suffix="", digests=host_digests(JOB), existing="adopt")
    kata = {"katacontainers.io/kata-runtime": "true"}
    done = node("done", labels=kata, marked=mark_of("done", digest=rules.digest))
    nodes = [done, node("new"), node("down", ready=False), node("helm", labels=kata)]
    assert [n.metadata.name for n in worked_on(plan(nodes, [], rules), nodes)] == ["new"]
