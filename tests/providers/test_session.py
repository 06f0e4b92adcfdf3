"""The work of a provider method: connected to the stack's cluster, and stopped in time."""

import asyncio
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from pulumi.dynamic import Config, ConfigureRequest

from kata_components.errors import GuardError, KubeconfigError, RolloutStoppedError
from kata_components.kubernetes import connect
from kata_components.kubernetes.api import KubeApi
from kata_components.providers import cancellation, engine, session
from kata_components.providers.cancellation import Cancellation
from kata_components.providers.installation import InstallationProvider
from kata_components.providers.rollout import RolloutProvider
from kata_components.providers.session import Target
from tests.kubernetes.support import CONTEXT, Pauses, kubeconfig
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.providers import inputs
from tests.providers.process import Engine

AGAIN = "Run the same command again to continue."
STAYS = f"Running Jobs continue; no new Job is started. {AGAIN}"
WHERE = Target(context=CONTEXT)


class Closing(FakeKubeApi):
    """Remembers whether it was closed."""

    closed = False

    async def aclose(self) -> None:
        self.closed = True


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Closing:
    made = Closing(Cluster())
    monkeypatch.setattr(connect, "connect", lambda _context, _kubeconfig: made)
    monkeypatch.setattr(cancellation, "current", Cancellation())
    return made


async def forever(_: KubeApi) -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError("nothing sets the event")


def test_cluster_is_read_from_the_configuration_as_the_engine_gives_it() -> None:
    assert Target.parse('{"context": "prod", "kubeconfig": "/k"}') == Target("prod", "/k")
    assert Target.parse({"context": "prod"}) == Target("prod", None)


@pytest.mark.parametrize("cluster", [None, "", "{}", "[]", "7", "not json", '{"kubeconfig": "/k"}'])
def test_cluster_without_a_context_is_refused_with_the_command_that_sets_it(
    cluster: str | None,
) -> None:
    with pytest.raises(
        KubeconfigError, match=r"pulumi config set --path kata-deploy:cluster.context <name>"
    ):
        Target.parse(cluster)


def test_result_of_the_work_comes_back_and_the_connection_is_closed(api: Closing) -> None:
    async def work(given: KubeApi) -> str:
        assert given is api
        return "done"

    assert session.run(WHERE, work) == session.read(WHERE, work) == "done"
    assert api.closed


@pytest.mark.parametrize("method", [session.run, session.read])
def test_errors_of_the_work_pass_through(api: Closing, method: Callable[..., Any]) -> None:
    async def refused(_: KubeApi) -> None:
        raise GuardError("no, because")

    with pytest.raises(GuardError, match=r"^no, because$"):
        method(WHERE, refused)
    assert api.closed


@pytest.mark.parametrize(
    ("method", "left"), [(session.run, STAYS), (session.read, f"Nothing was started. {AGAIN}")]
)
def test_cancelled_work_ends_as_stopped(
    method: Callable[..., object], left: str, api: Closing
) -> None:
    async def cancelled(given: KubeApi) -> None:
        asyncio.get_running_loop().call_soon(cancellation.current.request)
        await forever(given)

    with pytest.raises(RolloutStoppedError, match=f"^cancelled. {left}$"):
        method(WHERE, cancelled)
    assert api.closed


def test_work_without_an_engine_ends_as_stopped(
    api: Closing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "LIFELINE_SECONDS", 0.01)
    answers = iter([False, False, True])
    monkeypatch.setattr(engine, "is_gone", lambda: next(answers))
    with pytest.raises(RolloutStoppedError, match=f"^the Pulumi engine is gone. {STAYS}$"):
        session.run(WHERE, forever)
    assert api.closed


@pytest.mark.usefixtures("api")
def test_work_that_cleans_up_while_it_is_stopped_is_waited_for() -> None:
    cleaned = []

    async def cancelled(given: KubeApi) -> None:
        cancellation.current.request()
        try:
            await forever(given)
        finally:
            await asyncio.sleep(0)
            cleaned.append("released")

    with pytest.raises(RolloutStoppedError):
        session.run(WHERE, cancelled)
    assert cleaned == ["released"]


@pytest.mark.usefixtures("api")
def test_listener_leaves_with_the_work() -> None:
    async def work(_: KubeApi) -> None:
        pass

    session.run(WHERE, work)
    # A listener would reach for the loop, which is closed.
    cancellation.current.request()


@pytest.mark.parametrize(
    ("provider", "props"),
    [(RolloutProvider(), inputs.rollout()), (InstallationProvider(), inputs.installation())],
    ids=["rollout", "installation"],
)
def test_a_cluster_that_does_not_answer_is_one_failure_of_the_check(
    provider: RolloutProvider | InstallationProvider,
    props: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Engine() as was_there:
        # No API server listens on a port that has just been closed.
        closed = was_there.address
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(kubeconfig(f"http://{closed}")))
    monkeypatch.setattr(connect, "connect", functools.partial(connect.connect, sleep=Pauses()))
    cluster = json.dumps({"context": CONTEXT, "kubeconfig": str(path)})
    provider.configure(ConfigureRequest(Config({"kata-deploy:cluster": cluster}, "kata-deploy")))
    (failure,) = provider.check({}, props).failures
    assert failure.reason.startswith(
        f'the API server http://{closed} (context "prod") did not answer: connection ref'
    )
