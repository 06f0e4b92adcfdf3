"""What nodes report about themselves, and whether Kata can be installed there."""

from dataclasses import replace

import pytest

from kata_components.kubernetes.nodes import Node
from kata_components.planning import guardrails
from kata_components.planning.demands import Demands
from kata_components.planning.plan import plan
from kata_components.planning.step import Action, Barrier
from kata_components.planning.verdict import Rules
from tests.planning.builders import DIGEST, mark_of, node, text_of

NEEDS = Demands(distribution="k8s", containerd=("1.7", "a shim with its own snapshotter"))
RULES = Rules(suffix="", digests={1: DIGEST}, waves=("canary", "100%"), demands=NEEDS)


def reporting(
    name: str = "a",
    *,
    system: str = "linux",
    runtime: str = "containerd://2.1.0",
    kubelet: str = "v1.34.1",
) -> Node:
    made = node(name)
    made.info.operating_system, made.info.kubelet_version = system, kubelet
    made.info.container_runtime_version = runtime
    return made


@pytest.mark.parametrize(
    ("runtime", "fits"),
    [
        ("containerd://1.6.36", False),
        ("containerd://1.5.9-k3s1", False),
        ("containerd://1.7.0", True),
        ("containerd://v2.2.0-rc.1", True),
        ("containerd://10.0.0", True),
        ("cri-o://1.30.4", True),
        ("containerd://Unknown", True),
        ("", True),
    ],
)
def test_a_containerd_that_is_too_old_is_skipped_with_what_needs_a_newer_one(
    runtime: str, fits: bool
) -> None:
    [step] = plan(
        [reporting(runtime=runtime)],
        [],
        replace(RULES, demands=Demands(containerd=NEEDS.containerd)),
    ).steps
    assert step.action is (Action.INSTALL if fits else Action.SKIPPED)
    assert fits or (step.barrier, step.reason.split(": ")[1]) == (
        Barrier.UNFIT,
        "a shim with its own snapshotter needs 1.7; upgrade or deselect",
    )


def test_windows_nodes_are_skipped_and_are_not_canaries() -> None:
    windows, linux = reporting("a", system="windows"), reporting("b")
    steps = {step.node: step for step in plan([windows, linux], [], RULES).steps}
    assert (steps["a"].action, steps["a"].reason) == (
        Action.SKIPPED,
        "Kata needs Linux, not Windows",
    )
    assert steps["b"].canary


@pytest.mark.parametrize(
    ("configured", "runtime", "kubelet", "other"),
    [
        ("k8s", "containerd://2.1.4-k3s1", "v1.34.1", "k3s"),
        ("k8s", "containerd://2.1.4-k3s1", "v1.34.1+k3s1", "k3s"),
        ("k8s", "containerd://2.1.4-k3s1", "v1.34.1+rke2r1", "rke2"),
        ("k8s", "containerd://1.7.20", "v1.34.1+k0s", "k0s"),
        ("k3s", "containerd://2.1.4-k3s1", "v1.34.1+rke2r1", "rke2"),
        ("k3s", "containerd://2.1.4-k3s1", "v1.34.1+k3s1", ""),
        ("rke2", "containerd://2.1.4-k3s1", "v1.34.1", ""),
        ("k8s", "cri-o://1.30.4", "v1.34.1+k3s1", ""),
        ("k3s", "containerd://2.1.4", "v1.34.1", ""),
        ("k8s", "containerd://2.1.4", "v1.34.1-eks-1234", ""),
    ],
)
def test_a_node_that_reports_another_distribution_is_refused(
    configured: str, runtime: str, kubelet: str, other: str
) -> None:
    rules = replace(RULES, demands=Demands(distribution=configured))
    planned = plan([reporting(runtime=runtime, kubelet=kubelet)], [], rules)
    barred = planned.behind(Barrier.OTHER_DISTRIBUTION)
    assert bool(barred) is bool(other)
    if other:
        text = text_of(guardrails.other_distribution(barred, configured))
        assert text.startswith(
            f"1 node (a): Kubernetes distribution {other}, but k8sDistribution is {configured}: "
        )
        assert "pulumi config set --path kata-deploy:k8sDistribution" in text


def test_an_installed_node_stays_up_to_date_whatever_it_reports() -> None:
    done = node("a", marked=mark_of("a"))
    done.info.container_runtime_version = "containerd://1.6.9-k3s1"
    assert plan([done], [], RULES).steps[0].action is Action.UP_TO_DATE
