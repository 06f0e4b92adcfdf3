"""Measures rollouts against the control plane's limits, and previews and states of any fleet size.

Prints a table and writes `build/bench.json`. Run it on an otherwise idle machine and quote the
ratios: the seconds depend on the machine. The defaults take about 20 minutes on 2 cores.

    python -m bench [--nodes 1000] [--pod-seconds 4] [--large 5000] [--slow-nodes 1000]
                    [--beside COMMAND]

COMMAND is another dispatcher: a shell runs it on a fresh fleet with KUBECONFIG set, and it is timed
until it exits.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from bench import control_plane
from bench.fleet import Requests, add_images, fleet, rest
from bench.stack import Stack
from sandbox.paths import CHECKOUT

_FAST: Final = 100
_SLOW: Final = 10
_FEW: Final = 10
_PREVIEWS: Final = 5
_LABELLED: Final = {"waves": [], "existing": "install"}
"""Everything in one wave. `existing`, because the single Jobs that were measured before have left
Kata's label on their nodes."""
RESULT: Final = CHECKOUT / "build" / "bench.json"

Figures = dict[str, Any]


def pace(nodes: int, pod_seconds: float) -> Figures:
    """Compare a rollout to new nodes, 100 in flight, with all their Jobs at once; add its costs.

    The stack exists already: the cost of its own objects is a figure of its own.
    """
    with fleet(nodes, pod_seconds) as cluster:
        limit = control_plane.limit(cluster)
    with fleet(nodes, pod_seconds) as cluster:
        marking = control_plane.limit(cluster, marked=True)
    with fleet(_FEW, pod_seconds) as cluster, tempfile.TemporaryDirectory() as home:
        single = control_plane.latency(cluster)
        stack = Stack.of_job_mode(
            Path(home), cluster, job={"parallelism": _FAST}, rollout=_LABELLED
        )
        once = Requests(cluster)
        stack.up()
        stack_requests = once.counted()
        cluster.start(workers=nodes + _FEW)
        rest()
        requests = Requests(cluster)
        up = stack.up()
        counted = requests.counted()
        seconds = requests.makespan()
        _installed(stack, nodes)
    return {
        "limit_seconds": round(limit, 1),
        "limit_with_marks_seconds": round(marking, 1),
        "rollout_seconds": round(seconds, 1),
        "makespan_over_limit": round(seconds / limit, 3),
        "makespan_over_limit_with_marks": round(seconds / marking, 3),
        f"makespan_over_ideal_{_FAST}": _over_ideal(seconds, nodes, _FAST, single),
        "requests_per_node": round(counted.total() / nodes, 3),
        "requests": dict(counted.most_common()),
        "requests_of_the_stack": stack_requests.total() - 2 * _FEW,
        "cpu_seconds_per_1000": round(up.usage.cpu_seconds * 1000 / nodes, 2),
        "peak_mb": round(up.usage.peak_mb, 1),
    }


def slow_pace(nodes: int, pod_seconds: float) -> Figures:
    """Compare a rollout with 10 in flight with rounds of single Jobs."""
    with fleet(nodes, pod_seconds) as cluster, tempfile.TemporaryDirectory() as home:
        single = control_plane.latency(cluster)
        stack = Stack.of_job_mode(
            Path(home), cluster, job={"parallelism": _SLOW}, rollout=_LABELLED
        )
        stack.up()
        seconds = _installed(stack, nodes)
    return {
        "single_job_seconds": round(single, 2),
        f"rollout_seconds_{_SLOW}": seconds,
        "makespan_over_ideal": _over_ideal(seconds, nodes, _SLOW, single),
    }


