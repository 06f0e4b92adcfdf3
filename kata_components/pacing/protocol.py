"""What follows a Job that does not label its node itself: how long, how often. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """The times of the wait behind a Job; D31, D46 and D47 are rules of upstream's dispatcher."""

    ready_seconds: float
    """How long after its Job a node may take to be Ready (`job.waitNodeReadySeconds`, D46)."""
    namespace: str
    """Where the Jobs are, for the commands that messages name."""
    handler_seconds: float = 120.0
    """How long a Ready node may take to report one of the installation's handlers (D47)."""
    look_pause: float = 2.0
    """Between two looks at a node that changes; upstream looks as often at all nodes (D46)."""
    look_interval: float = 10.0
    """Between two looks at a node of which no change is seen: kubelets post as often."""
    canary_seconds: float = 15.0
    """How long after its Job a canary is judged: what a kubelet reports earlier may be from before,
    since it asks its container runtime every 5 s and posts every 10 s."""
    hold_seconds: float = 12.0
    """How long labels have to hold where kubelets set old ones again (D31: 6 reads, 2 s apart)."""
    hold_tries: int = 12
    """How often the labels of a node are written before it has failed (D31)."""
    late_seconds: float = 30.0
    """How long after its Job a node that does not serve yet counts as failed until it does."""

    def not_ready(self, found: str) -> str:
        """Return the failure of a node that is not Ready in time."""
        return (
            f"not Ready within {self.ready_seconds:g} s of its Job{found and f' ({found})'}; "
            "the next run continues from there"
        )

    def not_served(self, found: str, job: str) -> str:
        """Return the failure of a node whose Job has succeeded without effect."""
        return (
            "its Job succeeded, but the container runtime did not report Kata's handlers within "
            f"{self.handler_seconds:g} s{found and f' ({found})'}; the next run looks again; "
            f"to install again: `kubectl -n {self.namespace} delete job {job}`, then `pulumi up`"
        )

    @property
    def labels_do_not_hold(self) -> str:
        """The failure of a node whose labels are changed again and again."""
        return (
            f"its labels did not stay, though they were written {self.hold_tries} times; "
            "`kubectl get node -o yaml --show-managed-fields` names who writes them, "
            "perhaps its kubelet's --node-labels"
        )
