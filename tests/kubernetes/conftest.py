"""Clients of scripted servers, and certificates."""

import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from kata_components.kubernetes.client import HttpKubeApi
from kata_components.kubernetes.connect import connect
from tests.kubernetes.fake_server import InProcess, Script
from tests.kubernetes.support import CONTEXT, Certificates, Opened, Pauses, Wired, kubeconfig


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def wired() -> AsyncIterator[Callable[[Script], Wired]]:
    opened: list[HttpKubeApi] = []

    def wire(script: Script) -> Wired:
        server, pauses = InProcess(script), Pauses()
        api = connect(CONTEXT, kubeconfig(), sleep=pauses, uniform=lambda: 1.0, transport=server)
        opened.append(api)
        return Wired(api, server, pauses)

    yield wire
    for api in opened:
        await api.aclose()


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    """Connects to the only context of a test's kubeconfig, and closes at the end."""
    clients: list[HttpKubeApi] = []

    def open_client(config: Any, **options: Any) -> HttpKubeApi:
        clients.append(connect(CONTEXT, config, **options))
        return clients[-1]

    yield open_client
    for api in clients:
        await api.aclose()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority, a server (api.internal, 127.0.0.1), two clients (ann, bob) and a stranger."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl on PATH to make certificates with")
    folder = tmp_path_factory.mktemp("certificates")

    def make(name: str, *options: str) -> None:
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
        files = ["-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}"]
        subprocess.run(
            [openssl, "req", "-x509", *key, *files, *options],
            cwd=folder,
            check=True,
            capture_output=True,
        )

    make("authority")
    make("stranger")
    signed = ("-CA", "authority.crt", "-CAkey", "authority.key")
    make("server", *signed, "-addext", "subjectAltName=DNS:api.internal,IP:127.0.0.1")
    make("ann", *signed)
    make("bob", *signed)
    return Certificates(folder)
