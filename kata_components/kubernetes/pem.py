"""Reads the PEM texts that a kubeconfig contains as base64 or names by path."""

import base64
import binascii
from pathlib import Path

from kata_components.errors import KubeconfigError


def pem(field: str, data: str | None, path: str | None) -> str:
    """Return the PEM text in `data` (base64) or else at `path`, "" when both are empty.

    Raises:
        KubeconfigError: the data is not base64, or the file cannot be read.
    """
    if not data:
        return text_of(path) if path else ""
    try:
        # Strict: lenient decoding turns rubbish into "", which would mean that none is configured.
        return base64.b64decode("".join(data.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise KubeconfigError(
            f"{field}-data in the kubeconfig is not a base64-encoded PEM text"
        ) from None


def text_of(path: str) -> str:
    """Return the content of a file that a kubeconfig names.

    Raises:
        KubeconfigError: the file cannot be read.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise KubeconfigError(
            f"{path}, named in the kubeconfig, cannot be read: {reason}"
        ) from None
