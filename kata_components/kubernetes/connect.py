"""Connects to a cluster: puts kubeconfig, credentials, connection and client together."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from importlib import metadata
from typing import Final

from kata_components.kubernetes import kubeconfig as kubeconfigs
from kata_components.kubernetes.api import CALLS_AT_ONCE
from kata_components.kubernetes.auth import credential_source
from kata_components.kubernetes.client import HttpKubeApi
from kata_components.kubernetes.connection import Connection
from kata_components.kubernetes.credentials import Clock, Credential
from kata_components.kubernetes.http_transport import HttpTransport
from kata_components.kubernetes.retry import Retry
from kata_components.kubernetes.transport import Transport

_DISTRIBUTION: Final = "kata-deploy-pulumi"
_SPARE_CONNECTIONS: Final = 4
"""For all but calls about nodes: watch, Lease, lists."""


def connect(
    context: str | None,
    kubeconfig: kubeconfigs.Source = None,
    *,
    clock: Clock = time.time,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    uniform: Callable[[], float] = random.random,  # noqa: S311 - jitter, no secret
    transport: Transport | None = None,
) -> HttpKubeApi:
    """Return a client of the cluster that `context` names; it connects when first used.

    It belongs to one event loop; close it there with `aclose`.

    Args:
        context: the name of a kubeconfig context; None for the current one of a kubeconfig that is
            given as content.
        kubeconfig: a path, or a kubeconfig as text or content; None for `KUBECONFIG`, else
            `~/.kube/config`.
        clock: the wall clock, in seconds since the epoch.
        sleep: waits between attempts.
        uniform: returns jitter in [0, 1).
        transport: answers requests instead of the network.

    Raises:
        KubeconfigError: the kubeconfig, its context or its way to log in cannot be used.
    """
    access = kubeconfigs.load(context, kubeconfig)

    def open_transport(credential: Credential) -> Transport:
        return transport or HttpTransport(
            access, credential, connections=CALLS_AT_ONCE + _SPARE_CONNECTIONS
        )

    credentials = credential_source(access, clock)
    connection = Connection(
        access, credentials, open_transport, user_agent=f"{_DISTRIBUTION}/{_version()}"
    )
    return HttpKubeApi(connection, Retry(sleep=sleep, random=uniform))


def _version() -> str:
    """Return the version of the distribution, which a checkout that was never installed lacks."""
    try:
        return metadata.version(_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "checkout"
