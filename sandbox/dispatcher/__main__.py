"""`python -m sandbox.dispatcher --job-template=…`: does what the dispatcher's container would do.

`KATA_SANDBOX_DISPATCHER_VERSION` is what it imitates, such as `k8s-job-dispatcher:0.3.0`.
"""

import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from sandbox.dispatcher.arguments import Arguments, parse
from sandbox.dispatcher.errors import NodeError
from sandbox.dispatcher.node_jobs import NodeJobs
from sandbox.dispatcher.node_work import NodeWork
from sandbox.dispatcher.reports import Reports
from sandbox.dispatcher.selection import Selection
from sandbox.errors import RefusedError, SandboxError
from sandbox.kube import Kube
from sandbox.programs import VERSION

POLL_SECONDS = "KATA_SANDBOX_DISPATCHER_POLL_SECONDS"

Manifest = dict[str, Any]


def main() -> int:
    """Run the command line and return the exit code: 0 if every Job has succeeded."""
    try:
        arguments = parse(
            sys.argv[1:], os.environ[VERSION], float(os.environ.get(POLL_SECONDS, "1"))
        )
        with Kube.of_kubeconfig(Path(os.environ["KUBECONFIG"])) as kube:
            failed = FanOut(kube, arguments).run()
    except (SandboxError, OSError, yaml.YAMLError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    if failed:
        print(f"Error: {len(failed)} node(s) failed: {', '.join(sorted(failed))}", file=sys.stderr)
    return 1 if failed else 0


class FanOut:
    """One run: a Job for each node and the work around it, `parallelism` nodes at a time."""

    def __init__(self, kube: Kube, arguments: Arguments) -> None:
        if arguments.cleanup_job_template:
            raise SandboxError(
                "this double does not clean deselected nodes (--cleanup-job-template)"
            )
        template = yaml.safe_load(arguments.job_template.read_text(encoding="utf-8"))
        self._arguments = arguments
        self._jobs = NodeJobs(kube, arguments, template)
        self._work = NodeWork(kube, arguments, template) if arguments.works_on_nodes else None
        self._reports = Reports(kube, arguments) if arguments.reports else None
        self._selection = Selection(kube, arguments, template)
        self._running: dict[str, Manifest] = {}
        self._finishing: dict[str, tuple[Manifest, Iterator[None]]] = {}
        self._failed: list[str] = []

    def run(self) -> list[str]:
        """Work on all nodes and return those that failed."""
        others = self._jobs.find_owner()
        if others and self._arguments.yield_to_live_run and (name := others.at_work()):
            self._say(f"leaves the fleet to job {name}")
            return []
        waiting = deque(self._selected())
        if others and waiting and self._work:
            others.sweep(self._arguments.poll_interval_secs)
        parallelism = self._arguments.parallelism
        self._say(f"{len(waiting)} nodes, {parallelism} at a time")
        while waiting or self._running or self._finishing:
            while waiting and len(self._running) + len(self._finishing) < parallelism:
                self._start(waiting.popleft())
            time.sleep(self._arguments.poll_interval_secs)
            for name in list(self._finishing):
                self._continue(name)
            for name, node in list(self._running.items()):
                self._poll(name, node)
        return self._failed

    def _selected(self) -> list[Manifest]:
        nodes = self._selection.nodes()
        if self._work and self._arguments.skip_satisfied_nodes:
            return [node for node in nodes if not self._work.is_satisfied(node)]
        return nodes

    def _start(self, node: Manifest) -> None:
        name = node["metadata"]["name"]
        try:
            self._jobs.create(name, self._work.prepare(node) if self._work else {})
        except (NodeError, RefusedError) as error:
            self._fail(node, str(error))
        else:
            self._running[name] = node

    def _poll(self, name: str, node: Manifest) -> None:
        state = self._jobs.state(name)
        if state:
            del self._running[name]
        if state == "Failed":
            self._fail(node, self._jobs.failure(name))
        elif state and self._work:
            self._finishing[name] = (node, self._work.finish(node))
            self._continue(name)

    def _continue(self, name: str) -> None:
        node, polls = self._finishing[name]
        try:
            next(polls)
        except StopIteration:
            del self._finishing[name]
            if self._reports:
                self._reports.succeeded(node)
        except (NodeError, RefusedError) as error:
            del self._finishing[name]
            self._fail(node, str(error))

    def _fail(self, node: Manifest, reason: str) -> None:
        name = node["metadata"]["name"]
        self._say(f"node {name}: {reason}")
        self._failed.append(name)
        if self._reports:
            self._reports.failed(node, reason)

    def _say(self, words: str) -> None:
        print(f"{self._arguments.program}: {words}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
