"""Messages to the engine, and what happens if it cannot be reached."""

import sys

import pytest
from pulumi.runtime.proto import engine_pb2

from kata_components.providers import engine
from tests.providers.process import Engine, Message

URN = "urn:pulumi:test::kata-deploy::t::n"


def at(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(sys, "argv", ["plugin", address])


def test_messages_arrive_with_severity_and_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    with Engine() as there:
        at(monkeypatch, there.address)
        engine.info("plan", URN)
        engine.warning("beware")
        assert there.messages == [
            Message("plan", URN, engine_pb2.INFO, status=False),
            Message("beware", "", engine_pb2.WARNING, status=False),
        ]
        assert not engine.is_gone()


def test_no_text_steers_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    with Engine() as there:
        at(monkeypatch, there.address)
        engine.info("plan\n\x1b[2J\rdone", URN)
        assert [message.text for message in there.messages] == ["plan\n\\x1b[2J done"]


def test_a_proxy_of_the_environment_does_not_stand_between_us_and_the_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "no_grpc_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Engine() as there:
        at(monkeypatch, there.address)
        assert not engine.is_gone()


def test_an_engine_that_ended_is_gone_and_its_messages_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Engine() as there:
        at(monkeypatch, there.address)
        assert not engine.is_gone()
    assert engine.is_gone()
    engine.info("the last words", URN)
    engine.status("1/2 installed", URN)
    assert capsys.readouterr().err == "the last words\n"


@pytest.mark.parametrize("argument", ["", "plugin", "127.0.0.1:", ":8080", "host:port", "-q"])
def test_without_an_engine_messages_are_printed_and_work_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], argument: str
) -> None:
    at(monkeypatch, argument)
    engine.info("plan", URN)
    engine.warning("beware", URN)
    engine.status("1/2 installed", URN)
    assert capsys.readouterr().out == "plan\nbeware\n"
    assert not engine.is_gone()
