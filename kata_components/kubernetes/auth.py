"""Obtains credentials: what a kubeconfig's user holds, or what a credential plugin prints.

When one is obtained is the business of `credentials`. Knows neither HTTP nor TLS.

Plugins follow client.authentication.k8s.io/v1 and v1beta1
(kubernetes.io/docs/reference/access-authn-authz/authentication, "client-go credential plugins").
"""

import asyncio
import base64
import binascii
import os
import signal
import time
from asyncio.subprocess import Process
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from kata_components.errors import KubeconfigError
from kata_components.foreign import bounded
from kata_components.kubernetes.credentials import Clock, Credential, CredentialSource
from kata_components.kubernetes.kubeconfig import Cluster, ExecPlugin, Target, User

PLUGIN_TIMEOUT: Final = 60.0
_REREAD_SECONDS: Final = 60.0
_API_VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


def credential_source(
    target: Target, clock: Clock = time.time, plugin_timeout: float = PLUGIN_TIMEOUT
) -> CredentialSource:
    """Return the source of credentials of a context.

    Raises:
        KubeconfigError: the user's way to log in is not supported.
    """
    user = target.user
    if user.auth_provider:
        raise KubeconfigError(
            f'the user of context "{target.context}" has an auth-provider, which Kubernetes dropped in 1.26: '
            "replace it by the provider's exec plugin"
        )
    check = f"kubectl --context {target.context} get nodes"
    if user.exec:
        plugin = _Plugin(target, user.exec, plugin_timeout)
        return CredentialSource(
            plugin, clock, f"log in again for the plugin {plugin.name}, then check with `{check}`"
        )
    hint = f"log in again or fetch a new kubeconfig, then check with `{check}`"
    if user.token_file or user.client_certificate or user.client_key:

        async def read() -> Credential:
            return _held(user, clock() + _REREAD_SECONDS)

        return CredentialSource(read, clock, hint)

    fixed = _held(user, None)

    async def same() -> Credential:
        return fixed

    return CredentialSource(same, clock, hint)


def _held(user: User, expires: float | None) -> Credential:
    """Return what the kubeconfig and the files it names hold now."""
    token = _file(user.token_file).strip() if user.token_file else user.token
    authorization = _bearer(token, "the token of the kubeconfig's user") if token else None
    if authorization is None and user.username:
        pair = f"{user.username}:{user.password or ''}".encode()
        authorization = f"Basic {base64.b64encode(pair).decode()}"
    return Credential(
        authorization,
        pem("client-certificate", user.client_certificate_data, user.client_certificate),
        pem("client-key", user.client_key_data, user.client_key),
        expires,
    )


def _bearer(token: str, what: str) -> str:
    # Checked here, because HTTP libraries quote a header they cannot send.
    if not token.isascii() or not token.isprintable() or " " in token:
        raise KubeconfigError(
            f"{what} has characters that no token has: it is cut, wrapped or quoted wrongly"
        )
    return f"Bearer {token}"


