"""Kinds of Kubernetes objects: where the API server serves them, and which of their fields cannot be updated.

Owns: Pulumi's type tokens, the table of well-known kinds (so that a preview needs no discovery for them), discovery
for the others, and the fields whose change replaces the object. That last table is the official plugin's, not the API
server's: a field that the server refuses to change but that is not listed there (`RuntimeClass.handler`) fails the
update with the official plugin too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from kata_components.errors import ApiError

HTTP_NOT_FOUND: Final = 404

Path = tuple[str | int, ...]
"""Where a value is in a tree: dict keys and list positions."""


@dataclass(frozen=True)
class Kind:
    """A kind as the API server serves it."""

    api_version: str
    name: str
    plural: str
    namespaced: bool

    def collection(self, namespace: str) -> str:
        """Return the URL path of all objects of this kind in a namespace."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        within = f"/namespaces/{quote(namespace)}" if self.namespaced else ""
        return f"{root}{within}/{self.plural}"

    def item(self, namespace: str, name: str) -> str:
        """Return the URL path of one object."""
        return f"{self.collection(namespace)}/{quote(name, safe='')}"


_RBAC: Final = "rbac.authorization.k8s.io/v1"

_WELL_KNOWN: Final = {
    (kind.api_version, kind.name): kind
    for kind in (
        Kind("v1", "ConfigMap", "configmaps", namespaced=True),
        Kind("v1", "Namespace", "namespaces", namespaced=False),
        Kind("v1", "Secret", "secrets", namespaced=True),
        Kind("v1", "ServiceAccount", "serviceaccounts", namespaced=True),
        Kind("apps/v1", "DaemonSet", "daemonsets", namespaced=True),
        Kind("batch/v1", "Job", "jobs", namespaced=True),
        Kind("node.k8s.io/v1", "RuntimeClass", "runtimeclasses", namespaced=False),
        Kind(_RBAC, "ClusterRole", "clusterroles", namespaced=False),
        Kind(_RBAC, "ClusterRoleBinding", "clusterrolebindings", namespaced=False),
        Kind(_RBAC, "Role", "roles", namespaced=True),
        Kind(_RBAC, "RoleBinding", "rolebindings", namespaced=True),
    )
}

_IMMUTABLE: Final[dict[tuple[str, str], tuple[Path, ...]]] = {
    ("apps/v1", "DaemonSet"): (("spec", "selector"),),
    ("apps/v1", "Deployment"): (("spec", "selector"),),
    ("batch/v1", "Job"): (
        ("spec", "completions"),
        ("spec", "parallelism"),
        ("spec", "selector"),
        ("spec", "template"),
    ),
    (_RBAC, "ClusterRoleBinding"): (("roleRef",),),
    (_RBAC, "RoleBinding"): (("roleRef",),),
}
_IDENTITY: Final[tuple[Path, ...]] = (("metadata", "name"), ("metadata", "namespace"))
_CONFIG_MAP_CONTENT: Final[tuple[Path, ...]] = (("binaryData",), ("data",))
_SECRET_CONTENT: Final[tuple[Path, ...]] = (("stringData",), ("data",))


def type_of(token: str) -> tuple[str, str]:
    """Return apiVersion and kind of a Pulumi type such as `kubernetes:apps/v1:DaemonSet`.

    Raises:
        ValueError: the type is not that of a single Kubernetes object; the text says what to use instead.
    """
    _, module, name = token.split(":", 2)
    group, slash, version = module.partition("/")
    if not slash or group in {"helm.sh", "yaml", "kustomize"}:
        raise ValueError(f"{token} is no Kubernetes object; the stand-in plugin manages single objects only")
    if name.endswith(("Patch", "List")):
        raise ValueError(f"{token} is not supported by the stand-in plugin; use the kind itself")
    return (version if group == "core" else module), name


def is_namespaced(api_version: str, name: str) -> bool:
    """Return whether objects of a kind are in a namespace, without asking; unknown kinds are taken to be."""
    kind = _WELL_KNOWN.get((api_version, name))
    return kind is None or kind.namespaced


def immutable_paths(manifest: dict[str, Any], *, config_maps_mutable: bool, secrets_mutable: bool) -> tuple[Path, ...]:
    """Return the fields of `manifest` whose change makes the official plugin replace the object."""
    kind = (str(manifest.get("apiVersion")), str(manifest.get("kind")))
    frozen = manifest.get("immutable") is True
    special: tuple[Path, ...] = _IMMUTABLE.get(kind, ())
    if kind == ("v1", "ConfigMap") and (frozen or not config_maps_mutable):
        special = _CONFIG_MAP_CONTENT
    if kind == ("v1", "Secret"):
        special = (("type",), *(_SECRET_CONTENT if frozen or not secrets_mutable else ()))
    return _IDENTITY + special


class Kinds:
    """All kinds of one cluster.

    Args:
        fetch: returns the JSON at a URL path of the API server, or raises `ApiError` or `UnreachableError`.
    """

    def __init__(self, fetch: Callable[[str], dict[str, Any]]) -> None:
        self._fetch = fetch
        self._known = dict(_WELL_KNOWN)

    def find(self, api_version: str, name: str) -> Kind | None:
        """Return the kind, None if the API server does not serve it (now: its definition may come later).

        Raises:
            ClusterError: the API server could not be asked.
        """
        if (api_version, name) not in self._known:
            self._discover(api_version)
        return self._known.get((api_version, name))

    def _discover(self, api_version: str) -> None:
        root = "/apis" if "/" in api_version else "/api"
        try:
            resources = self._fetch(f"{root}/{api_version}")["resources"]
        except ApiError as error:
            if error.status != HTTP_NOT_FOUND:
                raise
            return
        for resource in resources:
            if "/" not in resource["name"]:
                kind = Kind(api_version, resource["kind"], resource["name"], resource["namespaced"])
                self._known.setdefault((api_version, kind.name), kind)
