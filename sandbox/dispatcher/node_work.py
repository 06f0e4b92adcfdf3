"""What a dispatcher does to a node around its Job, from 4.1.0 on.

Contract D24, D25 and D45 to D50; what is not Kata's is said by flags from 0.3.0 on.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

from sandbox.dispatcher import taints
from sandbox.dispatcher.arguments import Arguments
from sandbox.dispatcher.errors import NodeError
from sandbox.dispatcher.labels import Labels
from sandbox.kube import Kube

_HANDLER_SECONDS = 120
_LABEL_CHECKS = 2
"""How often the labels are checked, once per poll; the program checks six times in 12 seconds."""
_LABEL_TRIES = 12

Manifest = dict[str, Any]


class NodeWork:
    """The work that the arguments ask for; what fails on a node raises `NodeError`."""

    def __init__(self, kube: Kube, arguments: Arguments, template: Manifest) -> None:
        self._kube = kube
        self._arguments = arguments
        self._template = template
        self._labels = Labels(kube, arguments)

    def prepare(self, node: Manifest) -> dict[str, str]:
        """Prepare the node for its Job; return environment variables for its containers."""
        now = self._now(node)
        taint = taints.blocker(now, self._template)
        if taint and not self._arguments.ignore_node_taints:
            raise NodeError(f"has the taint {taint} now")
        facts = self._facts(now["status"].get("nodeInfo", {}))
        if self._arguments.remove_node_label:
            self._labels.demote(now)
        elif self._arguments.claim_node_pending:
            self._labels.claim(now)
        return facts

    def _facts(self, info: Manifest) -> dict[str, str]:
        arguments = self._arguments
        runtime, machine = info.get("containerRuntimeVersion"), info.get("machineID")
        if not runtime and arguments.require_node_runtime_version:
            raise NodeError("does not report its container runtime")
        if not machine and arguments.require_node_machine_id:
            raise NodeError("does not report its machine ID")
        key = "NODE_MACHINE_ID" if arguments.reports else "KATA_DEPLOY_NODE_MACHINE_ID"
        facts = {"CONTAINER_RUNTIME_VERSION": runtime, key: machine}
        return {name: fact for name, fact in facts.items() if fact}

    def is_satisfied(self, node: Manifest) -> bool:
        """Return whether an earlier run has labelled the node, and it serves the handlers."""
        value = self._arguments.node_label
        return value is not None and self._labels.are_set(node, value) and self._serves(node)

    def finish(self, node: Manifest) -> Iterator[None]:
        """Do what follows a successful Job; yield wherever the next poll must be awaited."""
        if self._arguments.remove_node_label:
            self._labels.release(node)
        if self._arguments.node_label is None:
            return
        ready_seconds = self._arguments.wait_node_ready_secs
        yield from self._wait(node, _is_ready, ready_seconds, "is not Ready")
        yield from self._wait(node, self._serves, _HANDLER_SECONDS, "serves none of the handlers")
        yield from self._label(node, self._arguments.node_label)
        self._remove_taints(node)

    def _label(self, node: Manifest, value: str) -> Iterator[None]:
        for _ in range(_LABEL_TRIES):
            self._labels.apply(node, value)
            for _ in range(_LABEL_CHECKS):
                yield
                if not self._labels.are_set(self._now(node), value):
                    break
            else:
                return
        raise NodeError("does not keep its labels")

    def _wait(
        self, node: Manifest, holds: Callable[[Manifest], bool], seconds: int, failure: str
    ) -> Iterator[None]:
        deadline = time.monotonic() + seconds
        while seconds and not holds(self._now(node)):
            if time.monotonic() > deadline:
                raise NodeError(f"{failure} {seconds} s after its Job")
            yield

    def _serves(self, node: Manifest) -> bool:
        wanted = self._arguments.require_node_handlers
        served = node["status"].get("runtimeHandlers")
        return (
            not wanted or served is None or any(handler.get("name") in wanted for handler in served)
        )

    def _remove_taints(self, node: Manifest) -> None:
        now = self._now(node)
        found = now["spec"].get("taints", [])
        left = taints.without(found, self._arguments.remove_node_taints)
        if left != found:
            version = {"resourceVersion": now["metadata"]["resourceVersion"]}
            self._kube.merge(_path(node), {"metadata": version, "spec": {"taints": left}})

    def _now(self, node: Manifest) -> Manifest:
        now = self._kube.get(_path(node))
        if now["metadata"]["uid"] != node["metadata"]["uid"]:
            raise NodeError("has been replaced by another node")
        return now


def _path(node: Manifest) -> str:
    return f"/api/v1/nodes/{node['metadata']['name']}"


def _is_ready(node: Manifest) -> bool:
    conditions = node["status"].get("conditions", [])
    return any(
        condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions
    )
