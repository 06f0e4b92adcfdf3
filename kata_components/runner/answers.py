"""What an error of the API server means for the command that it answers."""

from typing import Final

from kata_components.errors import ApiError
from kata_components.rollout.commands import Code, Command, CreateJob

_CODES: Final = {404: Code.GONE, 409: Code.CONFLICT, 429: Code.THROTTLED}
_SERVER_ERROR: Final = 500


def code_of(command: Command, error: ApiError) -> Code:
    """Return how a command has ended that was answered with an error."""
    if error.over_quota:
        return Code.FULL
    if error.status >= _SERVER_ERROR or error.rbac_denied:
        return Code.UNKNOWN
    code = _CODES.get(error.status, Code.REJECTED)
    # A create is about nothing that could be gone: its 404 means that the namespace is not there.
    return Code.REJECTED if code is Code.GONE and isinstance(command, CreateJob) else code
