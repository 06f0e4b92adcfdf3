"""Turns error answers and lost connections into this project's errors, with complete messages.

Knows the API server's error bodies, but no HTTP client. Secrets reach it only through a server that
echoes them: `connection` removes the token, and `bounded` limits the rest.
"""

import os
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import msgspec

from kata_components.errors import (
    ApiError,
    ClusterError,
    ExpiredError,
    KubeconfigError,
    UnreachableError,
)
from kata_components.foreign import LONGEST, bounded
from kata_components.kubernetes.objects import ApiRecord

_UID_FIELD: Final = "metadata.uid"


class Cause(ApiRecord):
    """One entry of `details.causes` of a Status."""

    field: str | None = None


class StatusDetails(ApiRecord):
    """`details` of a Status."""

    causes: list[Cause] | None = None
    retry_after_seconds: float | None = None


class Status(ApiRecord):
    """The API server's error object."""

    message: str | None = None
    reason: str | None = None
    code: int | None = None
    details: StatusDetails | None = None


_status_decoder = msgspec.json.Decoder(Status)


def api_error(request: str, http_status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """Return the error of an answer. `request` names what was requested from which context.

    The body is a Status object or any text: overloaded API servers (429) and proxies send
    `text/plain`.
    """
    try:
        status = _status_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        status = Status(message=body[: 8 * LONGEST].decode("utf-8", "replace"))
    return status_error(request, http_status, status, _seconds(headers.get("retry-after")))


def status_error(
    request: str, http_status: int, status: Status, retry_after: float | None = None
) -> ApiError:
    """Return the error of a Status object."""
    details = status.details or StatusDetails()
    if http_status == HTTPStatus.UNPROCESSABLE_ENTITY and any(
        c.field == _UID_FIELD for c in details.causes or []
    ):
        # To the API server, a merge patch with another UID changes an immutable field; to us, it is
        # a conflict.
        http_status = HTTPStatus.CONFLICT
    if retry_after is None:
        retry_after = details.retry_after_seconds
    message = bounded(status.message or "") or "the server gave no reason"
    text = f"{request} was answered {http_status} {_phrase(http_status)}: {message}"
    kind = ExpiredError if http_status == HTTPStatus.GONE else ApiError
    return kind(http_status, bounded(status.reason or ""), text, retry_after)


def unauthorized(context: str, server: str, hint: str) -> ApiError:
    """Return the error for a credential that the server rejects."""
    return ApiError(
        HTTPStatus.UNAUTHORIZED,
        "Unauthorized",
        f'the credential of context "{context}" expired or was rejected by {server}: {hint}',
    )


def no_answer(context: str, server: str, error: Exception) -> ClusterError:
    """Return the error for a missing answer: the server is unreachable or not trusted."""
    cause = _root(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return KubeconfigError(
            f'{server} (context "{context}") is not the server the kubeconfig trusts: '
            f"{cause.verify_message}. Check server, certificate-authority and tls-server-name, or "
            "fetch a new kubeconfig"
        )
    return UnreachableError(
        f'the API server {server} (context "{context}") did not answer: {bounded(_reason(cause))}. '
        "Is the VPN up, and is this the right context?"
    )


def _root(error: BaseException) -> BaseException:
    """Return the deepest cause with a message: HTTP libraries wrap the system's error."""
    found = inner = error
    while (
        cause := inner.__cause__ or (None if inner.__suppress_context__ else inner.__context__)
    ) is not None:
        inner = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else cause
        if isinstance(inner, TimeoutError) or (isinstance(inner, Exception) and str(inner)):
            found = inner
    return found


def _reason(cause: BaseException) -> str:
    if isinstance(cause, ConnectionError) and cause.errno:
        return os.strerror(cause.errno).lower()
    if isinstance(cause, TimeoutError):
        return "timed out"
    return str(getattr(cause, "strerror", None) or cause) or type(cause).__name__


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(not a standard status)"


def _seconds(retry_after: str | None) -> float | None:
    """Return the seconds of a Retry-After header; the API server never sends its date form."""
    return float(retry_after) if retry_after and retry_after.strip().isdecimal() else None
