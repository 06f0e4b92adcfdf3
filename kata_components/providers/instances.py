"""The installations of one program, which must not share what each needs for itself.

The engine runs a single provider process for all of them.
"""

from typing import Final

from kata_components.planning.guardrails import Refusal
from kata_components.providers.preflight_inputs import PreflightInputs

_places: Final[dict[tuple[str, str], str]] = {}
"""The URN of the first `Preflight` by cluster and Lease."""
_directories: Final[dict[str, str]] = {}
"""The URN of the first `Preflight` by `rollout.reportDir`."""


def shared(cluster_uid: str, wanted: PreflightInputs) -> list[Refusal]:
    """Refuse what another installation of this program has already."""
    lease = f"{wanted.namespace}/{wanted.lease_name}"
    found = []
    if other := _other(_places.setdefault((cluster_uid, lease), wanted.urn), wanted):
        found.append(
            f"{other} of this program already installs with this env.multiInstallSuffix on the "
            "same cluster; two would undo each other. Give one another suffix, or remove it."
        )
    directory = wanted.report_dir
    if directory and (other := _other(_directories.setdefault(directory, wanted.urn), wanted)):
        found.append(
            f"{other} of this program already writes to rollout.reportDir {directory}; one plan "
            "would replace the other. Give each a directory of its own."
        )
    return [*map(Refusal, found)]


def _other(first: str, wanted: PreflightInputs) -> str:
    """Return how to call the component of the `Preflight` that was first, empty if it is this."""
    if first == wanted.urn:
        return ""
    return f'KataDeploy "{first.rpartition("::")[2].removesuffix("-preflight")}"'
