"""A credential is issued once for all callers and in time; a caller that gives up stops nothing."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from kata_components.errors import KubeconfigError
from kata_components.kubernetes.credentials import Credential, CredentialSource
from tests.model.virtual_loop import now, simulate


@dataclass
class Plugin:
    """Takes some seconds to issue a credential that lives for some seconds; may be `broken`."""

    takes: float = 1.0
    lives: float | None = 900.0
    broken: bool = False
    began: list[float] = field(default_factory=list)
    at_work: int = 0
    cancelled: int = 0

    async def issue(self) -> Credential:
        assert not self.at_work, "never two at once"
        self.began.append(now())
        self.at_work += 1
        try:
            await asyncio.sleep(self.takes)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.at_work -= 1
        if self.broken:
            raise KubeconfigError("the plugin failed")
        expires = None if self.lives is None else now() + self.lives
        return Credential(f"token {len(self.began)}", expires=expires)


def with_source(
    plugin: Plugin, work: Callable[[CredentialSource], Coroutine[Any, Any, Any]]
) -> Any:
    async def run() -> Any:
        source = CredentialSource(plugin.issue, now, "log in again")
        try:
            return await work(source)
        finally:
            await source.aclose()

    return simulate(run())


async def asked_each(seconds: float, source: CredentialSource, until: float) -> list[float]:
    """Ask periodically; return how long each answer took."""
    waited = []
    while now() < until:
        asked = now()
        await source.current()
        waited.append(now() - asked)
        await asyncio.sleep(seconds)
    return waited


def test_a_caller_that_gives_up_does_not_stop_the_plugin() -> None:
    plugin = Plugin(takes=4.0)

    async def impatient(source: CredentialSource) -> str | None:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.5):
                    await source.current()
        return (await source.current()).authorization

    assert with_source(plugin, impatient) == "token 1"
    assert (plugin.began, plugin.cancelled) == ([0.0], 0)


def test_nobody_waits_for_a_credential_that_follows_another() -> None:
    plugin = Plugin(takes=10.0, lives=900.0)
    first, *later = with_source(plugin, lambda source: asked_each(7.0, source, until=4000.0))
    assert first == 10.0
    assert set(later) == {0.0}
    assert len(plugin.began) == 5
    assert 60.0 >= plugin.began[0] + 910.0 - plugin.began[1] > 50.0, "a minute before its end"


def test_a_credential_of_a_short_life_is_renewed_at_half_of_it() -> None:
    plugin = Plugin(takes=2.0, lives=12.0)
    _, *later = with_source(plugin, lambda source: asked_each(1.0, source, until=100.0))
    assert set(later) == {0.0}
    assert len(plugin.began) < 15


def test_a_plugin_that_caches_its_token_until_it_expires_is_not_run_all_the_time() -> None:
    end = 600.0

    class Caching(Plugin):
        async def issue(self) -> Credential:
            credential = await super().issue()
            credential.expires = end if now() < end else now() + 900.0
            return credential

    plugin = Caching(takes=0.5)
    with_source(plugin, lambda source: asked_each(1.0, source, until=700.0))
    assert len(plugin.began) < 12
    assert plugin.began[-1] > end - 1.0


def test_a_failing_plugin_does_not_matter_while_the_credential_lives() -> None:
    plugin = Plugin(takes=1.0, lives=300.0)

    async def with_an_outage(source: CredentialSource) -> list[float]:
        loop = asyncio.get_running_loop()
        loop.call_at(200.0, setattr, plugin, "broken", True)
        loop.call_at(260.0, setattr, plugin, "broken", False)
        return await asked_each(1.0, source, until=400.0)

    assert set(with_source(plugin, with_an_outage)[1:]) == {0.0}
    assert 3 < len(plugin.began) < 12, "tried again, after pauses that grow"


def test_a_plugin_that_has_just_failed_is_not_run_by_each_of_many_calls() -> None:
    plugin = Plugin(takes=0.5, broken=True)

    async def many(source: CredentialSource) -> None:
        while now() < 60.0:
            calls = (source.current() for _ in range(16))
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert {str(error) for error in results} == {"the plugin failed"}
            await asyncio.sleep(0.1)

    with_source(plugin, many)
    assert len(plugin.began) < 10


def test_closing_stops_a_plugin_that_nobody_waits_for() -> None:
    plugin = Plugin(takes=10.0, lives=100.0)

    async def in_the_background(source: CredentialSource) -> None:
        await source.current()
        await asyncio.sleep(60.0)
        await source.current()
        await asyncio.sleep(1.0)
        assert plugin.at_work

    with_source(plugin, in_the_background)
    assert (plugin.at_work, plugin.cancelled) == (0, 1)
