"""What can go wrong in a simulated history, and how often."""

import random
from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Faults:
    """Probabilities, each per what the comment above it says; "run" means a run of the program."""

    # Per request.
    throttled: float = 0.0
    server_error: float = 0.0
    lost_request: float = 0.0
    lost_answer: float = 0.0
    slow: float = 0.0
    silent: float = 0.0
    """It gets no answer for a minute; a write may have been applied."""
    survives_sleep: float = 0.0
    """Its machine falls asleep while it waits for a connection, and sends it on waking."""
    busy_object: float = 0.0
    """Something else keeps changing the object, so a write meets a conflict."""
    killed_by_write: float = 0.0
    """The run is killed between the creation or deletion of a Job and the answer to it."""
    # Per watch event.
    watch_stalls: float = 0.0
    watch_expires: float = 0.0
    event_lost: float = 0.0
    # Per Job.
    job_fails: float = 0.0
    job_deleted: float = 0.0
    node_deleted: float = 0.0
    node_replaced: float = 0.0
    node_reimaged: float = 0.0
    """The machine is installed anew under the same Node object."""
    node_not_ready: float = 0.0
    node_broken: float = 0.0
    """Per failed Job: the node goes down with it."""
    # Per run.
    killed: float = 0.0
    interrupted: float = 0.0
    sleeps: float = 0.0
    outage: float = 0.0
    company: float = 0.0
    """A second run at the same time."""
    lease_deleted: float = 0.0
    clock_jumps: float = 0.0
    """The clock by which Leases are judged jumps ahead."""
    clock_set: float = 0.0
    """The time of day is set ahead or back."""
    destroys: float = 0.0
    """The run destroys the stack."""
    other_digest: float = 0.0
    """From this run on, another image may be configured."""
    other_timeout: float = 0.0
    """From this run on, another time limit for Jobs may be configured."""
    denied: float = 0.0
    """The API server refuses credentials or rights, for a while or for good."""
    # Per Job.
    slow_job: float = 0.0
    """It takes minutes."""
    ends_after_plan: float = 0.0
    """It ends right after a plan that knows it as running."""
    name_taken: float = 0.0
    """Its name belongs to a Job that no list shows, for a while or for good."""
    deletion_held: float = 0.0
    """A finalizer keeps it for a while after its deletion."""
    refused: float = 0.0
    """An admission webhook denies it, or fails, for a while or for good."""
    pod_evicted: float = 0.0
    """Its pod is evicted, and the Job controller creates another one."""
    label_lost: float = 0.0
    """Somebody removes the label of its node, or sets it to false."""
    deselected: float = 0.0
    """Its node is no longer selected, for a while or for good."""
    # Per run, for some time or to its end.
    plugin_fails: float = 0.0
    """The credential plugin returns no credential."""
    slow_writes: float = 0.0
    """An admission webhook is slow with every Job."""
    stuck: float = 0.0
    """Requests of one kind never succeed, all others do."""
    churn: float = 0.0
    """Accidents go on for minutes, not only when Jobs end."""
    # Per history.
    second: float = 0.0
    """A second installation on the same nodes, with another suffix or in another namespace."""
    rival: float = 0.0
    """At the end a stack with the same suffix tries to install from another namespace."""
    adopts: float = 0.0
    """Some nodes have Kata of a Helm release."""
    large: float = 0.0
    """The fleet is larger, and more Jobs run at a time."""
    pod_outlives: float = 0.0
    """Pods go on for a while after the end of their Job by deletion or deadline."""
    quota: float = 0.0
    """The namespace may hold few Jobs, including finished ones."""
    janitor: float = 0.0
    """Somebody removes failed Jobs after a while."""
    cleans: float = 0.0
    """Nodes that are no longer selected are cleaned."""
    soaks: float = 0.0
    """Waves soak."""
    attempts: float = 0.0
    """NotReady nodes are attempted."""
    percentages: float = 0.0
    """The failure budget is a share of the nodes."""
    token_free: float = 0.0
    """Jobs leave labels and taints of their nodes to whoever paces, as from 4.1.0 on."""
    upgrades: float = 0.0
    """The same, but the history begins with Jobs that label their nodes themselves, as at 4.0.0."""
    startup_taints: float = 0.0
    """New nodes carry a taint that is lifted from those that serve Kata."""
    old_labels: float = 0.0
    """Kubelets are those of k3s, which register old labels again after a Job."""
    handlers_late: float = 0.0
    """Container runtimes often report their handlers only a while after a Job."""
    ready_late: float = 0.0
    """Nodes are often NotReady for a while after a Job."""
    # Per token-free Job that has succeeded.
    handlers_never: float = 0.0
    """The container runtime does not serve Kata."""
    ready_too_late: float = 0.0
    """Its node is NotReady for longer than is waited for."""
    # Per new node.
    unreported: float = 0.0
    """Its kubelet reports neither machine ID nor container runtime for a while."""

    @classmethod
    def all(cls) -> "Faults":
        return cls(
            throttled=0.02,
            server_error=0.02,
            lost_request=0.02,
            lost_answer=0.03,
            slow=0.02,
            silent=0.005,
            survives_sleep=0.5,
            busy_object=0.02,
            killed_by_write=0.02,
            watch_stalls=0.02,
            watch_expires=0.02,
            event_lost=0.01,
            job_fails=0.2,
            job_deleted=0.02,
            node_deleted=0.02,
            node_replaced=0.03,
            node_reimaged=0.02,
            node_not_ready=0.05,
            node_broken=0.3,
            killed=0.5,
            interrupted=0.1,
            sleeps=0.2,
            outage=0.1,
            company=0.3,
            lease_deleted=0.3,
            clock_jumps=0.1,
            clock_set=0.1,
            destroys=0.3,
            other_digest=0.3,
            other_timeout=0.3,
            denied=0.1,
            slow_job=0.05,
            ends_after_plan=0.5,
            name_taken=0.05,
            deletion_held=0.8,
            refused=0.05,
            pod_evicted=0.05,
            label_lost=0.05,
            deselected=0.05,
            plugin_fails=0.15,
            slow_writes=0.1,
            stuck=0.1,
            churn=0.2,
            second=0.15,
            rival=0.1,
            large=0.03,
            adopts=0.1,
            pod_outlives=0.3,
            quota=0.3,
            janitor=0.2,
            cleans=0.3,
            soaks=0.2,
            attempts=0.2,
            percentages=0.3,
            token_free=0.6,
            upgrades=0.4,
            startup_taints=0.3,
            old_labels=0.3,
            handlers_late=0.5,
            ready_late=0.5,
            handlers_never=0.1,
            ready_too_late=0.05,
            unreported=0.1,
        )

    @property
    def any(self) -> bool:
        return any(getattr(self, fault.name) for fault in fields(self))

    def swarm(self, rng: random.Random) -> "Faults":
        """Return these faults, each on or off by chance: with all of them, some hide others."""
        return replace(self, **{fault.name: 0.0 for fault in fields(self) if rng.random() < 0.5})
