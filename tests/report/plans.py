"""Made-up plans of any size."""

from random import Random
from typing import Any

from kata_components.report.plan_record import (
    Container,
    NodeKind,
    PlannedNode,
    PlanRecord,
    Release,
)

KINDS = [
    NodeKind(architecture=arch, os_image=image, kernel=kernel, container_runtime=runtime)
    for arch, image, kernel, runtime in [
        ("amd64", "Debian GNU/Linux 12 (bookworm)", "6.1", "containerd://2.1.4"),
        ("amd64", "Ubuntu 24.04.1 LTS", "6.8", "containerd://2.1.4"),
        ("arm64", "Ubuntu 24.04.1 LTS", "6.8", "containerd://2.1.4"),
    ]
]
OLD = Release(kata_version="4.1.0", digest="1f2e3d4c5b6a")


def planned_node(name: str, action: str = "install", **changes: Any) -> PlannedNode:
    values = {"node": name, "uid": f"uid-{name}", "action": action, "reason": "new node"}
    return PlannedNode(**values | {"wave": 0} | changes)


def fleet(size: int, *, seed: int = 1) -> list[PlannedNode]:
    """Return canaries of three kinds, then a tenth, then all; some are upgraded, some skipped."""
    random = Random(seed)
    nodes = []
    for number in range(1, size + 1):
        kind = KINDS[number - 1] if number <= 3 else random.choices(KINDS, [8, 3, 1])[0]
        changes: dict[str, Any] = {
            "kind": kind,
            "zone": f"zone-{'abc'[number % 3]}",
            "wave": 0 if number <= 3 else 1 if number <= size // 10 + 3 else 2,
            "canary": number <= 3,
        }
        if number > 3 and random.random() < 0.3:
            changes |= {"action": "upgrade", "installed": OLD}
            changes["reason"] = f"Kata {OLD.kata_version} with digest {OLD.digest} is installed"
        elif number > 3 and random.random() < 0.05:
            reason = random.choice(["NotReady", "does not report its machineID yet"])
            changes |= {"action": "skipped", "reason": reason, "wave": 0}
        elif number > 3 and random.random() < 0.1:
            changes |= {"action": "upToDate", "reason": f"installed at {number}", "wave": 0}
        nodes.append(planned_node(f"worker-{number:04}", **changes))
    return nodes


def plan_of(nodes: list[PlannedNode] | None, **changes: Any) -> PlanRecord:
    """Return a plan of these nodes, with counts that fit; None: a guard rail stopped it."""
    found = nodes or []
    values: dict[str, Any] = {
        "schema": 2,
        "stack": "kata-deploy/my-cluster",
        "cluster_uid": "5a0c6c1e-6a9d-4c0b-9c67-0a3a6f0f5d11",
        "guards": (),
        "kata_version": "4.2.0",
        "namespace": "kube-system",
        "digest": "77716ed66321",
        "pace": {
            "job.parallelism": 10,
            "rollout.maxFailures": "5%",
            "rollout.nodeTimeoutSeconds": 3600,
            "rollout.notReady": "skip",
            "rollout.runsIn": "pulumi",
            "rollout.soakSeconds": 600,
            "rollout.waves": ["canary", "10%", "100%"],
        },
        "containers": (
            Container(
                name="load-kernel-modules",
                image="quay.io/kata-containers/kata-deploy:4.2.0",
                privileged=True,
            ),
            Container(name="host-check", image="quay.io/kata-containers/kata-deploy:4.2.0"),
            Container(name="artifacts", image="quay.io/kata-containers/kata-deploy:4.2.0"),
            Container(name="cri", image="quay.io/kata-containers/kata-deploy:4.2.0"),
        ),
        "counts": {
            action: sum(node.action == action for node in found)
            for action in dict.fromkeys(node.action for node in found)
        },
        "nodes": None if nodes is None else tuple(nodes),
    }
    return PlanRecord(**(values | changes))
