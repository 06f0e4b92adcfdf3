"""Resources whose program passes a kubeconfig: the state keeps it, no configuration names it."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pulumi.runtime import rpc

from kata_components import names
from tests.kubernetes.support import CONTEXT
from tests.model.cluster import Cluster
from tests.providers import inputs
from tests.providers.api_model import ApiServer
from tests.providers.conftest import Running
from tests.providers.inputs import PREFLIGHT_URN, ROLLOUT_URN
from tests.providers.process import Engine, Provider


@pytest.fixture
def configless(tmp_path: Path) -> Iterator[Running]:
    """A provider process for a project with no cluster in its configuration."""
    with ExitStack() as stack:
        engine = stack.enter_context(Engine())
        provider = Provider(engine, tmp_path / "none", tmp_path / "stderr", context=None)
        yield Running(engine, stack.enter_context(provider), tmp_path / "none")


@pytest.fixture
def kubeconfig(api: ApiServer, tmp_path: Path) -> str:
    """The content of a kubeconfig with a current context."""
    api.write_kubeconfig(tmp_path / "kubeconfig")
    content = json.loads((tmp_path / "kubeconfig").read_text())
    return json.dumps({**content, "current-context": CONTEXT})


def test_an_installation_begins_and_ends_with_the_kubeconfig_that_the_state_keeps(
    configless: Running, cluster: Cluster, kubeconfig: str
) -> None:
    checked = configless.installation.check(inputs.installation(kubeconfig=kubeconfig))
    assert checked.failures == []
    identity, outputs = configless.installation.create(checked.inputs)
    assert names.base("") in cluster.leases
    configless.installation.delete(identity, outputs)
    assert not cluster.leases


def test_without_any_cluster_it_is_said_how_to_name_one(configless: Running) -> None:
    (failure,) = configless.installation.check(inputs.installation()).failures
    assert failure.startswith("kata-deploy:cluster.context is not set")


def test_a_new_kubeconfig_reaches_the_installation_and_touches_no_node(
    configless: Running, kubeconfig: str
) -> None:
    before = configless.installation.check(inputs.installation(kubeconfig=kubeconfig)).inputs
    identity, outputs = configless.installation.create(before)
    renewed = kubeconfig.replace("{", "{ ", 1)
    news = configless.installation.check(inputs.installation(kubeconfig=renewed), before).inputs
    assert configless.installation.differs(news, outputs)
    assert configless.installation.update(identity, outputs, news)["kubeconfig"] == renewed
    guards = configless.preflight.check(inputs.preflight(kubeconfig=kubeconfig)).inputs
    assert not configless.preflight.differs(guards | {"kubeconfig": renewed}, guards)


def test_a_preview_that_does_not_know_the_kubeconfig_says_what_comes_with_up(
    configless: Running,
) -> None:
    unknown = {"kubeconfig": rpc.UNKNOWN}
    for resource, given in (
        (configless.preflight, inputs.preflight()),
        (configless.installation, inputs.installation()),
        (configless.rollout, inputs.rollout()),
    ):
        assert resource.check(given | unknown).failures == []
    assert configless.engine.lines(PREFLIGHT_URN) == [
        "the kubeconfig is not known yet; `pulumi up` checks the guard rails before it changes "
        "anything"
    ]
    assert configless.engine.lines(ROLLOUT_URN) == [
        "the kubeconfig is not known yet; `pulumi up` makes the plan and shows it before it starts"
    ]


def test_errors_do_not_show_the_kubeconfig(configless: Running, kubeconfig: str) -> None:
    broken = kubeconfig.replace(CONTEXT, "SECRET")[:-1] + ","
    (failure,) = configless.installation.check(inputs.installation(kubeconfig=broken)).failures
    assert failure.startswith("the given kubeconfig is not valid YAML")
    assert "SECRET" not in failure
