"""The stand-in plugin, served in this process, and an API server double for it."""

from collections.abc import Iterator

import pytest

from sandbox.kubernetes_plugin.engine import Engine
from sandbox.kubernetes_plugin.provider import KubernetesProvider
from sandbox.kubernetes_plugin.server import start
from tests.sandbox.kubernetes_plugin_client import Plugin
from tests.sandbox.kubernetes_plugin_double import FakeApiServer


@pytest.fixture
def api() -> Iterator[FakeApiServer]:
    server = FakeApiServer()
    with server.running():
        yield server


@pytest.fixture
def plugin() -> Iterator[Plugin]:
    provider = KubernetesProvider(Engine(""))
    server, port = start(provider)
    client = Plugin(port)
    yield client
    client.channel.close()
    provider.close()
    server.stop(grace=None).wait()


@pytest.fixture
def configured(plugin: Plugin, api: FakeApiServer) -> Plugin:
    plugin.configure(api.url)
    api.calls.clear()
    return plugin
