"""All errors of this project, as one tree.

KataDeployError
├── SettingsError          the configuration of the stack cannot be honoured
├── GuardError             a guard rail refuses what the next `up` would do
├── ClusterError           the cluster could not be asked
│   ├── KubeconfigError    kubeconfig, context or credentials cannot be used
│   ├── UnreachableError   no answer from the API server
│   └── ApiError           the API server answered with an error
│       └── ExpiredError   a watch or a list position is too old (HTTP 410)
├── LeaseHeldError         another run works on this installation
├── RolloutStoppedError    a rollout ended before all its nodes were tried
└── RolloutFailedError     a rollout ended and some nodes failed

The text of each is complete: what is wrong, with which value, and what to do next. It is shown as
it is.
"""

from collections.abc import Sequence
from http import HTTPStatus


class KataDeployError(Exception):
    """Base of every error this project raises on purpose."""


class SettingsError(KataDeployError):
    """Raised when the stack's configuration has problems: one line each, all at once."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        noun = "problem" if count == 1 else "problems"
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{count} {noun} in the stack configuration:\n{lines}")


class GuardError(KataDeployError):
    """Raised when a guard rail refuses: says what would happen to how many nodes, and the safe way."""


class ClusterError(KataDeployError):
    """Raised when the cluster could not be asked or did not answer as expected."""


class KubeconfigError(ClusterError):
    """Raised when the kubeconfig, its context or the credentials in it cannot be used."""


class UnreachableError(ClusterError):
    """Raised when the API server gave no answer; whether a write was applied is then unknown.

    Also when the way to it has worked and is closed: credentials cannot be had any more, or another
    server answers.
    """


class ApiError(ClusterError):
    """Raised when the API server answered with an error.

    `status` is the HTTP status, `reason` the machine-readable word of the Status object (empty when
    the body was none), `retry_after` the seconds the server asked to wait, or None.
    """

    def __init__(
        self, status: int, reason: str, message: str, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after

    @property
    def not_found(self) -> bool:
        """Whether what was asked for is not there (HTTP 404)."""
        return self.status == HTTPStatus.NOT_FOUND

    @property
    def unauthenticated(self) -> bool:
        """Whether the API server does not take the credential, and no other could be had (HTTP 401)."""
        return self.status == HTTPStatus.UNAUTHORIZED

    @property
    def rbac_denied(self) -> bool:
        """Whether RBAC denies this identity the request (HTTP 403).

        Refusals by admission, which are 403 as well, do not count.
        """
        return (
            self.status == HTTPStatus.FORBIDDEN
            and 'User "' in str(self)
            and " cannot " in str(self)
        )

    @property
    def over_quota(self) -> bool:
        """Whether a ResourceQuota leaves no room for it (HTTP 403): what is removed makes some."""
        return self.status == HTTPStatus.FORBIDDEN and "exceeded quota: " in str(self)

    @property
    def conflict(self) -> bool:
        """Whether another object or another version of it stands against the request (HTTP 409)."""
        return self.status == HTTPStatus.CONFLICT


class ExpiredError(ApiError):
    """Raised when a watch or list position is too old (HTTP 410): list again."""


class LeaseHeldError(KataDeployError):
    """Raised when another run holds the Lease of this installation."""


class RolloutStoppedError(KataDeployError):
    """Raised when a rollout stopped early: cancelled, Lease lost, engine gone, cluster unreachable."""


class RolloutFailedError(KataDeployError):
    """Raised when a rollout ended with failed nodes; the text names them with their reasons."""
