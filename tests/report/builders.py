"""Made-up rollouts of any size."""

from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

from kata_components.report.record import NodeRecord, Record, Result


def rollout(nodes: Sequence[NodeRecord] = (), **changes: Any) -> Record:
    """Return a rollout of these nodes, with counts that fit."""
    ends = [node.result for node in nodes]
    values: dict[str, Any] = {
        "selected": len(nodes),
        "up_to_date": 0,
        "installed": ends.count("done"),
        "adopted": 0,
        "relabelled": 0,
        "cleaned": 0,
        "failed": ends.count("failed"),
        "skipped": ends.count("skipped"),
        "remaining": ends.count("waiting"),
        "seconds": max((node.ended or 0.0 for node in nodes), default=0.0) + 1.0,
        "digest": "77716ed66321",
        "stack": "kata-deploy/test",
        "namespace": "kube-system",
        "kata_version": "4.2.0",
        "started_at": datetime(2026, 11, 27, 1, 0, tzinfo=UTC),
        "nodes": tuple(nodes),
    }
    return Record(**(values | changes))


def fleet(
    size: int, *, parallelism: int = 10, failing: int = 0, soak: float = 0.0, seed: int = 1
) -> list[NodeRecord]:
    """Return the nodes of a rollout: a canary, then a tenth, then all, with some failures."""
    random = Random(seed)
    waves = [0] + [1] * (size // 10) + [2] * (size - 1 - size // 10)
    broken = {*random.sample(range(1, size), failing)}
    slots = [2.0] * parallelism
    nodes: list[NodeRecord] = []
    opened = 2.0
    for number, wave in enumerate(waves):
        if number and wave != waves[number - 1]:
            opened = max(node.ended or 0.0 for node in nodes) + soak
        slot = slots.index(min(slots))
        started = max(slots[slot], opened)
        created = started + random.uniform(0.05, 0.4)
        job = created + random.gauss(38, 5) + (random.random() < 0.03) * 90
        slots[slot] = job
        result: Result = "failed" if number in broken else "done"
        nodes.append(
            NodeRecord(
                node=f"worker-{number:04}",
                action="install",
                reason="new node",
                wave=wave,
                canary=number == 0,
                result=result,
                text="stage artifacts ended with exit code 1" if result == "failed" else "",
                started=round(started, 2),
                job_started=round(created, 2),
                job_ended=round(job, 2),
                ended=round(job + random.uniform(0.2, 20), 2),
            )
        )
    return nodes
