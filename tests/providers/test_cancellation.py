"""Ctrl-C reaches work that runs and work that begins later; an unexpected SDK is left alone."""
# ruff: noqa: N802, ARG002 - the protocol gives the names of methods and their arguments

import ast
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from google.protobuf import empty_pb2

from kata_components.providers import cancellation
from kata_components.providers.cancellation import Cancellation


@pytest.fixture(autouse=True)
def _no_request_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancellation, "current", Cancellation())


def plugin(monkeypatch: pytest.MonkeyPatch, servicer: Any) -> None:
    """Make the process look like the SDK's plugin with that servicer."""
    module = ModuleType("__main__")
    if servicer is not None:
        module.DynamicResourceProviderServicer = servicer  # type: ignore[attr-defined] # made up here
    monkeypatch.setitem(sys.modules, "__main__", module)


def test_cancel_of_the_sdk_reaches_listeners_even_where_it_was_bound_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Servicer:
        def Cancel(self, request: Any, context: Any) -> Any:
            return "ignored"

    bound = Servicer().Cancel
    plugin(monkeypatch, Servicer)
    told: list[str] = []
    assert cancellation.install()
    assert cancellation.install(), "once per provider class"
    with cancellation.current.notifying(lambda: told.append("cancelled")):
        assert bound(None, None) == empty_pb2.Empty()
    assert told == ["cancelled"]


def _closure() -> type:
    secret = object()

    class Servicer:
        def Cancel(self, request: Any, context: Any) -> Any:
            return secret

    return Servicer


class _OtherArguments:
    def Cancel(self, request: Any) -> Any:
        return request


class _NoFunction:
    Cancel = print


class _NoMethod:
    pass


@pytest.mark.parametrize("servicer", [None, _closure(), _OtherArguments, _NoFunction, _NoMethod])
def test_an_sdk_that_looks_different_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch, servicer: Any
) -> None:
    plugin(monkeypatch, servicer)
    before = getattr(getattr(servicer, "Cancel", None), "__code__", None)
    assert not cancellation.install()
    assert getattr(getattr(servicer, "Cancel", None), "__code__", None) is before


def test_the_sdk_in_use_looks_as_expected() -> None:
    # Importing its module starts a server, so read the source.
    spec = find_spec("pulumi.dynamic.__main__")
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text())
    (servicer,) = (
        n
        for n in tree.body
        if isinstance(n, ast.ClassDef) and n.name == "DynamicResourceProviderServicer"
    )
    (method,) = (n for n in servicer.body if isinstance(n, ast.FunctionDef) and n.name == "Cancel")
    assert [argument.arg for argument in method.args.args] == ["self", "request", "context"]


def test_a_listener_that_comes_after_the_request_is_notified_at_once() -> None:
    notified: list[str] = []
    cancellation = Cancellation()
    cancellation.request()
    with cancellation.notifying(lambda: notified.append("late")):
        assert notified == ["late"]


def test_a_listener_that_left_is_not_notified() -> None:
    notified: list[str] = []
    cancellation = Cancellation()
    with cancellation.notifying(lambda: notified.append("notified")):
        pass
    cancellation.request()
    assert notified == []
