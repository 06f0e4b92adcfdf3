"""What a dispatcher does to a node before and behind its Job, from 4.1.0 on (contract D24, D25, D45 to D50)."""

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
"""Looks at the labels, one at each poll; the program takes six, two seconds apart."""
_LABEL_TRIES = 12

Manifest = dict[str, Any]


class NodeWork:
    """The work on nodes as it is told; one that goes wrong there raises `NodeError`."""

    def __init__(self, kube: Kube, told: Arguments, template: Manifest) -> None:
        self._kube = kube
        self._told = told
        self._template = template
        self._labels = Labels(kube, told.multi_install_suffix)

    def before(self, node: Manifest) -> dict[str, str]:
        """Get the node ready for its Job; return the variables that its containers are given."""
        now = self._now(node)
        if not self._told.ignore_node_taints and (taint := taints.blocker(now, self._template)):
            raise NodeError(f"has got the taint {taint}")
        info = now["status"].get("nodeInfo", {})
        runtime, machine = info.get("containerRuntimeVersion"), info.get("machineID")
        if not runtime or not machine:
            raise NodeError("does not say its container runtime and its machine ID")
        if self._told.remove_node_label:
            self._labels.demote(now)
        elif self._told.claim_node_pending:
            self._labels.claim(now)
        return {"CONTAINER_RUNTIME_VERSION": runtime, "KATA_DEPLOY_NODE_MACHINE_ID": machine}

    def behind(self, node: Manifest) -> Iterator[None]:
        """Do what follows a Job that has succeeded.

        Yields where it has to wait for the next poll.
        """
        if self._told.remove_node_label:
            self._labels.release(node)
        if self._told.node_label is None:
            return
        yield from self._until(node, _is_ready, self._told.wait_node_ready_secs, "is not Ready")
        yield from self._until(node, self._serves, _HANDLER_SECONDS, "serves none of the handlers")
        yield from self._labelled(node, self._told.node_label)
        self._lift_taints(node)

    def _labelled(self, node: Manifest, value: str) -> Iterator[None]:
        for _ in range(_LABEL_TRIES):
            self._labels.apply(node, value)
            for _ in range(_LABEL_CHECKS):
                yield
                if not self._labels.show(self._now(node), value):
                    break
            else:
                return
        raise NodeError("does not keep its labels")

    def _until(
        self, node: Manifest, holds: Callable[[Manifest], bool], seconds: int, complaint: str
    ) -> Iterator[None]:
        deadline = time.monotonic() + seconds
        while seconds and not holds(self._now(node)):
            if time.monotonic() > deadline:
                raise NodeError(f"{complaint} {seconds} s behind its Job")
            yield

    def _serves(self, node: Manifest) -> bool:
        wanted = self._told.require_node_handlers
        served = node["status"].get("runtimeHandlers")
        return (
            not wanted or served is None or any(handler.get("name") in wanted for handler in served)
        )

    def _lift_taints(self, node: Manifest) -> None:
        now = self._now(node)
        found = now["spec"].get("taints", [])
        left = taints.without(found, self._told.remove_node_taints)
        if left != found:
            version = {"resourceVersion": now["metadata"]["resourceVersion"]}
            self._kube.merge(_path(node), {"metadata": version, "spec": {"taints": left}})

    def _now(self, node: Manifest) -> Manifest:
        now = self._kube.get(_path(node))
        if now["metadata"]["uid"] != node["metadata"]["uid"]:
            raise NodeError("is another node by now")
        return now


def _path(node: Manifest) -> str:
    return f"/api/v1/nodes/{node['metadata']['name']}"


def _is_ready(node: Manifest) -> bool:
    conditions = node["status"].get("conditions", [])
    return any(
        condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions
    )
