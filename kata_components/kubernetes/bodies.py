"""What the bodies of answers and of deletions hold."""

from typing import Any, TypeVar

import msgspec

from kata_components.errors import ClusterError
from kata_components.foreign import bounded

T = TypeVar("T")


def decode(answer: bytes, kind: type[T]) -> T:
    """Return the record an answer holds.

    Raises:
        ClusterError: it holds none.
    """
    try:
        return msgspec.json.decode(answer, type=kind)
    except msgspec.DecodeError as error:
        raise ClusterError(
            f"the answer is not what a Kubernetes API server sends ({bounded(str(error))}): "
            "does the server URL in the kubeconfig lead to a login page or a proxy?"
        ) from error


def deletion(uid: str = "") -> dict[str, Any]:
    """Return the options of a deletion: of that very object where a UID is given, its pods in the background."""
    options: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
    }
    return options | {"preconditions": {"uid": uid}} if uid else options
