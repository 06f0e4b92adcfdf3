"""The Lease on the real client, whose credential plugin is slow or fails during a run."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from kata_components.errors import KubeconfigError, RolloutStoppedError, UnreachableError
from kata_components.kubernetes.client import HttpKubeApi
from kata_components.kubernetes.connection import Connection
from kata_components.kubernetes.credentials import Credential, CredentialSource
from kata_components.kubernetes.kubeconfig import load
from kata_components.kubernetes.retry import Retry
from kata_components.runners.lease import HeldLease
from kata_components.runners.lease_manifest import lease_manifest
from tests.kubernetes.fake_server import InProcess, ReceivedRequest, Reply, ok
from tests.kubernetes.support import CONTEXT, kubeconfig
from tests.model.installation import INSTALLATION, LEASE, NAMESPACE, STACK
from tests.model.virtual_lease import holding
from tests.model.virtual_loop import now, simulate


@dataclass
class Login:
    """A plugin that takes `takes` seconds for a token that lives for `lives`.

    `fails` says when it fails.
    """

    takes: float = 0.1
    lives: float = 900.0
    fails: Callable[[float], bool] = lambda _: False
    runs: list[float] = field(default_factory=list)
    ended: int = 0

    async def __call__(self) -> Credential:
        self.runs.append(now())
        await asyncio.sleep(self.takes)
        self.ended += 1
        if self.fails(now()):
            raise KubeconfigError("could not connect to sts")
        return Credential("Bearer t", expires=now() + self.lives)


class OneLease:
    """An API server that has a Lease and nothing else."""

    def __init__(self) -> None:
        made = lease_manifest(LEASE, installation=INSTALLATION, stack=STACK)
        self._lease: dict[str, Any] = made | {
            "metadata": made["metadata"] | {"uid": "u", "resourceVersion": "1"}
        }
        self.renewed: list[float] = []

    def __call__(self, request: ReceivedRequest) -> Reply:
        if request.method == "PUT":
            self.renewed.append(now())
            version = str(int(self._lease["metadata"]["resourceVersion"]) + 1)
            put = msgspec.json.decode(request.body)
            self._lease = put | {"metadata": put["metadata"] | {"resourceVersion": version}}
        return ok(self._lease)


def client(login: Login, transport: InProcess) -> HttpKubeApi:
    source = CredentialSource(login, now, "log in again")
    connection = Connection(
        load(CONTEXT, kubeconfig()), source, lambda _: transport, user_agent="test"
    )
    return HttpKubeApi(connection, Retry(random=lambda: 1.0))


async def watched(login: Login, seconds: float, server: OneLease) -> list[float]:
    """Hold the Lease through the real client; return at which seconds it was not fresh."""
    api = client(login, InProcess(server))
    stale: list[float] = []

    async def look(lock: HeldLease) -> None:
        while now() < seconds:
            if not lock.fresh:
                stale.append(now())
            await asyncio.sleep(1.0)

    try:
        async with holding(api) as lock:
            await look(lock)
    finally:
        await api.aclose()
    return stale


@pytest.mark.parametrize("lives", [12.0, 30.0, 300.0])
def test_a_slow_plugin_does_not_cost_the_lease(lives: float) -> None:
    login, server = Login(takes=4.0, lives=lives), OneLease()
    assert simulate(watched(login, 600.0, server)) == []
    assert login.ended >= len(login.runs) - 1, "none was cut off, but for the end of the run"
    assert len(server.renewed) > 80


def test_a_plugin_that_takes_longer_than_a_renewal_may_after_a_sleep_is_waited_for() -> None:
    login, server = Login(takes=20.0, lives=30.0), OneLease()
    stale = simulate(watched(login, 600.0, server))
    assert login.ended >= len(login.runs) - 1
    assert server.renewed[-1] > 590.0, "it goes on to the end"
    assert len(stale) < 300


def test_a_plugin_that_fails_for_minutes_stops_no_run() -> None:
    login, server = Login(lives=100.0, fails=lambda at: 150.0 < at < 400.0), OneLease()
    stale = simulate(watched(login, 600.0, server))
    assert 200.0 < stale[0] < stale[-1] < 440.0, "its token lives on for a while"
    assert len(login.runs) < 30


def test_a_plugin_that_fails_for_good_ends_the_run_after_five_minutes_with_its_words() -> None:
    async def failing() -> float:
        with pytest.raises(
            RolloutStoppedError, match=r"could not be kept \(.*could not connect to sts"
        ):
            await watched(Login(lives=100.0, fails=lambda at: at > 90.0), 3600.0, OneLease())
        return now()

    assert 456.0 < simulate(failing()) < 470.0, "five minutes after its last token has ended"


class Lid(InProcess):
    """A connection during which the machine sleeps for an hour once the lid is `closing`."""

    closing = False
    asleep = 0.0

    async def connect(self) -> None:
        await super().connect()
        if self.closing:
            self.closing, self.asleep = False, 3600.0

    def clock(self) -> float:
        return now() + self.asleep


def test_a_write_that_waits_for_its_connection_during_sleep_is_not_sent_on_waking() -> None:
    lid = Lid(OneLease())

    async def written() -> list[str]:
        api = client(Login(), lid)
        async with holding(api, clock=lid.clock) as lock:
            lid.closing = True
            with pytest.raises(UnreachableError):
                await lock.when_fresh(api.create_job(NAMESPACE, {}))
            methods = [request.method for request in lid.received]
            await lock.when_fresh(api.create_job(NAMESPACE, {}))
        await api.aclose()
        return methods

    assert simulate(written()) == ["GET", "PUT"], "those of the Lease; no POST"
    assert [request.method for request in lid.received].count("POST") == 1
