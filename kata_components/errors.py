"""All errors of this project, as one tree.

KataDeployError
├── SettingsError          the stack configuration is invalid
├── GuardError             a guard rail refuses what the next `up` would do
├── ClusterError           a call to the cluster failed
│   ├── KubeconfigError    the kubeconfig, its context or its credentials cannot be used
│   ├── UnreachableError   the API server did not answer
│   └── ApiError           the API server answered with an error
│       └── ExpiredError   a watch or list position is too old (HTTP 410)
├── LeaseHeldError         another run holds the Lease of this installation
├── RolloutStoppedError    a rollout stopped before it had tried all its nodes
└── RolloutFailedError     a rollout finished, and some nodes failed

Each message is complete (what is wrong, with which value, and what to do next) and shown verbatim.
"""

from collections.abc import Sequence
from http import HTTPStatus


class KataDeployError(Exception):
    """Base of every error this project raises on purpose."""


class SettingsError(KataDeployError):
    """Raised when the stack configuration has problems: all of them at once, one per line."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        noun = "problem" if count == 1 else "problems"
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{count} {noun} in the stack configuration:\n{lines}")


class GuardError(KataDeployError):
    """Raised when a guard rail refuses: what would happen to how many nodes, and the safe way."""


class ClusterError(KataDeployError):
    """Raised when a call to the cluster failed or got an unexpected answer."""


class KubeconfigError(ClusterError):
    """Raised when the kubeconfig, its context or its credentials cannot be used."""


class UnreachableError(ClusterError):
    """Raised when the API server did not answer: a write may or may not have been applied.

    Also raised when access that worked is lost: credentials can no longer be obtained, or a
    different server answers.
    """


class ApiError(ClusterError):
    """Raised when the API server answered with an error."""

    def __init__(
        self, status: int, reason: str, message: str, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status."""
        self.reason = reason
        """The machine-readable reason of the Status object, empty when the body is not one."""
        self.retry_after = retry_after
        """The seconds the server asked the client to wait, None when it did not ask."""

    @property
    def not_found(self) -> bool:
        """Whether the requested object does not exist (HTTP 404)."""
        return self.status == HTTPStatus.NOT_FOUND

    @property
    def unauthenticated(self) -> bool:
        """Whether the server rejects the credential and no other could be had (HTTP 401)."""
        return self.status == HTTPStatus.UNAUTHORIZED

    @property
    def rbac_denied(self) -> bool:
        """Whether RBAC denies this identity the request (HTTP 403).

        Refusals by admission, which are 403 as well, do not count.
        """
        # Both have the reason "Forbidden": only the API server's words tell them apart.
        return (
            self.status == HTTPStatus.FORBIDDEN
            and 'User "' in str(self)
            and " cannot " in str(self)
        )

    @property
    def over_quota(self) -> bool:
        """Whether a ResourceQuota has no room left (HTTP 403): deleting objects makes room."""
        return self.status == HTTPStatus.FORBIDDEN and "exceeded quota: " in str(self)

    @property
    def conflict(self) -> bool:
        """Whether an existing object, or a newer version of it, conflicts (HTTP 409)."""
        return self.status == HTTPStatus.CONFLICT


class ExpiredError(ApiError):
    """Raised when a watch or list position is too old (HTTP 410): list again."""


class LeaseHeldError(KataDeployError):
    """Raised when another run holds the Lease of this installation."""


class RolloutStoppedError(KataDeployError):
    """Raised when a rollout stopped early: cancelled, Lease lost, engine or cluster gone."""


class RolloutFailedError(KataDeployError):
    """Raised when a rollout finished with failed nodes; names them with their reasons."""
