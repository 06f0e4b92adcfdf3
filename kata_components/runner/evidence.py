"""What in the cluster shows that something else has installed Kata, where nodes do not tell themselves."""

from typing import Final

from kata_components import names
from kata_components.errors import ApiError
from kata_components.kubernetes.api import KubeApi
from kata_components.runner import fleet
from kata_components.runner.objects_there import ObjectName, released

ANY_TIME: Final = "9999"
"""Later than every node was made."""


async def installed_until(api: KubeApi, namespace: str, suffix: str) -> str:
    """Return up to when nodes were made that may have Kata of a Helm release or a DaemonSet.

    RFC 3339, UTC; `ANY_TIME` while that is at work, empty when nothing tells of one.
    """
    templates = ObjectName(api_version="v1", plural="configmaps", namespace=namespace, name=names.job_templates(suffix))
    if await released(api, [templates]) or await fleet.daemon_set(api, namespace, names.base(suffix)):
        return ANY_TIME
    try:
        lease = await api.get_lease(namespace, names.base(suffix))
    except ApiError as error:
        if not error.not_found:
            raise
        return ""
    return lease.metadata.annotation(names.TAKEN_OVER_ANNOTATION) or ""
