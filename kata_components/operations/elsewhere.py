"""Installations of the same suffix that a first run cannot know by a Lease: in another namespace, or without theirs."""

from collections import Counter

from kata_components import names
from kata_components.kubernetes.api import KubeApi
from kata_components.planning import node_mark, ownership
from kata_components.planning.guardrails import Refusal


async def elsewhere(api: KubeApi, namespace: str, suffix: str) -> Refusal | None:
    """Return the refusal to install over such an installation; reads only.

    Names of cluster-scoped objects and of marks carry the suffix alone: its nodes and its rights
    would be taken over.
    """
    marked: Counter[str] = Counter()
    for node in await api.list_node_metadata():
        value = node.metadata.annotation(names.mark_annotation(suffix))
        written = node_mark.parse(value)
        if value is not None and (written is None or written.namespace != namespace):
            marked[written.namespace if written else ""] += 1
    found = await api.get_object(
        "rbac.authorization.k8s.io/v1", "clusterrolebindings", "", names.node_binding(suffix)
    )
    bound = {subject.get("namespace", "") for subject in (found or {}).get("subjects") or ()}
    return ownership.elsewhere(marked, sorted(bound - {"", namespace}), namespace, suffix)
