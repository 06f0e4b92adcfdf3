"""What `Rollout` is told by the resources before it, and whether that still holds: with `--target` they are not asked.

The engine then hands over what they were at the last run. In a preview they may not know it yet.
"""

from collections.abc import Mapping
from typing import Any, Final

from pulumi.output import Unknown

from kata_components import names
from kata_components.kubernetes.api import KubeApi
from kata_components.operations import installation
from kata_components.planning import ownership
from kata_components.planning.ownership import Owner
from kata_components.providers.properties import PropertyModel

_TOLD: Final = ("installationId", "passed")
"""The inputs that other resources give."""


class Passed(PropertyModel, frozen=True, kw_only=True):
    """For what the guard rails of `Preflight` have let a run pass."""

    cluster_uid: str
    kata_version: str
    namespace: str
    suffix: str = ""


def untold(props: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a preview does not know yet of the resources before."""
    return {key: props[key] for key in _TOLD if isinstance(props.get(key), Unknown)}


async def stale(api: KubeApi, wanted: Passed, passed: Passed | None, owner: Owner) -> str | None:
    """Return why a rollout must not go on, None where it is the one that the guard rails have let pass.

    `wanted` is what it is about, but for the cluster; `passed` is None where a preview does not
    know it yet.
    """
    live = await installation.cluster_uid(api)
    if passed:
        there = {**wanted.props(), "clusterUid": live}
        other = [key for key, value in there.items() if passed.props().get(key) != value]
        if other:
            return (
                f"the guard rails have not been asked about a changed {', '.join(other)}: `--target` leaves them out. "
                "Run `pulumi preview` and `pulumi up` without it."
            )
    lease = await installation.find_lease(api, wanted.namespace, names.base(wanted.suffix))
    # A renamed stack gives the Lease its new name in this very run.
    former = ownership.stack_of(lease.metadata) if lease else None
    refusal = (
        ownership.of_lease(lease, Owner(owner.installation, former or owner.stack))
        if lease
        else None
    )
    return refusal.text if refusal else None