def pem(field: str, data: str | None, path: str | None) -> str:
    """Return a PEM text that a kubeconfig holds as base64 or names by path, "" for neither; the data wins.

    Raises:
        KubeconfigError: the data is not base64, or the file cannot be read.
    """
    if not data:
        return _file(path) if path else ""
    try:
        # Strictly, because lenient decoding turns rubbish into "", which means that none is
        # configured.
        return base64.b64decode("".join(data.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise KubeconfigError(
            f"{field}-data in the kubeconfig is not a base64-encoded PEM text"
        ) from None


def _file(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise KubeconfigError(
            f"{path}, which the kubeconfig names, cannot be read: {reason}"
        ) from None


class _Status(msgspec.Struct, rename="camel"):
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None
    expiration_timestamp: datetime | None = None


class _ExecCredential(msgspec.Struct, rename="camel"):
    api_version: str
    status: _Status | None = None


class _Plugin:
    """Runs a credential plugin, without a terminal."""

    def __init__(self, target: Target, plugin: ExecPlugin, time_limit: float) -> None:
        self.name = Path(plugin.command).name
        self._context = target.context
        self._plugin = plugin
        self._time_limit = time_limit
        self._environment = {
            **os.environ,
            **{entry.name: entry.value for entry in plugin.env or []},
            "KUBERNETES_EXEC_INFO": msgspec.json.encode(self._request(target.cluster)).decode(),
        }
        if plugin.api_version not in _API_VERSIONS:
            raise self._failed(
                f"speaks {plugin.api_version}; supported: {', '.join(_API_VERSIONS)}"
            )
        if plugin.interactive_mode == "Always":
            raise self._failed(
                "wants a terminal (interactiveMode Always), and there is none: use another login"
            )

    def _request(self, cluster: Cluster) -> dict[str, Any]:
        spec: dict[str, Any] = {"interactive": False}
        if self._plugin.provide_cluster_info:
            authority = pem(
                "certificate-authority",
                cluster.certificate_authority_data,
                cluster.certificate_authority,
            )
            info = {
                "server": cluster.server,
                "tls-server-name": cluster.tls_server_name,
                "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
                "certificate-authority-data": base64.b64encode(authority.encode()).decode(),
                "proxy-url": cluster.proxy_url,
                "config": cluster.exec_config(),
            }
            spec["cluster"] = {key: value for key, value in info.items() if value}
        return {"apiVersion": self._plugin.api_version, "kind": "ExecCredential", "spec": spec}

    async def __call__(self) -> Credential:
        printed = await self._run()
        try:
            answer = msgspec.json.decode(printed, type=_ExecCredential)
        except msgspec.DecodeError:
            # What it printed is not quoted: it may be half a token.
            raise self._failed("printed no ExecCredential") from None
        status = answer.status
        if answer.api_version != self._plugin.api_version:
            raise self._failed(
                f"answered {bounded(answer.api_version)} to a request of {self._plugin.api_version}"
            )
        if not status or not (status.token or status.client_certificate_data):
            raise self._failed("printed neither a token nor a client certificate")
        return Credential(
            _bearer(status.token, f"the token of the plugin {self.name}") if status.token else None,
            status.client_certificate_data or "",
            status.client_key_data or "",
            status.expiration_timestamp.timestamp() if status.expiration_timestamp else None,
        )

    async def _run(self) -> bytes:
        process = await self._started()
        complete = False
        try:
            async with asyncio.timeout(self._time_limit):
                printed, complaint = await process.communicate()
            complete = True
        except TimeoutError:
            raise self._failed(f"gave no answer within {self._time_limit:g} s") from None
        finally:
            if not complete:
                await _end(process)
        if process.returncode:
            said = bounded(complaint.decode("utf-8", "replace")) or "it said nothing on stderr"
            raise self._failed(f"failed with exit code {process.returncode}: {said}")
        return printed

    async def _started(self) -> Process:
        starting = asyncio.create_task(self._start())
        try:
            # Cut off half-way, asyncio would end the plugin and leave its children.
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            await _end(await starting)
            raise

    async def _start(self) -> Process:
        pipe = asyncio.subprocess.PIPE
        try:
            return await asyncio.create_subprocess_exec(
                self._plugin.command,
                *(self._plugin.args or []),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=pipe,
                stderr=pipe,
                env=self._environment,
                start_new_session=True,
            )
        except OSError as error:
            hint = (
                f" {bounded(self._plugin.install_hint)}"
                if self._plugin.install_hint
                else " Is it on PATH?"
            )
            raise self._failed(f"could not be started: {error.strerror}.{hint}") from None

    def _failed(self, what: str) -> KubeconfigError:
        return KubeconfigError(
            f'the credential plugin "{self.name}" of context "{self._context}" {what}'
        )


async def _end(process: Process) -> None:
    # The whole group: a shell script's children would keep the pipes open.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
