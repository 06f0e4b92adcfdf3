"""What goes wrong with one node, while the others go on."""

from sandbox.errors import SandboxError


class NodeError(SandboxError):
    """The node has failed; the text says why, without the node's name."""
