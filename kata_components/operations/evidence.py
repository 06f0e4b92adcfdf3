"""What in the cluster shows that something else has installed Kata, where nodes do not tell themselves."""

from typing import Final

from kata_components import names
from kata_components.kubernetes.api import KubeApi
from kata_components.operations import fleet, installation
from kata_components.operations.objects_there import ObjectName, metadata
from kata_components.planning import helm, ownership

ANY_TIME: Final = "9999"
"""Later than every node was made."""


async def installed_until(api: KubeApi, namespace: str, suffix: str) -> str:
    """Return up to when nodes were made that may have Kata of another installer.

    RFC 3339, UTC; `ANY_TIME` while that was not taken over, empty when nothing tells of one.
    """
    lease = await installation.find_lease(api, namespace, names.base(suffix))
    taken_over = lease and lease.metadata.annotation(names.ADOPTED_ANNOTATION)
    return taken_over or (ANY_TIME if await is_of_another_installer(api, namespace, suffix) else "")


async def is_of_another_installer(api: KubeApi, namespace: str, suffix: str) -> bool:
    """Whether a Helm release or another tool than Pulumi has made what installs Kata in either mode."""
    templates = ObjectName(
        api_version="v1", plural="configmaps", namespace=namespace, name=names.job_templates(suffix)
    )
    found = await metadata(api, templates)
    if found and (helm.release_of(found) or ownership.is_applied_by_others(found)):
        return True
    return await fleet.daemon_set(api, namespace, names.base(suffix)) is not None
