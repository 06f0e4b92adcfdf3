"""Runs credential plugins, the programs that kubeconfigs name under `exec`, without a terminal.

They follow client.authentication.k8s.io/v1 and v1beta1
(kubernetes.io/docs/reference/access-authn-authz/authentication, "client-go credential plugins").
"""

import asyncio
import base64
import os
import signal
from asyncio.subprocess import Process
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from kata_components.errors import KubeconfigError
from kata_components.foreign import bounded
from kata_components.kubernetes.cluster_access import Cluster, ClusterAccess, ExecPlugin
from kata_components.kubernetes.credentials import Credential, bearer
from kata_components.kubernetes.pem import pem

_API_VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


class _Status(msgspec.Struct, rename="camel"):
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None
    expiration_timestamp: datetime | None = None


class _ExecCredential(msgspec.Struct, rename="camel"):
    api_version: str
    status: _Status | None = None


class CredentialPlugin:
    """The credential plugin of one context.

    Raises:
        KubeconfigError: its API version is not supported, or it needs a terminal.
    """

    def __init__(self, access: ClusterAccess, plugin: ExecPlugin, time_limit: float) -> None:
        self.name = Path(plugin.command).name
        self._context = access.context
        self._plugin = plugin
        self._time_limit = time_limit
        self._environment = {
            **os.environ,
            **{entry.name: entry.value for entry in plugin.env or []},
            "KUBERNETES_EXEC_INFO": msgspec.json.encode(self._request(access.cluster)).decode(),
        }
        if plugin.api_version not in _API_VERSIONS:
            raise self._failed(f"uses {plugin.api_version}; supported: {', '.join(_API_VERSIONS)}")
        if plugin.interactive_mode == "Always":
            raise self._failed(
                "needs a terminal (interactiveMode: Always), and there is none: log in another way"
            )

    async def run(self) -> Credential:
        """Run the plugin and return the credential it prints.

        Raises:
            KubeconfigError: it fails, does not answer in time or prints no usable credential.
        """
        printed = await self._output()
        try:
            answer = msgspec.json.decode(printed, type=_ExecCredential)
        except msgspec.DecodeError:
            # Its output is not quoted: it may be half a token.
            raise self._failed("did not print an ExecCredential") from None
        status = answer.status
        if answer.api_version != self._plugin.api_version:
            raise self._failed(
                f"answered a {self._plugin.api_version} request with {bounded(answer.api_version)}"
            )
        if not status or not (status.token or status.client_certificate_data):
            raise self._failed("printed neither a token nor a client certificate")
        return Credential(
            bearer(status.token, f"the token of the plugin {self.name}") if status.token else None,
            status.client_certificate_data or "",
            status.client_key_data or "",
            status.expiration_timestamp.timestamp() if status.expiration_timestamp else None,
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

    async def _output(self) -> bytes:
        process = await self._started()
        complete = False
        try:
            async with asyncio.timeout(self._time_limit):
                output, errors = await process.communicate()
            complete = True
        except TimeoutError:
            raise self._failed(f"did not answer within {self._time_limit:g} s") from None
        finally:
            if not complete:
                await _kill(process)
        if process.returncode:
            reason = bounded(errors.decode("utf-8", "replace")) or "nothing on stderr"
            raise self._failed(f"failed with exit code {process.returncode}: {reason}")
        return output

    async def _started(self) -> Process:
        starting = asyncio.create_task(self._start())
        try:
            # Cancelled while starting, asyncio would kill the plugin but not its children.
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            await _kill(await starting)
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
            hint = bounded(self._plugin.install_hint or "") or "Is it on PATH?"
            raise self._failed(f"could not be started: {error.strerror}. {hint}") from None

    def _failed(self, what: str) -> KubeconfigError:
        return KubeconfigError(
            f'the credential plugin "{self.name}" of context "{self._context}" {what}'
        )


async def _kill(process: Process) -> None:
    # The whole process group: a shell script's children would keep the pipes open.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
