"""Checks of `Preflight`, and objects for it to find."""

from typing import Any

from tests.model.cluster import Cluster
from tests.providers import inputs
from tests.providers.conftest import Running


def put(
    cluster: Cluster, path: str, annotations: dict[str, str] | None = None, **content: Any
) -> None:
    """Add an object that exists before the run."""
    metadata = {"name": path.rpartition("/")[2], "annotations": annotations or {}}
    cluster.objects[path] = {"metadata": metadata, **content}


def checked(running: Running, olds: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Return the inputs that a check without failures lets pass."""
    found = running.preflight.check(inputs.preflight(**changes), olds)
    assert found.failures == []
    return found.inputs


def refusal(running: Running, olds: dict[str, Any] | None = None, **changes: Any) -> str:
    """Return the only failure of a check."""
    (failure,) = running.preflight.check(inputs.preflight(**changes), olds).failures
    return failure
