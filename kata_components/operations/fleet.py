"""Reads what planning needs: the selected nodes, the installation's Jobs, the marked nodes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.nodes import Node
from kata_components.kubernetes.objects import DaemonSet
from kata_components.planning import node_jobs, node_mark
from kata_components.planning.node_jobs import NodeJob
from kata_components.planning.selection import Selection


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """What the cluster has of one installation."""

    nodes: list[Node]
    """The selected nodes."""
    missing: list[str]
    """Names that are selected and do not exist."""
    jobs: list[NodeJob]
    """The installation's per-node Jobs."""
    marked: int
    """How many nodes of the whole cluster carry the installation's mark."""
    deselected: list[str]
    """Those of them that are not selected."""
    foreign: Sequence[NodeJob] = ()
    """The Jobs of other installations in the namespace."""


async def read(api: KubeApi, namespace: str, suffix: str, selection: Selection) -> Fleet:
    """Return the fleet as it is now, from consistent reads.

    Raises:
        ClusterError: the cluster could not be read.
    """
    # Jobs first: one that ended must be seen with what it did to its node, or it looks as if that
    # was undone since.
    listed = await api.list_jobs(namespace, node_jobs.ANYBODYS)
    everybodys = [node_jobs.seen_by(suffix, job) for job in listed.items]
    # One after the other: of 5,000 nodes, either list takes its share of memory while it is read.
    marked = await marked_nodes(api, namespace, suffix)
    found = await selected_nodes(api, selection)
    wanted = set(selection.nodes)
    nodes = [node for node in found if not wanted or node.metadata.name in wanted]
    selected = {node.metadata.name for node in nodes}
    return Fleet(
        nodes=nodes,
        missing=sorted(wanted - selected),
        jobs=node_jobs.identified((job for job in everybodys if not job.foreign), found),
        foreign=[job for job in everybodys if job.foreign],
        marked=len(marked),
        deselected=[name for name in marked if name not in selected],
    )


async def selected_nodes(api: KubeApi, selection: Selection) -> list[Node]:
    """Return the nodes of the selectors, each once; for a selection by name all nodes."""
    lists = await asyncio.gather(
        *map(api.list_nodes, ("",) if selection.nodes else selection.effective_selectors)
    )
    return list({node.metadata.name: node for nodes in lists for node in nodes}.values())


async def marked_nodes(api: KubeApi, namespace: str, suffix: str) -> list[str]:
    """Return the names of the nodes that carry this installation's mark, sorted."""
    nodes = await api.list_node_metadata()
    return sorted(
        node.metadata.name for node in nodes if node_mark.has_ours(node.metadata, namespace, suffix)
    )


async def touched_nodes(api: KubeApi, namespace: str, suffix: str) -> set[str]:
    """Return the names of the nodes that carry this installation's mark or have its Jobs."""
    marked = await marked_nodes(api, namespace, suffix)
    listed = await api.list_jobs(namespace, node_jobs.selector(suffix))
    return {*marked, *(node_jobs.observed(job).node for job in listed.items)}


async def daemon_set(api: KubeApi, namespace: str, name: str) -> DaemonSet | None:
    """Return the DaemonSet of daemonset mode, None when there is none."""
    found = await api.get_object("apps/v1", "daemonsets", namespace, name)
    return msgspec.convert(found, DaemonSet) if found else None
