"""One fleet of two sizes side by side: requests, seconds and state bytes per rollout.

Prints a table and writes `build/bench.json`. Run it on a machine that does nothing else; quote the ratios, since the
seconds are this machine's.

    python -m bench [--nodes 1000] [--parallelism 100] [--pod-seconds 4]
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from sandbox.cluster import Cluster
from sandbox.control_plane import ADMIN
from sandbox.paths import CHECKOUT, cache_dir
from sandbox.shell import environment

_SMALL = 24
_OURS = ("kata-deploy-pulumi", "pulumi-kubernetes")


class Stack:
    """A stack of the bench's own on one cluster; `environment` is what its commands run with."""

    def __init__(self, home: Path, cluster: Cluster, parallelism: int) -> None:
        self._config = home / "Pulumi.bench.yaml"
        (home / "state").mkdir()
        backend = {"PULUMI_BACKEND_URL": f"file://{home / 'state'}"}
        self._environment = {**os.environ, **environment(cluster, cache_dir()), **backend}
        values = {
            "kataVersion": "4.0.0",
            "deploymentMode": "job",
            "cluster": {"context": cluster.context},
            "job": {"parallelism": parallelism},
            "rollout": {"waves": []},
        }
        self._config.write_text(yaml.safe_dump({"config": {f"kata-deploy:{k}": v for k, v in values.items()}}))
        self._pulumi("stack", "init", "bench", "--no-select")
        (CHECKOUT / "stacks" / "Pulumi.bench.yaml").unlink(missing_ok=True)

    def timed(self, *command: str) -> float:
        """Return how many seconds a command takes."""
        began = time.monotonic()
        self._pulumi(*command, "--stack", "bench", "--config-file", str(self._config))
        return time.monotonic() - began

    def exported(self) -> str:
        """Return the state."""
        return self._pulumi("stack", "export", "--stack", "bench")

    def _pulumi(self, *command: str) -> str:
        ended = subprocess.run(
            ["pulumi", *command, "--non-interactive"],
            cwd=CHECKOUT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise SystemExit(f"pulumi {command[0]} failed:\n{ended.stdout}{ended.stderr}")
        return ended.stdout


@contextmanager
def fleet(nodes: int, pod_seconds: float) -> Iterator[Cluster]:
    """Provide a fresh cluster with that many workers."""
    cluster = Cluster("kata-deploy-bench")
    cluster.delete()
    cluster.start(workers=nodes)
    cluster.pod_seconds(pod_seconds)
    try:
        yield cluster
    finally:
        cluster.delete()


def requests_since(log: Path, start: int) -> int:
    """Return how many requests of ours the audit log has since a position."""
    with log.open(encoding="utf-8") as lines:
        lines.seek(start)
        events = (json.loads(line) for line in lines)
        return sum(1 for e in events if e["user"].get("username") == ADMIN and e.get("userAgent", "").startswith(_OURS))


def measure(nodes: int, parallelism: int, pod_seconds: float) -> dict[str, float]:
    """Return the figures of a first rollout to a fresh fleet, of its preview, and of a run without work."""
    with fleet(nodes, pod_seconds) as cluster, tempfile.TemporaryDirectory() as home:
        stack = Stack(Path(home), cluster, parallelism)
        preview = stack.timed("preview")
        start = cluster.audit_log.stat().st_size
        up = stack.timed("up", "--yes", "--skip-preview")
        sent = requests_since(cluster.audit_log, start)
        state = stack.exported()
        outcome: dict[str, Any] = next(
            resource["outputs"]["outcome"]
            for resource in json.loads(state)["deployment"]["resources"]
            if resource["type"].endswith("kata:Rollout")
        )
        if outcome["installed"] != nodes:
            raise SystemExit(f"only {outcome['installed']} of {nodes} nodes were installed; nothing was measured")
        return {
            "nodes": nodes,
            "preview_seconds": round(preview, 2),
            "up_seconds": round(up, 2),
            "rollout_seconds": outcome["seconds"],
            "requests_per_node": round(sent / nodes, 3),
            "state_bytes": len(state),
        }


def main() -> None:
    """Measure both fleets and print them."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--parallelism", type=int, default=100)
    parser.add_argument("--pod-seconds", type=float, default=4.0)
    options = parser.parse_args()
    small, large = (measure(n, options.parallelism, options.pod_seconds) for n in (_SMALL, options.nodes))
    ideal = options.nodes / options.parallelism * options.pod_seconds
    figures = {
        **{f"{key}_{options.nodes}": value for key, value in large.items()},
        **{f"{key}_{_SMALL}": value for key, value in small.items()},
        "requests_per_node": large["requests_per_node"],
        "rollout_over_ideal": round(large["rollout_seconds"] / ideal, 2),
        "state_ratio": round(large["state_bytes"] / small["state_bytes"], 4),
    }
    for key, value in figures.items():
        print(f"{key:28} {value}")
    build = CHECKOUT / "build"
    build.mkdir(exist_ok=True)
    (build / "bench.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
