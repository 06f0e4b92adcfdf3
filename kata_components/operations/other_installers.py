"""What in the cluster shows that something else than this stack has installed Kata; reads only."""

from collections import Counter
from typing import Final

from kata_components import names
from kata_components.kubernetes.api import KubeApi
from kata_components.operations import fleet, installation
from kata_components.operations.objects_there import ObjectName, metadata
from kata_components.planning import helm, node_mark, ownership
from kata_components.planning.guardrails import Refusal

ANY_TIME: Final = "9999"
"""Later than every node was created."""


async def installed_until(api: KubeApi, namespace: str, suffix: str) -> str:
    """Return until when nodes were created that may have Kata of another installer.

    RFC 3339, UTC; `ANY_TIME` if that installer was not taken over, empty if nothing tells of one.
    """
    lease = await installation.find_lease(api, namespace, names.base(suffix))
    taken_over = lease and lease.metadata.annotation(names.ADOPTED_ANNOTATION)
    return taken_over or (ANY_TIME if await is_of_another_installer(api, namespace, suffix) else "")


async def is_of_another_installer(api: KubeApi, namespace: str, suffix: str) -> bool:
    """Whether a Helm release, or another tool than Pulumi, made what installs Kata."""
    templates = ObjectName(
        api_version="v1", plural="configmaps", namespace=namespace, name=names.job_templates(suffix)
    )
    found = await metadata(api, templates)
    if found and (helm.release_of(found) or ownership.is_applied_by_others(found)):
        return True
    return await fleet.daemon_set(api, namespace, names.base(suffix)) is not None


async def elsewhere(api: KubeApi, namespace: str, suffix: str) -> Refusal | None:
    """Return the refusal to install over an installation of this suffix in another namespace.

    A first run cannot know it by a Lease. Marks and cluster-scoped objects carry the suffix alone,
    so its nodes and its rights would be taken over.
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
