"""Decodes the bodies of answers, and makes those of deletions."""

from typing import Any, TypeVar

import msgspec

from kata_components.errors import ClusterError
from kata_components.foreign import bounded

T = TypeVar("T")


def decode(answer: bytes, kind: type[T]) -> T:
    """Return the record in an answer.

    Raises:
        ClusterError: there is none.
    """
    try:
        return msgspec.json.decode(answer, type=kind)
    except msgspec.DecodeError as error:
        raise ClusterError(
            f"the answer is not what a Kubernetes API server sends ({bounded(str(error))}): "
            "does the server URL in the kubeconfig lead to a login page or a proxy?"
        ) from error


def deletion(uid: str = "") -> dict[str, Any]:
    """Return the body of a deletion, pods in the background; a UID limits it to that object."""
    options: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
    }
    return options | {"preconditions": {"uid": uid}} if uid else options
