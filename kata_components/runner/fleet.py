"""Reads what planning needs: the selected nodes, the installation's Jobs, the marked nodes."""

from dataclasses import dataclass

from kata_components import names
from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.objects import Node
from kata_components.rollout import jobs
from kata_components.rollout.jobs import NodeJob


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which nodes: exact names if there are any, else a label selector (empty: every node)."""

    nodes: tuple[str, ...] = ()
    selector: str = ""

    def __str__(self) -> str:
        """Return it as messages name it."""
        if self.nodes:
            return f"job.nodes {', '.join(self.nodes)}"
        return f"the node selector {self.selector!r}" if self.selector else "any node"


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """The selected nodes, names asked for that do not exist, and the Jobs of the installation."""

    nodes: list[Node]
    missing: list[str]
    jobs: list[NodeJob]


async def read(api: KubeApi, namespace: str, suffix: str, selection: Selection) -> Fleet:
    """Return the fleet as it is now, from consistent reads.

    Raises:
        ClusterError: the cluster could not be asked.
    """
    # Jobs first: one that ended must be seen with what it did to its node, or it looks as if that was undone since.
    listed = await api.list_jobs(namespace, jobs.selector(suffix))
    found = await api.list_nodes("" if selection.nodes else selection.selector)
    wanted = set(selection.nodes)
    nodes = [node for node in found if not wanted or node.metadata.name in wanted]
    missing = sorted(wanted - {node.metadata.name for node in nodes})
    return Fleet(nodes=nodes, missing=missing, jobs=[jobs.observed(job) for job in listed.items])


async def marked_nodes(api: KubeApi, suffix: str) -> list[str]:
    """Return the names of the nodes that carry this installation's mark, sorted."""
    key = names.mark_annotation(suffix)
    nodes = await api.list_node_metadata()
    return sorted(node.metadata.name for node in nodes if node.metadata.annotation(key) is not None)
