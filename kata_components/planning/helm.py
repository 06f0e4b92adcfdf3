"""Helm's traces on Kubernetes objects: their release, and what to remove to release them. Pure.

Helm labels and annotates what it applies, and the API server notes it as manager of every field it
set. While it is noted, a field that our manifests no longer have stays on the object: server-side
apply removes only what nobody else has set. So both have to go.
"""

from typing import Any, Final, NamedTuple

from kata_components.foreign import bounded
from kata_components.kubernetes.objects import Metadata, OwnedMetadata

_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
_RELEASE_NAME: Final = "meta.helm.sh/release-name"
_RELEASE_NAMESPACE: Final = "meta.helm.sh/release-namespace"
_ONLY_HELM_READS: Final = ("helm.sh/", "meta.helm.sh/")


class Release(NamedTuple):
    """A Helm release; `namespace` is empty if an object does not name it."""

    name: str
    namespace: str

    def __str__(self) -> str:
        """Return it as messages name it."""
        return f"{self.name} in namespace {self.namespace or '(unknown)'}"

    @property
    def forget(self) -> str:
        """The command that makes Helm forget the release: it deletes only its Secrets."""
        return f"kubectl -n {self.namespace} delete secret -l owner=helm,name={self.name}"


def release_of(metadata: Metadata) -> Release | None:
    """Return the release an object belongs to, None if Helm does not manage it.

    Helm notes the release on everything it applies. The label alone comes from the chart: it is in
    the output of `helm template` as well, which Argo CD and others apply.
    """
    name = metadata.annotation(_RELEASE_NAME)
    return (
        Release(bounded(name), bounded(metadata.annotation(_RELEASE_NAMESPACE) or ""))
        if name
        else None
    )


def letting_go(metadata: OwnedMetadata) -> dict[str, Any]:
    """Return the patch of the metadata that releases an object from Helm.

    It names the version it is based on, so that it never undoes what another manager has written
    meanwhile. An object that only Helm has written keeps its managers: without any, the API server
    would invent one that owns everything.
    """
    managers = metadata.managed_fields or []
    others = [entry for entry in managers if not _set_by_helm(entry)]
    patch: dict[str, Any] = {
        "resourceVersion": metadata.resource_version,
        "labels": {
            key: None for key, value in (metadata.labels or {}).items() if _is_helms(key, value)
        },
        "annotations": {
            key: None
            for key, value in (metadata.annotations or {}).items()
            if _is_helms(key, value)
        },
    }
    return patch | {"managedFields": others} if others else patch


def _is_helms(key: str, value: str) -> bool:
    return key.startswith(_ONLY_HELM_READS) or (key, value) == (_MANAGED_BY, "Helm")


def _set_by_helm(entry: dict[str, Any]) -> bool:
    """Whether a manager is Helm, or a program that embeds it: it has set the release annotation."""
    annotations = entry.get("fieldsV1", {}).get("f:metadata", {}).get("f:annotations", {})
    return f"f:{_RELEASE_NAME}" in annotations
