"""Which nodes a dispatcher takes (contract 5.2).

From 0.3.0 on, having nowhere to go is an error only for a run that waits for nodes.
"""

import time
from typing import Any

from sandbox.dispatcher import taints
from sandbox.dispatcher.arguments import Arguments
from sandbox.errors import SandboxError
from sandbox.kube import Kube

Manifest = dict[str, Any]


class Selection:
    """The nodes that a command line selects; from 4.1.0 on the template's tolerations count."""

    def __init__(self, kube: Kube, arguments: Arguments, template: Manifest) -> None:
        self._kube = kube
        self._arguments = arguments
        self._template = template

    def nodes(self) -> list[Manifest]:
        """Return the nodes in order of their names, after waiting as long as the arguments say."""
        arguments = self._arguments
        if arguments.nodes and arguments.works_on_nodes:
            return [self._kube.get(f"/api/v1/nodes/{name}") for name in arguments.nodes]
        if arguments.nodes:
            return [{"metadata": {"name": name}} for name in arguments.nodes]
        deadline = time.monotonic() + arguments.wait_for_nodes_secs
        known: list[str] = []
        since = time.monotonic()
        while True:
            matched = self._matched()
            admitted = [node for node in matched if not self._blocker(node)]
            names = [node["metadata"]["name"] for node in admitted]
            if names != known:
                known, since = names, time.monotonic()
            now = time.monotonic()
            if now >= deadline or (names and now - since >= arguments.node_settle_secs):
                return self._checked(matched, admitted)
            time.sleep(arguments.poll_interval_secs)

    def _checked(self, matched: list[Manifest], admitted: list[Manifest]) -> list[Manifest]:
        expected = self._arguments.wait_for_nodes_secs or not self._arguments.reports
        if matched and not admitted and expected:
            taint = self._blocker(matched[0])
            raise SandboxError(
                f"{len(matched)} nodes match, but all are tainted; the first has the taint {taint}"
            )
        if not matched and self._arguments.wait_for_nodes_secs:
            raise SandboxError(
                f"no node matches {list(self._arguments.node_selector) or '<none> (every node)'}"
            )
        return admitted

    def _blocker(self, node: Manifest) -> str:
        if self._arguments.ignore_node_taints or not self._arguments.works_on_nodes:
            return ""
        return taints.blocker(node, self._template)

    def _matched(self) -> list[Manifest]:
        lists = [self._list(selector) for selector in self._arguments.node_selector or ("",)]
        found = {node["metadata"]["name"]: node for nodes in lists for node in nodes}
        return [found[name] for name in sorted(found)]

    def _list(self, selector: str) -> list[Manifest]:
        wanted = {
            "labelSelector": selector,
            "fieldSelector": self._arguments.node_field_selector or "",
            "limit": str(self._arguments.node_page_size),
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
