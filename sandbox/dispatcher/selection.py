"""Which nodes a dispatcher takes (contract 5.2)."""

import time
from typing import Any

from sandbox.dispatcher import taints
from sandbox.dispatcher.arguments import Arguments
from sandbox.errors import SandboxError
from sandbox.kube import Kube

Manifest = dict[str, Any]


class Selection:
    """The nodes of a command line, with the Job template whose tolerations decide from 4.1.0 on."""

    def __init__(self, kube: Kube, told: Arguments, template: Manifest) -> None:
        self._kube = kube
        self._told = told
        self._template = template

    def nodes(self) -> list[Manifest]:
        """Return the nodes by name, waiting for them as told."""
        if self._told.nodes and self._told.works_on_nodes:
            return [self._kube.get(f"/api/v1/nodes/{name}") for name in self._told.nodes]
        if self._told.nodes:
            return [{"metadata": {"name": name}} for name in self._told.nodes]
        deadline = time.monotonic() + self._told.wait_for_nodes_secs
        known: list[str] = []
        since = time.monotonic()
        while True:
            matched = self._matched()
            admitted = [node for node in matched if not self._blocker(node)]
            names = [node["metadata"]["name"] for node in admitted]
            if names != known:
                known, since = names, time.monotonic()
            now = time.monotonic()
            if now >= deadline or (names and now - since >= self._told.node_settle_secs):
                return self._settled(matched, admitted)
            time.sleep(self._told.poll_interval_secs)

    def _settled(self, matched: list[Manifest], admitted: list[Manifest]) -> list[Manifest]:
        if matched and not admitted:
            taint = self._blocker(matched[0])
            raise SandboxError(
                f"{len(matched)} nodes match, and none may be worked on; the first has the taint {taint}"
            )
        if not matched and self._told.wait_for_nodes_secs:
            raise SandboxError(
                f"no node matches {list(self._told.node_selector) or '<none> (every node)'}"
            )
        return admitted

    def _blocker(self, node: Manifest) -> str:
        if self._told.ignore_node_taints or not self._told.works_on_nodes:
            return ""
        return taints.blocker(node, self._template)

    def _matched(self) -> list[Manifest]:
        lists = [self._listed(selector) for selector in self._told.node_selector or ("",)]
        found = {node["metadata"]["name"]: node for nodes in lists for node in nodes}
        return [found[name] for name in sorted(found)]

    def _listed(self, selector: str) -> list[Manifest]:
        wanted = {
            "labelSelector": selector,
            "fieldSelector": self._told.node_field_selector or "",
            "limit": str(self._told.node_page_size),
        }
        nodes: list[Manifest] = []
        position = ""
        while True:
            page = self._kube.get(
                "/api/v1/nodes", **wanted, **({"continue": position} if position else {})
            )
            nodes += page["items"]
            position = page["metadata"].get("continue", "")
            if not position:
                return nodes
