"""Every error leaves a provider as one clean text."""

import sys
from collections.abc import Iterator

import pytest

from kata_components.errors import GuardError, UnreachableError
from kata_components.providers.errors import ProviderError, check_failures, provider_errors


@pytest.fixture(autouse=True)
def _traceback_limit(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("KATA_DEPLOY_DEBUG", raising=False)
    yield
    if hasattr(sys, "tracebacklimit"):
        del sys.tracebacklimit


def raised(error: BaseException) -> ProviderError:
    with pytest.raises(ProviderError) as caught, provider_errors("planning the rollout"):
        raise error
    return caught.value


@pytest.mark.parametrize("error", [GuardError("no, because"), UnreachableError("no answer")])
def test_our_errors_leave_with_their_own_text_and_nothing_else(error: Exception) -> None:
    assert str(raised(error)) == str(error)


def test_neither_errors_nor_refusals_steer_the_terminal() -> None:
    assert str(raised(GuardError("held by \x1b[1mben\rdone"))) == r"held by \x1b[1mben done"
    assert [failure.reason for failure in check_failures(["\x07no"])] == [r"\x07no"]


@pytest.mark.parametrize("error", [ValueError("x y"), SystemExit("x y"), KeyboardInterrupt("x y")])
def test_unexpected_errors_say_where_and_what(error: BaseException) -> None:
    text = str(raised(error))
    assert text.startswith(
        f"planning the rollout failed unexpectedly ({type(error).__name__}: x y). This is a bug"
    )
    assert "KATA_DEPLOY_DEBUG=1" in text


def test_no_cause_is_shown_beside_the_text() -> None:
    for error in (GuardError("x"), ValueError("x")):
        assert raised(error).__suppress_context__


def test_class_of_the_error_is_not_shown_with_a_module() -> None:
    assert ProviderError.__module__ == "builtins"


def test_debugging_shows_unexpected_errors_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KATA_DEPLOY_DEBUG", "1")
    with pytest.raises(ZeroDivisionError), provider_errors("planning"):
        raise ZeroDivisionError


def test_without_an_error_nothing_happens() -> None:
    with provider_errors("planning"):
        pass
