"""The paths of objects in the Kubernetes API."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode


def prefix(api_version: str) -> str:
    """Return the path of an API version, such as `/api/v1` or `/apis/batch/v1`."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def collection(prefix: str, plural: str, namespace: str = "") -> str:
    """Return the path of all objects of a kind, or of those in one namespace."""
    return f"{prefix}/namespaces/{quote(namespace)}/{plural}" if namespace else f"{prefix}/{plural}"


def item(prefix: str, plural: str, name: str, namespace: str = "") -> str:
    """Return the path of one object."""
    return f"{collection(prefix, plural, namespace)}/{quote(name)}"


def with_query(path: str, query: Mapping[str, str]) -> str:
    """Return a path with its query, without empty values."""
    return f"{path}?{urlencode({key: value for key, value in query.items() if value})}"
