"""Fleets to measure on, and what the API server saw of a run."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sandbox.cluster import Cluster
from sandbox.control_plane import ADMIN
from sandbox.kube import in_parallel

NAME = "kata-deploy-bench"
OURS = ("kata-deploy-pulumi", "pulumi-kubernetes")
_NODES = "/api/v1/nodes"
_IMAGES = 45
"""Images on a node that has been in use for a while; they make a Node object about 20 KB large."""

_AT_REST: Final = 0.75
"""Idle share of CPU time; with 5,000 nodes that only renew their Leases it is higher."""
_LONGEST_REST: Final = 120.0


@contextmanager
def fleet(workers: int, pod_seconds: float) -> Iterator[Cluster]:
    """Provide a fresh cluster with that many workers, all Ready."""
    cluster = Cluster(NAME)
    cluster.delete()
    cluster.start(workers=workers)
    cluster.pod_seconds(pod_seconds)
    rest()
    try:
        yield cluster
    finally:
        cluster.delete()


def rest() -> None:
    """Wait until the machine is idle: a control plane stays busy after thousands of changes."""
    deadline = time.monotonic() + _LONGEST_REST
    while time.monotonic() < deadline:
        before = _idle_and_all()
        time.sleep(2.0)
        idle, everything = (now - then for now, then in zip(_idle_and_all(), before, strict=True))
        if idle >= _AT_REST * everything:
            return
    print(
        f"the machine is still busy after {_LONGEST_REST:.0f} s; the next figures suffer from it",
        file=sys.stderr,
    )


def _idle_and_all() -> tuple[int, int]:
    """Return the idle and the total time of the processors, in ticks."""
    times = [int(ticks) for ticks in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return times[3] + times[4], sum(times)


def add_images(cluster: Cluster) -> int:
    """Give every node a kubelet's list of images; return the size of a Node object in bytes."""
    images = [
        {
            "names": [
                f"registry.example/platform/component-{number:02}@sha256:{number:064x}",
                f"registry.example/platform/component-{number:02}:"
                f"v1.{number}.0-with-a-longer-tag-{number:08}",
            ],
            "sizeBytes": 100_000_000 + number,
        }
        for number in range(_IMAGES)
    ]
    patch = {"status": {"images": images * 2}}
    with cluster.connect() as kube:
        names = [node["metadata"]["name"] for node in kube.get(_NODES)["items"]]
        in_parallel(lambda name: kube.merge(f"{_NODES}/{name}/status", patch), names)
        return len(json.dumps(kube.get(f"{_NODES}/{names[0]}")))


class Requests:
    """Our requests since this object was made, including those of Pulumi's Kubernetes provider."""

    def __init__(self, cluster: Cluster) -> None:
        self._log = cluster.audit_log
        self._from = self._log.stat().st_size

    def counted(self) -> Counter[str]:
        """Return the number of requests of each kind, such as `create jobs`."""
        return Counter(_kind(event) for event in self._events())

    def makespan(self) -> float:
        """Return the seconds from the first Job to the last mark, by the API server's clock."""
        events = list(self._events())
        began = min(
            event["requestReceivedTimestamp"] for event in events if _kind(event) == "create jobs"
        )
        ended = max(event["stageTimestamp"] for event in events if _kind(event) == "patch nodes")
        return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()

    def _events(self) -> Iterator[dict[str, Any]]:
        with self._log.open(encoding="utf-8") as lines:
            lines.seek(self._from)
            for event in map(json.loads, lines):
                ours = (
                    event.get("userAgent", "").startswith(OURS)
                    and event["user"].get("username") == ADMIN
                )
                # A watch is logged twice, when it begins and when it ends.
                if ours and event["stage"] == "ResponseComplete":
                    yield event


def _kind(event: dict[str, Any]) -> str:
    tried = " (dry run)" if "dryRun=" in event["requestURI"] else ""
    return f"{event['verb']} {event.get('objectRef', {}).get('resource', 'other')}{tried}"
