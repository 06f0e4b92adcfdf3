"""Decodes the bodies of answers, and makes those of deletions and patches."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from kata_components.errors import ClusterError
from kata_components.foreign import bounded
from kata_components.kubernetes.nodes import Taint

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


def node_patch(
    uid: str,
    annotations: Mapping[str, str | None] | None,
    labels: Mapping[str, str | None] | None,
    taints: Sequence[Taint] | None,
    resource_version: str,
) -> dict[str, Any]:
    """Return the body of a merge patch of a node, limited to a UID and (if given) a version.

    Raises:
        ValueError: there are taints but no version.
    """
    metadata: dict[str, Any] = {"uid": uid}
    if resource_version:
        metadata["resourceVersion"] = resource_version
    if annotations:
        metadata["annotations"] = dict(annotations)
    if labels:
        metadata["labels"] = dict(labels)
    if taints is None:
        return {"metadata": metadata}
    if not resource_version:
        raise ValueError("a patch of taints replaces all of them: it needs the node's version")
    return {"metadata": metadata, "spec": {"taints": list(taints)}}
