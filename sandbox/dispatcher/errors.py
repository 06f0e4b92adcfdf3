"""The error of a single node, which does not stop the others."""

from sandbox.errors import SandboxError


class NodeError(SandboxError):
    """Raised when a node has failed; the text says why, without the node's name."""
