"""Obtains credentials from a kubeconfig's user: held by it, in files it names, or from its plugin.

When a new one is needed is decided in `credentials`.
"""

import base64
import time
from typing import Final

from kata_components.errors import KubeconfigError
from kata_components.kubernetes.cluster_access import ClusterAccess, User
from kata_components.kubernetes.credentials import Clock, Credential, CredentialSource, bearer
from kata_components.kubernetes.exec_plugin import CredentialPlugin
from kata_components.kubernetes.pem import pem, text_of

PLUGIN_TIMEOUT: Final = 60.0
_REREAD_SECONDS: Final = 60.0
"""How long the content of token and certificate files is used before they are read again."""


def credential_source(
    access: ClusterAccess, clock: Clock = time.time, plugin_timeout: float = PLUGIN_TIMEOUT
) -> CredentialSource:
    """Return the source of credentials of a context.

    Raises:
        KubeconfigError: the user's way to log in is not supported.
    """
    user = access.user
    if user.auth_provider:
        raise KubeconfigError(
            f'the user of context "{access.context}" has an auth-provider, which Kubernetes '
            "dropped in 1.26: replace it with the provider's exec plugin"
        )
    check = f"kubectl --context {access.context} get nodes"
    if user.exec:
        plugin = CredentialPlugin(access, user.exec, plugin_timeout)
        return CredentialSource(
            plugin.run,
            clock,
            f"log in again for the plugin {plugin.name}, then check with `{check}`",
        )
    hint = f"log in again or fetch a new kubeconfig, then check with `{check}`"
    if user.token_file or user.client_certificate or user.client_key:

        async def read() -> Credential:
            return _static(user, clock() + _REREAD_SECONDS)

        return CredentialSource(read, clock, hint)

    fixed = _static(user, None)

    async def same() -> Credential:
        return fixed

    return CredentialSource(same, clock, hint)


def _static(user: User, expires: float | None) -> Credential:
    """Return the credential that the kubeconfig and the files it names hold now."""
    token = text_of(user.token_file).strip() if user.token_file else user.token
    authorization = bearer(token, "the token of the kubeconfig's user") if token else None
    if authorization is None and user.username:
        pair = f"{user.username}:{user.password or ''}".encode()
        authorization = f"Basic {base64.b64encode(pair).decode()}"
    return Credential(
        authorization,
        pem("client-certificate", user.client_certificate_data, user.client_certificate),
        pem("client-key", user.client_key_data, user.client_key),
        expires,
    )
