"""Provider processes, and a cluster for each test.

One process serves all tests: its kubeconfig leads it to the API server of the current one.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kata_components.providers.installation import InstallationProvider
from kata_components.providers.preflight import PreflightProvider
from kata_components.providers.rollout import RolloutProvider
from tests.model.cluster import Cluster
from tests.providers import inputs
from tests.providers.api_model import ApiServer
from tests.providers.process import Dynamic, Engine, Provider


@dataclass(frozen=True)
class Running:
    """A provider process with its engine."""

    engine: Engine
    provider: Provider
    kubeconfig: Path

    @property
    def preflight(self) -> Dynamic:
        return self.provider.resource(PreflightProvider())

    @property
    def rollout(self) -> Dynamic:
        return self.provider.resource(RolloutProvider())

    @property
    def installation(self) -> Dynamic:
        return self.provider.resource(InstallationProvider())


def start(stack: ExitStack, folder: Path) -> Running:
    engine = stack.enter_context(Engine())
    kubeconfig = folder / "kubeconfig"
    provider = stack.enter_context(Provider(engine, kubeconfig, folder / "stderr"))
    return Running(engine, provider, kubeconfig)


@pytest.fixture(scope="session")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with ExitStack() as stack:
        running = start(stack, tmp_path_factory.mktemp("provider"))
        yield running
        assert running.provider.errors.read_text() == ""


@pytest.fixture
def cluster() -> Cluster:
    """A cluster of five nodes whose Jobs end almost at once."""
    made = Cluster(job_seconds=0.01)
    made.add_nodes(*(f"node-{number}" for number in range(5)))
    return made


@pytest.fixture
def api(cluster: Cluster) -> Iterator[ApiServer]:
    with ApiServer(cluster) as server:
        yield server


@pytest.fixture
def running(_shared: Running, api: ApiServer) -> Running:
    """The shared provider process, on the cluster of this test."""
    api.write_kubeconfig(_shared.kubeconfig)
    _shared.engine.messages.clear()
    return _shared


@pytest.fixture
def fresh(tmp_path: Path, api: ApiServer) -> Iterator[Running]:
    """A provider process that a test may cancel or orphan."""
    with ExitStack() as stack:
        running = start(stack, tmp_path)
        api.write_kubeconfig(running.kubeconfig)
        yield running


@pytest.fixture
def installed(running: Running) -> dict[str, Any]:
    """The installation that a rollout needs."""
    checked = running.installation.check(inputs.installation())
    assert checked.failures == []
    _, outputs = running.installation.create(checked.inputs)
    return outputs
