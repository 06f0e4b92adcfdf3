"""The error of the sandbox: one class, since every reader is a person at a terminal.

Kept apart from the product's tree, which must not know the sandbox.
"""


class SandboxError(Exception):
    """Raised when the sandbox cannot do what was asked; the text is complete and says what to do."""
