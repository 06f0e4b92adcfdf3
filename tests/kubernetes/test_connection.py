import asyncio
import base64
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kata_components.errors import KubeconfigError, UnreachableError
from kata_components.kubernetes.cluster_access import Cluster
from kata_components.kubernetes.credentials import Credential
from kata_components.kubernetes.tls import tls_context
from tests.kubernetes.fake_server import FakeServer, in_turn, ok, refused
from tests.kubernetes.support import Certificates, Opened, Pauses, kubeconfig

pytestmark = pytest.mark.anyio

NODES: dict[str, Any] = {"metadata": {}, "items": []}
everything_is_fine = in_turn(ok(NODES))


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def server_context(certificates: Certificates, name: str = "server") -> ssl.SSLContext:
    """Return a context that, like an API server, requests a client certificate as optional."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(
        certificates.folder / f"{name}.crt", certificates.folder / f"{name}.key"
    )
    context.load_verify_locations(certificates.folder / "authority.crt")
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def test_the_protocol_and_the_records_need_no_client() -> None:
    script = (
        "import sys, kata_components.kubernetes.api\n"
        "assert not {'aiohttp', 'yaml', 'ssl', 'asyncio', 'pulumi'} & set(sys.modules)\n"
        "import kata_components.kubernetes.connect\n"
        "assert not {'yaml', 'pulumi', 'pulumi_kubernetes'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


async def test_the_systems_trust_store_is_not_loaded_if_the_kubeconfig_names_an_authority(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_default_certs(*_: Any) -> None:
        raise AssertionError("the system's trust store was loaded")

    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", load_default_certs)
    authority = base64_of(certificates.text("authority.crt"))
    assert tls_context(
        Cluster(server="https://x", certificate_authority_data=authority), Credential()
    )
    assert tls_context(Cluster(server="http://x"), Credential())
    with pytest.raises(AssertionError):
        tls_context(Cluster(server="https://x"), Credential())


async def test_the_authority_may_be_a_file_or_data(
    certificates: Certificates, opened: Opened
) -> None:
    async with FakeServer(everything_is_fine, server_context(certificates)) as server:
        by_file = {"certificate-authority": str(certificates.folder / "authority.crt")}
        by_data = {"certificate-authority-data": base64_of(certificates.text("authority.crt"))}
        for authority in (by_file, by_data):
            assert await opened(kubeconfig(server.url, more=authority)).list_nodes() == []


async def test_a_server_of_another_authority_is_refused_at_once(
    certificates: Certificates, opened: Opened
) -> None:
    stranger = base64_of(certificates.text("stranger.crt"))
    pauses = Pauses()
    async with FakeServer(everything_is_fine, server_context(certificates)) as server:
        api = opened(
            kubeconfig(server.url, more={"certificate-authority-data": stranger}), sleep=pauses
        )
        with pytest.raises(
            KubeconfigError, match="not the server the kubeconfig trusts: self-signed certificate"
        ):
            await api.list_nodes()
    assert (server.received, pauses.seconds) == ([], [])


async def test_a_portal_instead_of_the_server_is_an_outage_once_the_server_has_answered(
    certificates: Certificates, opened: Opened
) -> None:
    authority = {"certificate-authority": str(certificates.folder / "authority.crt")}
    async with FakeServer(everything_is_fine, server_context(certificates)) as server:
        api = opened(kubeconfig(server.url, more=authority), sleep=Pauses())
        await api.list_nodes()
    async with FakeServer(
        everything_is_fine, server_context(certificates, "stranger"), server.port
    ) as portal:
        with pytest.raises(
            UnreachableError, match=r"is lost: .* is not the server the kubeconfig trusts"
        ):
            await api.list_nodes()
    assert portal.received == []
    async with FakeServer(everything_is_fine, server_context(certificates), server.port):
        assert await api.list_nodes() == []


async def test_verification_can_be_switched_off(certificates: Certificates, opened: Opened) -> None:
    async with FakeServer(everything_is_fine, server_context(certificates)) as server:
        api = opened(kubeconfig(server.url, more={"insecure-skip-tls-verify": True}))
        assert await api.list_nodes() == []


async def test_the_servers_name_may_differ_from_its_address(
    certificates: Certificates, opened: Opened
) -> None:
    names: list[str | None] = []
    context = server_context(certificates)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    authority = {"certificate-authority-data": base64_of(certificates.text("authority.crt"))}
    async with FakeServer(everything_is_fine, context) as server:
        right = opened(
            kubeconfig(server.url, more={**authority, "tls-server-name": "api.internal"})
        )
        assert await right.list_nodes() == []
        wrong = opened(
            kubeconfig(server.url, more={**authority, "tls-server-name": "other.internal"})
        )
        with pytest.raises(KubeconfigError, match="Hostname mismatch"):
            await wrong.list_nodes()
    assert names == ["api.internal", "other.internal"]


async def test_client_certificates_come_from_files_or_data(
    certificates: Certificates, opened: Opened
) -> None:
    folder = certificates.folder
    by_file = {"client-certificate": str(folder / "ann.crt"), "client-key": str(folder / "ann.key")}
    by_data = {
        "client-certificate-data": base64_of(certificates.text("ann.crt")),
        "client-key-data": base64_of(certificates.text("ann.key")),
    }
    authority = {"certificate-authority": str(folder / "authority.crt")}
    async with FakeServer(everything_is_fine, server_context(certificates)) as server:
        for user in (by_file, by_data):
            await opened(kubeconfig(server.url, user, authority)).list_nodes()
    assert server.peer_names == ["ann", "ann"]


async def test_a_plugin_may_renew_the_client_certificate(
    certificates: Certificates, opened: Opened, tmp_path: Path
) -> None:
    def issue(name: str) -> None:
        status = {
            "clientCertificateData": certificates.text(f"{name}.crt"),
            "clientKeyData": certificates.text(f"{name}.key"),
        }
        answer = {"apiVersion": "client.authentication.k8s.io/v1", "status": status}
        (tmp_path / "answer").write_bytes(msgspec.json.encode(answer))

    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "cat",
        "args": [str(tmp_path / "answer")],
    }
    issue("ann")
    authority = {"certificate-authority": str(certificates.folder / "authority.crt")}
    async with FakeServer(everything_is_fine, server_context(certificates)) as server:
        api = opened(kubeconfig(server.url, {"exec": plugin}, authority))
        await api.list_nodes()
        issue("bob")
        server.script = in_turn(refused(401), ok(NODES))
        await api.list_nodes()
    assert server.peer_names == ["ann", "ann", "bob"]


@pytest.mark.parametrize(
    ("cluster", "credential", "complaint"),
    [
        ({"certificate_authority_data": "bm8gcGVt"}, {}, "certificate-authority.* cannot be used"),
        ({"certificate_authority_data": "%%%"}, {}, "certificate-authority-data .* not a base64"),
        (
            {"certificate_authority": "/nowhere/ca.crt"},
            {},
            "/nowhere/ca.crt.* cannot be read: No such file",
        ),
        (
            {"insecure_skip_tls_verify": True},
            {"certificate": "x", "key": "s3cr3t"},
            "client-key cannot be used",
        ),
        ({"insecure_skip_tls_verify": True, "certificate_authority_data": "bm8="}, {}, "has both"),
    ],
)
def test_unusable_certificates_are_explained(
    cluster: dict[str, Any], credential: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(KubeconfigError, match=complaint) as refusal:
        tls_context(Cluster(server="https://x", **cluster), Credential(None, **credential))
    assert "s3cr3t" not in str(refusal.value)


async def test_a_closed_port_is_explained_after_some_attempts(opened: Opened) -> None:
    async with FakeServer(everything_is_fine) as server:
        pass
    pauses = Pauses()
    with pytest.raises(UnreachableError) as refusal:
        await opened(kubeconfig(server.url), sleep=pauses).list_nodes()
    assert str(refusal.value) == (
        f'the API server {server.url} (context "prod") did not answer: connection refused. '
        "Is the VPN up, and is this the right context?"
    )
    assert len(pauses.seconds) == 5


async def test_a_server_without_tls_is_explained(opened: Opened) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    api = opened(kubeconfig(address, more={"insecure-skip-tls-verify": True}), sleep=Pauses())
    async with server:
        with pytest.raises(UnreachableError, match=r"did not answer: .*SSL"):
            await api.list_nodes()


@dataclass
class Proxy:
    """Tunnels to one port, whatever host is requested."""

    port: int = 0
    received: list[str] = field(default_factory=list)


@asynccontextmanager
async def proxy_to(port: int) -> AsyncIterator[Proxy]:
    proxy = Proxy()
    tasks: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        head = await reader.readuntil(b"\r\n\r\n")
        proxy.received.append(head.split(b"\r\n")[0].decode())
        there, back = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(pump(reader, back), pump(there, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    yield proxy
    server.close()
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
    await server.wait_closed()


async def test_every_request_goes_through_the_proxy_of_the_kubeconfig(
    certificates: Certificates, opened: Opened
) -> None:
    authority = {"certificate-authority": str(certificates.folder / "authority.crt")}
    async with (
        FakeServer(everything_is_fine, server_context(certificates)) as server,
        proxy_to(server.port) as proxy,
    ):
        config = kubeconfig(
            "https://api.internal",
            more={**authority, "proxy-url": f"http://127.0.0.1:{proxy.port}"},
        )
        api = opened(config)
        assert await api.list_nodes() == []
        assert await api.list_nodes() == []
        await api.aclose()
    assert proxy.received == ["CONNECT api.internal:443 HTTP/1.1"]
    assert len(server.received) == 2


async def test_a_proxy_of_the_environment_is_used_but_not_for_this_machine(
    certificates: Certificates, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = {"certificate-authority": str(certificates.folder / "authority.crt")}
    async with (
        FakeServer(everything_is_fine, server_context(certificates)) as server,
        proxy_to(server.port) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        far = opened(kubeconfig("https://api.internal", more=authority))
        await far.list_nodes()
        await far.aclose()
        await opened(kubeconfig(server.url, more=authority)).list_nodes()
    assert proxy.received == ["CONNECT api.internal:443 HTTP/1.1"]


@pytest.mark.parametrize("url", ["socks5://ann:s3cr3t@proxy:1080", "ftp://ann:s3cr3t@proxy"])
async def test_an_unusable_proxy_is_never_bypassed(opened: Opened, url: str) -> None:
    async with FakeServer(everything_is_fine) as server:
        with pytest.raises(
            KubeconfigError, match=r"proxy of context .prod. cannot be used"
        ) as refusal:
            await opened(kubeconfig(server.url, more={"proxy-url": url})).list_nodes()
    assert "s3cr3t" not in str(refusal.value)
    assert server.received == []
