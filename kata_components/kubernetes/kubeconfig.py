"""Reads kubeconfigs: which server, which trust and which credentials a context stands for.

Merges and resolves as kubectl does it
(kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig): the first file that
defines a name wins whole, relative paths belong to the file they stand in. Unlike kubectl it never
falls back to the current context: a fleet is named, not met by accident.

Leaves out what is done with the answer: credentials are obtained in `auth`, connections made in
`http_transport`.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec

from kata_components.errors import KubeconfigError

Source = str | os.PathLike[str] | Mapping[str, Any] | None
"""A path, the text of a kubeconfig, or its content; None for `KUBECONFIG`, else
`~/.kube/config`."""

_EXTENSION: Final = "extension"
_EXEC_EXTENSION: Final = "client.authentication.k8s.io/exec"


class Cluster(msgspec.Struct, rename="kebab", frozen=True):
    """`cluster` of a kubeconfig; paths are absolute once resolved."""

    server: str = ""
    certificate_authority: str | None = None
    certificate_authority_data: str | None = None
    insecure_skip_tls_verify: bool = False
    tls_server_name: str | None = None
    proxy_url: str | None = None
    extensions: list[dict[str, Any]] | None = None

    def exec_config(self) -> Any:  # noqa: ANN401 - any JSON value, handed on to the plugin as it is
        """Return what the cluster says to credential plugins, None when nothing."""
        entries = self.extensions or []
        return next(
            (entry.get(_EXTENSION) for entry in entries if entry.get("name") == _EXEC_EXTENSION),
            None,
        )


class EnvVar(msgspec.Struct, frozen=True):
    """One environment variable of a credential plugin."""

    name: str
    value: str


class ExecPlugin(msgspec.Struct, rename="camel", frozen=True):
    """`exec` of a user: a program that prints credentials."""

    api_version: str
    command: str
    args: list[str] | None = None
    env: list[EnvVar] | None = None
    provide_cluster_info: bool = False
    interactive_mode: str = "IfAvailable"
    install_hint: str | None = None

    def __repr__(self) -> str:
        """Leave out arguments and environment, which may hold secrets."""
        return f"ExecPlugin(command={self.command!r})"


class User(msgspec.Struct, rename="kebab", frozen=True):
    """`user` of a kubeconfig; paths are absolute once resolved."""

    token: str | None = None
    token_file: str | None = msgspec.field(default=None, name="tokenFile")
    client_certificate: str | None = None
    client_certificate_data: str | None = None
    client_key: str | None = None
    client_key_data: str | None = None
    username: str | None = None
    password: str | None = None
    exec: ExecPlugin | None = None
    auth_provider: dict[str, Any] | None = None
    impersonate: str | None = msgspec.field(default=None, name="as")
    impersonate_uid: str | None = msgspec.field(default=None, name="as-uid")
    impersonate_groups: list[str] | None = msgspec.field(default=None, name="as-groups")
    impersonate_extra: dict[str, list[str]] | None = msgspec.field(
        default=None, name="as-user-extra"
    )

    def __repr__(self) -> str:
        """Leave out everything: almost every field is a secret."""
        return "User(...)"


class Context(msgspec.Struct, frozen=True):
    """`context` of a kubeconfig."""

    cluster: str = ""
    user: str = ""


class Target(NamedTuple):
    """What one context stands for."""

    context: str
    cluster: Cluster
    user: User


class _NamedCluster(msgspec.Struct):
    name: str
    cluster: Cluster | None = None


class _NamedUser(msgspec.Struct):
    name: str
    user: User | None = None


class _NamedContext(msgspec.Struct):
    name: str
    context: Context | None = None


class _Kubeconfig(msgspec.Struct):
    clusters: list[_NamedCluster] | None = None
    users: list[_NamedUser] | None = None
    contexts: list[_NamedContext] | None = None


class _Document(NamedTuple):
    origin: str
    folder: Path
    content: Any


def load(context: str, source: Source = None) -> Target:
    """Return what `context` stands for, with absolute paths.

    Raises:
        KubeconfigError: a file is missing or wrong, or the context is not in it (the text lists
            those that are).
    """
    clusters: dict[str, Cluster] = {}
    users: dict[str, User] = {}
    contexts: dict[str, Context] = {}
    documents = _documents(source)
    for document in documents:
        config = _converted(document)
        for named in config.contexts or []:
            contexts.setdefault(named.name, named.context or Context())
        for named_cluster in config.clusters or []:
            clusters.setdefault(
                named_cluster.name, _resolved_cluster(named_cluster.cluster, document.folder)
            )
        for named_user in config.users or []:
            users.setdefault(named_user.name, _resolved_user(named_user.user, document.folder))

    where = ", ".join(document.origin for document in documents)
    chosen = _entry("context", context, contexts, where)
    cluster = _entry("cluster", chosen.cluster, clusters, where)
    if not cluster.server:
        raise KubeconfigError(f'cluster "{chosen.cluster}" in {where} has no server: add its URL')
    if not _is_server(cluster.server):
        # Not quoted: it may hold a password.
        raise KubeconfigError(
            f'server of cluster "{chosen.cluster}" in {where} is not the URL of an API server: https://host:port'
        )
    if cluster.tls_server_name and not _is_host(cluster.tls_server_name):
        raise KubeconfigError(
            f'tls-server-name of cluster "{chosen.cluster}" in {where} is not a host name: {cluster.tls_server_name!r}'
        )
    user = _entry("user", chosen.user, users, where) if chosen.user else User()
    return Target(context, cluster, user)


def _is_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        written = url.isascii() and url.isprintable() and not set("@?# ") & set(url)
        return (
            written
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


_T = TypeVar("_T")


def _entry(kind: str, name: str, entries: Mapping[str, _T], where: str) -> _T:
    if name not in entries:
        known = ", ".join(sorted(entries)) or "none"
        raise KubeconfigError(f'there is no {kind} "{name}" in {where}; known: {known}')
    return entries[name]


def _documents(source: Source) -> list[_Document]:
    if isinstance(source, Mapping):
        return [_Document("the given kubeconfig", Path.cwd(), source)]
    if isinstance(source, str) and ("\n" in source or source.lstrip().startswith("{")):
        return [
            _Document("the given kubeconfig", Path.cwd(), _parsed(source, "the given kubeconfig"))
        ]
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
    import yaml  # noqa: PLC0415 - only those who read a kubeconfig pay for it

    try:
        # The first document of several, as kubectl does it.
        return next(yaml.load_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)), None)
    except yaml.YAMLError as error:
        # The error's own text quotes the line, which may hold a token.
        mark = getattr(error, "problem_mark", None)
        line = f" near line {mark.line + 1}" if mark else ""
        raise KubeconfigError(f"{origin} is not valid YAML{line}") from None


def _converted(document: _Document) -> _Kubeconfig:
    try:
        return msgspec.convert(_written(document.content or {}), _Kubeconfig)
    except msgspec.ValidationError as error:
        raise KubeconfigError(f"{document.origin} is not a kubeconfig: {error}") from None


def _written(content: Any) -> Any:  # noqa: ANN401 - typed by the conversion that follows
    """Return the content less what is null, which kubectl reads as not written.

    An extension is the plugin's.
    """
    if isinstance(content, Mapping):
        entries = ((key, value) for key, value in content.items() if value is not None)
        return {key: value if key == _EXTENSION else _written(value) for key, value in entries}
    return [_written(item) for item in content] if isinstance(content, list) else content


def _resolved_cluster(cluster: Cluster | None, folder: Path) -> Cluster:
    cluster = cluster or Cluster()
    return msgspec.structs.replace(
        cluster, certificate_authority=_beside(folder, cluster.certificate_authority)
    )


def _resolved_user(user: User | None, folder: Path) -> User:
    user = user or User()
    plugin = user.exec
    if plugin and os.sep in plugin.command:
        plugin = msgspec.structs.replace(plugin, command=str(folder / plugin.command))
    return msgspec.structs.replace(
        user,
        token_file=_beside(folder, user.token_file),
        client_certificate=_beside(folder, user.client_certificate),
        client_key=_beside(folder, user.client_key),
        exec=plugin,
    )


def _beside(folder: Path, path: str | None) -> str | None:
    return str(folder / path) if path else None
