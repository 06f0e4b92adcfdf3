"""Loads kubeconfigs and resolves a context to its cluster and user.

Merges and resolves as kubectl does
(kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig): for each name the
first file that defines it wins as a whole, and relative paths are relative to their file. Unlike
kubectl it does not use the current context of a file: a fleet is named, never hit by accident.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec

from kata_components.errors import KubeconfigError
from kata_components.kubernetes.cluster_access import EXTENSION, Cluster, ClusterAccess, User

Source = str | os.PathLike[str] | Mapping[str, Any] | None
"""A path, or a kubeconfig as text or content; None for `KUBECONFIG`, else `~/.kube/config`."""

_GIVEN = "the given kubeconfig"
_T = TypeVar("_T")


class _Context(msgspec.Struct, frozen=True):
    """`context` of a kubeconfig."""

    cluster: str = ""
    user: str = ""


class _NamedCluster(msgspec.Struct):
    name: str
    cluster: Cluster | None = None


class _NamedUser(msgspec.Struct):
    name: str
    user: User | None = None


class _NamedContext(msgspec.Struct):
    name: str
    context: _Context | None = None


class _Kubeconfig(msgspec.Struct, rename="kebab"):
    current_context: str | None = None
    clusters: list[_NamedCluster] | None = None
    users: list[_NamedUser] | None = None
    contexts: list[_NamedContext] | None = None


class _Document(NamedTuple):
    origin: str
    folder: Path
    content: Any


def load(context: str | None, source: Source = None) -> ClusterAccess:
    """Return the cluster and user of `context`, with absolute paths.

    None is the current context of a kubeconfig that is given as content, by a program that has
    chosen the cluster already.

    Raises:
        KubeconfigError: a file is missing or invalid, or does not have the context (the message
            lists those it has).
    """
    clusters: dict[str, Cluster] = {}
    users: dict[str, User] = {}
    contexts: dict[str, _Context] = {}
    documents = _documents(source)
    for document in documents:
        config = _converted(document)
        if context is None and document.origin == _GIVEN:
            context = config.current_context
        for named in config.contexts or []:
            contexts.setdefault(named.name, named.context or _Context())
        for named_cluster in config.clusters or []:
            clusters.setdefault(
                named_cluster.name, _resolved_cluster(named_cluster.cluster, document.folder)
            )
        for named_user in config.users or []:
            users.setdefault(named_user.name, _resolved_user(named_user.user, document.folder))

    where = ", ".join(document.origin for document in documents)
    if context is None:
        raise KubeconfigError(f"no context is named for {where}: set cluster.context")
    chosen = _entry("context", context, contexts, where)
    cluster = _entry("cluster", chosen.cluster, clusters, where)
    _validate(cluster, f'cluster "{chosen.cluster}" in {where}')
    user = _entry("user", chosen.user, users, where) if chosen.user else User()
    return ClusterAccess(context, cluster, user)


def _entry(kind: str, name: str, entries: Mapping[str, _T], where: str) -> _T:
    if name not in entries:
        known = ", ".join(sorted(entries)) or "none"
        advice = "; set cluster.context to one of them" if kind == "context" and entries else ""
        raise KubeconfigError(f'there is no {kind} "{name}" in {where}; known: {known}{advice}')
    return entries[name]


def _validate(cluster: Cluster, label: str) -> None:
    if not cluster.server:
        raise KubeconfigError(f"{label} has no server: add its URL")
    if not _is_server(cluster.server):
        # Not quoted: it may contain a password.
        raise KubeconfigError(
            f"server of {label} is not the URL of an API server: https://host:port"
        )
    if cluster.tls_server_name and not _is_host(cluster.tls_server_name):
        raise KubeconfigError(
            f"tls-server-name of {label} is not a host name: {cluster.tls_server_name!r}"
        )


def _is_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            url.isascii()
            and url.isprintable()
            and not set("@?# ") & set(url)
            and parts.scheme in {"https", "http"}
            and _is_host(parts.hostname)
            and parts.port != 0
        )
    except ValueError:
        return False


def _is_host(name: str | None) -> bool:
    try:
        return bool((name or "").encode("idna"))
    except UnicodeError:
        return False


def _documents(source: Source) -> list[_Document]:
    if isinstance(source, Mapping):
        return [_Document(_GIVEN, Path.cwd(), source)]
    if isinstance(source, str) and ("\n" in source or source.lstrip().startswith("{")):
        return [_Document(_GIVEN, Path.cwd(), _parsed(source, _GIVEN))]
    if source:
        return [_read(Path(source).expanduser())]
    listed = [Path(entry) for entry in os.environ.get("KUBECONFIG", "").split(os.pathsep) if entry]
    paths = listed or [Path("~/.kube/config").expanduser()]
    present = [path for path in paths if path.exists()]
    if not present:
        raise _missing(paths)
    return [_read(path) for path in present]


def _missing(paths: Iterable[Path]) -> KubeconfigError:
    names = ", ".join(str(path) for path in paths)
    return KubeconfigError(
        f"no kubeconfig at {names}: set cluster.kubeconfig or KUBECONFIG to the path of yours"
    )


def _read(path: Path) -> _Document:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise _missing([path]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise KubeconfigError(f"kubeconfig {path} cannot be read: {error}") from error
    return _Document(str(path), path.absolute().parent, _parsed(text, str(path)))


def _parsed(text: str, origin: str) -> Any:  # noqa: ANN401 - typed by the conversion that follows
    import yaml  # noqa: PLC0415 - loaded only when a kubeconfig is read

    try:
        # The first of several documents, as kubectl does.
        return next(yaml.load_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)), None)
    except yaml.YAMLError as error:
        # The error's own text quotes the line, which may hold a token.
        mark = getattr(error, "problem_mark", None)
        line = f" near line {mark.line + 1}" if mark else ""
        raise KubeconfigError(f"{origin} is not valid YAML{line}") from None


def _converted(document: _Document) -> _Kubeconfig:
    try:
        return msgspec.convert(_without_nulls(document.content or {}), _Kubeconfig)
    except msgspec.ValidationError as error:
        raise KubeconfigError(f"{document.origin} is not a kubeconfig: {error}") from None


def _without_nulls(content: Any) -> Any:  # noqa: ANN401 - typed by the conversion that follows
    """Return the content without nulls, which kubectl reads as absent, but whole extensions."""
    if isinstance(content, Mapping):
        entries = ((key, value) for key, value in content.items() if value is not None)
        return {key: value if key == EXTENSION else _without_nulls(value) for key, value in entries}
    return [_without_nulls(item) for item in content] if isinstance(content, list) else content


def _resolved_cluster(cluster: Cluster | None, folder: Path) -> Cluster:
    cluster = cluster or Cluster()
    return msgspec.structs.replace(
        cluster, certificate_authority=_absolute(folder, cluster.certificate_authority)
    )


def _resolved_user(user: User | None, folder: Path) -> User:
    user = user or User()
    plugin = user.exec
    if plugin and os.sep in plugin.command:
        plugin = msgspec.structs.replace(plugin, command=str(folder / plugin.command))
    return msgspec.structs.replace(
        user,
        token_file=_absolute(folder, user.token_file),
        client_certificate=_absolute(folder, user.client_certificate),
        client_key=_absolute(folder, user.client_key),
        exec=plugin,
    )


def _absolute(folder: Path, path: str | None) -> str | None:
    return str(folder / path) if path else None
