"""What one context of a kubeconfig stands for: a cluster, and a user with the way to log in.

The fields are those of kubernetes.io/docs/reference/config-api/kubeconfig.v1, as far as they are
used here. Once resolved, paths are absolute.
"""

from typing import Any, Final, NamedTuple

import msgspec

EXTENSION: Final = "extension"
_EXEC_EXTENSION: Final = "client.authentication.k8s.io/exec"


class Cluster(msgspec.Struct, rename="kebab", frozen=True):
    """`cluster` of a kubeconfig."""

    server: str = ""
    certificate_authority: str | None = None
    certificate_authority_data: str | None = None
    insecure_skip_tls_verify: bool = False
    tls_server_name: str | None = None
    proxy_url: str | None = None
    extensions: list[dict[str, Any]] | None = None

    def exec_config(self) -> Any:  # noqa: ANN401 - any JSON value, passed on to the plugin as it is
        """Return what the cluster has for credential plugins, None when nothing."""
        entries = self.extensions or []
        return next(
            (entry.get(EXTENSION) for entry in entries if entry.get("name") == _EXEC_EXTENSION),
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
    """`user` of a kubeconfig."""

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


class ClusterAccess(NamedTuple):
    """How one context reaches its cluster."""

    context: str
    cluster: Cluster
    user: User
