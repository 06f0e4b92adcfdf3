"""Measures rollouts against bare loops and single Jobs, and previews and states of any fleet size.

Prints a table and writes `build/bench.json`. Run it on an otherwise idle machine and quote the
ratios: the seconds depend on the machine. The defaults take about half an hour on 2 cores.

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
from collections import Counter
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from bench import bare_loop, single_jobs
from bench.fleet import Requests, add_images, fleet, rest
from bench.process import Usage
from bench.stack import Stack
from kata_components.planning.node_jobs import is_token_free
from sandbox.paths import CHECKOUT

_FAST: Final = 100
_SLOW: Final = 10
_FEW: Final = 10
_PREVIEWS: Final = 5
_VERSIONS: Final = ("4.0.0", "4.1.0")
_LATE: Final = 2
"""How many seconds after its Job a node reports Kata's handlers in the last measurement."""
_LATE_COSTS: Final = 2 * _LATE
"""Seconds that the rollout may take longer then: one pause between two looks may be added."""
_LABELLED: Final = {"waves": [], "existing": "install"}
"""Everything in one wave. `existing`, because the single Jobs that were measured before have left
Kata's label on their nodes."""
RESULT: Final = CHECKOUT / "build" / "bench.json"

Figures = dict[str, Any]


class Paced(NamedTuple):
    """What it took to install on all nodes."""

    seconds: float
    """From the first Job to the last mark."""
    requests: Counter[str]
    usage: Usage
    requests_before: int = 0
    """Those of the stack's first `up`, with its own objects and few nodes."""

    def over(self, other: Self) -> Figures:
        """Return this in units of another one."""
        return {
            "makespan": round(self.seconds / other.seconds, 3),
            "requests": round(self.requests.total() / other.requests.total(), 3),
            "cpu": round(self.usage.cpu_seconds / other.usage.cpu_seconds, 2),
            "memory": round(self.usage.peak_mb / other.usage.peak_mb, 2),
        }


def pace(version: str, nodes: int, pod_seconds: float) -> Figures:
    """Compare a rollout to new nodes, 100 in flight, with a bare loop that does the same."""
    loop = _loop(version, nodes, pod_seconds)
    rollout = _rollout(version, nodes, pod_seconds)
    figures: Figures = {
        "loop_seconds": round(loop.seconds, 1),
        "rollout_seconds": round(rollout.seconds, 1),
        **{f"{key}_over_loop": ratio for key, ratio in rollout.over(loop).items()},
        "requests_per_node": round(rollout.requests.total() / nodes, 3),
        "requests": dict(rollout.requests.most_common()),
        f"requests_of_first_up_{_FEW}": rollout.requests_before,
        "cpu_seconds_per_1000": round(rollout.usage.cpu_seconds * 1000 / nodes, 2),
        "peak_mb": round(rollout.usage.peak_mb, 1),
    }
    if is_token_free(single_jobs.stamp(version).template):
        # Beside a loop on nodes that report late, too: their reports load the same machine.
        late_loop = _loop(version, nodes, pod_seconds, handlers_after=str(_LATE))
        late = _rollout(version, nodes, pod_seconds, handlers_after=str(_LATE))
        figures |= {
            "late_loop_seconds": round(late_loop.seconds, 1),
            "late_rollout_seconds": round(late.seconds, 1),
            "late_makespan_over_loop": round((late.seconds - _LATE_COSTS) / late_loop.seconds, 3),
            "late_requests_per_node": round(late.requests.total() / nodes, 3),
        }
    return {f"{key}_{version}": figure for key, figure in figures.items()}


def _loop(
    version: str, nodes: int, pod_seconds: float, *, handlers_after: str | None = None
) -> Paced:
    """Measure the loop, on a control plane that has seen a few Jobs, as that of the rollout has."""
    with fleet(_FEW, pod_seconds) as cluster:
        bare_loop.run(cluster, version, _FAST)
        cluster.start(workers=nodes + _FEW)
        cluster.behave_all(handlers_after=handlers_after)
        rest()
        requests = Requests(cluster)
        usage = bare_loop.run(cluster, version, _FAST)
        return Paced(requests.makespan(), requests.counted(), usage)


def _rollout(
    version: str, nodes: int, pod_seconds: float, *, handlers_after: str | None = None
) -> Paced:
    """Measure a rollout to new nodes. The stack exists already: its objects are not counted."""
    with fleet(_FEW, pod_seconds) as cluster, tempfile.TemporaryDirectory() as home:
        stack = Stack.of_job_mode(
            Path(home), cluster, kataVersion=version, job={"parallelism": _FAST}
        )
        first = Requests(cluster)
        stack.up()
        before = first.counted().total()
        cluster.start(workers=nodes + _FEW)
        cluster.behave_all(handlers_after=handlers_after)
        rest()
        requests = Requests(cluster)
        up = stack.up()
        paced = Paced(requests.makespan(), requests.counted(), up.usage, before)
        _installed(stack, nodes)
        return paced


def slow_pace(nodes: int, pod_seconds: float) -> Figures:
    """Compare a rollout with 10 in flight with rounds of single Jobs."""
    with fleet(nodes, pod_seconds) as cluster, tempfile.TemporaryDirectory() as home:
        single = single_jobs.latency(cluster)
        stack = Stack.of_job_mode(
            Path(home), cluster, job={"parallelism": _SLOW}, rollout=_LABELLED
        )
        stack.up()
        seconds = _installed(stack, nodes)
    return {
        "single_job_seconds": round(single, 2),
        f"rollout_seconds_{_SLOW}": seconds,
        # In rounds of single Jobs, each as long as one on an idle control plane.
        "makespan_over_ideal": round(seconds / (math.ceil(nodes / _SLOW) * single), 3),
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
            print(f"{key:32} {value}", flush=True)
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")

    for version in _VERSIONS:
        report(pace(version, options.nodes, options.pod_seconds))
    if options.beside:
        other = beside(options.beside, options.nodes, options.pod_seconds)
        loop = figures[f"loop_seconds_{_VERSIONS[0]}"]
        report(other | {"beside_over_loop": round(other["beside_seconds"] / loop, 3)})
    report(slow_pace(options.slow_nodes, options.pod_seconds))
    report(sizes(options.nodes, options.large))
    report(start_up())


if __name__ == "__main__":
    main()
