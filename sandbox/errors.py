"""The errors of the sandbox: hardly more than one class, since every reader is at a terminal.

Kept apart from the product's tree, which must not know the sandbox.
"""


class SandboxError(Exception):
    """Raised when the sandbox cannot do its work; the text is complete and says what to do."""


class RefusedError(SandboxError):
    """The API server answered with an error; `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