def sizes(nodes: int, large: int) -> Figures:
    """Measure previews of a fleet at three sizes, and its state and memory at two.

    The nodes are adopted, not installed: state and plan are alike, and 5,000 nodes take minutes
    instead of an hour.
    """
    figures: Figures = {}
    with fleet(_FEW, 0.0) as cluster, tempfile.TemporaryDirectory() as home:
        stack = Stack.of_job_mode(
            Path(home),
            cluster,
            rollout={"waves": [], "existing": "adopt"},
            job={"parallelism": _FAST},
        )
        for size in (_FEW, nodes, large):
            cluster.start(workers=size)
            figures["node_bytes"] = add_images(cluster)
            rest()
            figures[f"preview_seconds_{size}"] = round(stack.previews(_PREVIEWS), 2)
            if size in {_FEW, large}:
                cluster.add_kata(cluster.workers())
                figures[f"peak_mb_{size}"] = round(stack.up().usage.peak_mb, 1)
                figures[f"state_bytes_{size}"] = len(stack.state())
    few, many = figures[f"preview_seconds_{_FEW}"], figures[f"preview_seconds_{large}"]
    figures[f"preview_seconds_more_{large}"] = round(many - few, 2)
    figures[f"state_ratio_{large}"] = round(
        figures[f"state_bytes_{large}"] / figures[f"state_bytes_{_FEW}"], 4
    )
    return figures


def start_up() -> Figures:
    """Compare the preview of the default stack with one of as many plain Kubernetes objects."""
    with fleet(_FEW, 0.0) as cluster, tempfile.TemporaryDirectory() as home:
        keys = {"kataVersion": "4.0.0", "cluster": {"context": cluster.context}}
        ours = Stack(
            Path(home, "ours"),
            cluster,
            {f"kata-deploy:{key}": value for key, value in keys.items()},
        )
        # The stack itself, the provider and the account are resources too.
        plain = {"bare:context": cluster.context, "bare:classes": ours.resources() - 3}
        bare = Stack(Path(home, "bare"), cluster, plain, program=CHECKOUT / "bench" / "bare")
        seconds = [(ours.preview().seconds, bare.preview().seconds) for _ in range(_PREVIEWS)]
    own, other = (statistics.median(column) for column in zip(*seconds, strict=True))
    return {
        "preview_seconds_default": round(own, 2),
        "preview_seconds_bare": round(other, 2),
        "preview_over_bare": round(own / other, 3),
    }


def beside(command: str, nodes: int, pod_seconds: float) -> Figures:
    """Measure how long another dispatcher takes for the same fleet."""
    with fleet(nodes, pod_seconds) as cluster:
        began = time.monotonic()
        environment = os.environ | {"KUBECONFIG": str(cluster.kubeconfig)}
        subprocess.run(  # noqa: S602 - the user's own command line
            command, shell=True, check=True, env=environment
        )
        return {"beside_seconds": round(time.monotonic() - began, 1)}


def _over_ideal(seconds: float, nodes: int, parallelism: int, single: float) -> float:
    """Return a makespan in rounds of single Jobs, each as long as one on an idle control plane."""
    return round(seconds / (math.ceil(nodes / parallelism) * single), 3)


def _installed(stack: Stack, nodes: int) -> float:
    outcome = stack.outcome()
    if outcome["installed"] != nodes:
        raise SystemExit(
            f"only {outcome['installed']} of {nodes} nodes were installed; nothing was measured"
        )
    return float(outcome["seconds"])


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--slow-nodes", type=int, default=1000)
    parser.add_argument("--large", type=int, default=5000)
    parser.add_argument("--pod-seconds", type=float, default=4.0)
    parser.add_argument("--beside", metavar="COMMAND")
    options = parser.parse_args()
    figures: Figures = {}

    def report(part: Figures) -> None:
        # At once, so that a later failure does not lose what has been measured.
        figures.update(part)
        for key, value in part.items():
            print(f"{key:28} {value}", flush=True)
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")

    report(pace(options.nodes, options.pod_seconds))
    if options.beside:
        other = beside(options.beside, options.nodes, options.pod_seconds)
        report(
            other
            | {"beside_over_limit": round(other["beside_seconds"] / figures["limit_seconds"], 3)}
        )
    report(slow_pace(options.slow_nodes, options.pod_seconds))
    report(sizes(options.nodes, options.large))
    report(start_up())


if __name__ == "__main__":
    main()
