import ssl

import pytest

from kata_components.errors import ExpiredError, KubeconfigError, UnreachableError
from kata_components.foreign import LONGEST
from kata_components.kubernetes.failures import api_error, no_answer
from kata_components.kubernetes.retry import Retry

REQUEST = 'POST /x (context "prod")'


def test_a_status_object_becomes_its_message_and_reason() -> None:
    body = b'{"kind":"Status","message":"jobs is forbidden","reason":"Forbidden","code":403}'
    error = api_error(REQUEST, 403, {}, body)
    assert str(error) == f"{REQUEST} was answered 403 Forbidden: jobs is forbidden"
    assert (error.status, error.reason, error.retry_after) == (403, "Forbidden", None)


def test_a_plain_text_overload_answer_is_understood() -> None:
    error = api_error(
        REQUEST, 429, {"retry-after": "7"}, b"Too many requests, please try again later.\n"
    )
    assert str(error).endswith("429 Too Many Requests: Too many requests, please try again later.")
    assert (error.reason, error.retry_after) == ("", 7.0)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        b'{"message": 3}',
        b"null",
        b"{",
        b'{"details": null, "message": null}',
    ],
)
def test_any_body_gives_an_error(body: bytes) -> None:
    assert (
        api_error(REQUEST, 599, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, body).status
        == 599
    )


def test_foreign_text_is_cut_and_on_one_line() -> None:
    error = api_error(REQUEST, 500, {}, b"<html>\n<body>" * 100_000)
    assert len(str(error)) < LONGEST + 100
    assert "\n" not in str(error)


def test_an_expired_position_is_an_error_of_its_own() -> None:
    assert isinstance(api_error(REQUEST, 410, {}, b"too old"), ExpiredError)


def test_the_status_object_may_have_the_seconds_to_wait() -> None:
    assert api_error(REQUEST, 504, {}, b'{"details":{"retryAfterSeconds":3}}').retry_after == 3.0


def test_a_lost_connection_names_server_context_cause_and_fix() -> None:
    wrapped = RuntimeError("All attempts failed")
    wrapped.__cause__ = ExceptionGroup(
        "several", [ConnectionRefusedError(111, "Connect call failed")]
    )
    error = no_answer("prod", "https://api:6443", wrapped)
    assert isinstance(error, UnreachableError)
    assert str(error) == (
        'the API server https://api:6443 (context "prod") did not answer: connection refused. '
        "Is the VPN up, and is this the right context?"
    )
    assert "timed out" in str(no_answer("prod", "s", TimeoutError()))
    assert "ValueError" in str(no_answer("prod", "s", ValueError()))


def test_an_untrusted_server_is_an_error_of_the_kubeconfig() -> None:
    mistrust = ssl.SSLCertVerificationError()
    mistrust.verify_message = "unable to get local issuer certificate"
    error = no_answer("prod", "https://api", mistrust)
    assert isinstance(error, KubeconfigError)
    assert "unable to get local issuer certificate" in str(error)


def test_backoff_doubles_up_to_a_limit_with_jitter_in_its_upper_half() -> None:
    longest, shortest = Retry(random=lambda: 1.0), Retry(random=lambda: 0.0)
    assert [longest.delay(n) for n in (0, 1, 2, 7, 8, 100_000)] == pytest.approx(
        [0.2, 0.4, 0.8, 25.6, 30, 30]
    )
    assert shortest.delay(2) == pytest.approx(0.4)


def test_the_server_may_ask_for_longer_but_not_shorter_or_unlimited_waits() -> None:
    retry = Retry(random=lambda: 1.0)
    assert retry.delay(0, 5) == 5
    assert retry.delay(8, 1) == 30
    assert retry.delay(0, 86_400) == 60
