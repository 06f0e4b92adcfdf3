"""What kubelets do behind token-free Jobs, and which of them report too little, drawn by chance."""

from typing import TYPE_CHECKING

from tests.model.history import Object
from tests.model.kubelet import NEVER, RUNC, Kubelet
from tests.model.node_jobs import installs, is_token_free

if TYPE_CHECKING:
    from tests.simulation.world import World

READY_SECONDS = 60
"""`job.waitNodeReadySeconds`."""
CANARY_SECONDS = 15.0
"""How long after its Job a canary is judged at the earliest."""
_REPORTED = ("machineID", "containerRuntimeVersion")


class Kubelets:
    """Draws how each kubelet behaves."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._unreported: dict[str, Object] = {}
        """What nodes do not report yet."""

    def status(self, name: str, machine_id: str, kind: int) -> Object:
        """Return what the kubelet of a new machine reports of it."""
        world = self._world
        facts = {"machineID": machine_id, "containerRuntimeVersion": "containerd://2.1.4"}
        version = "v1.34.1+k3s1" if world.setting.is_k3s else "v1.34.1"
        info = {"architecture": "amd64", "kubeletVersion": version, "kernelVersion": f"6.{kind}.0"}
        self._unreported.pop(name, None)
        # Those of 4.0.0 are not told what a node does not report, and do not wait for it.
        all_wait = world.setting.token_free and not world.setting.upgrades
        if all_wait and world.chance(world.faults.unreported):
            world.met["unreported"] += 1
            self._unreported[name] = facts
            facts = dict.fromkeys(_REPORTED, "")
        handlers = [dict(handler) for handler in RUNC]
        return {
            "nodeInfo": info | facts,
            **({"runtimeHandlers": handlers} if world.setting.tells_handlers else {}),
        }

    def unreported(self, name: str) -> Object | None:
        """Return what a node has not reported yet, if anything."""
        return self._unreported.get(name)

    def reported(self, name: str) -> Object:
        """Return what a node reports at last."""
        return self._unreported.pop(name, {})

    def behind(self, job: Object) -> Kubelet:
        """Return how its node behaves behind a Job that has succeeded."""
        world, tells = self._world, self._world.setting.tells_handlers
        if not is_token_free(job):
            return Kubelet(handlers_after=0.0 if tells else None)
        not_ready = 0.0
        if world.setting.slow_nodes:
            not_ready = world.rng.choice([0.0, 3.0, 20.0, 50.0])
        if world.chance(world.faults.ready_too_late):
            not_ready = 300.0
        again: tuple[float, ...] = ()
        if installs(job) and world.setting.is_k3s:
            again = world.rng.choice([(), (3.0,), (3.0, 8.0), (1.0, 6.0, 11.0)])
        after, serves = self._handlers(job) if tells else (None, True)
        world.met["ready_late"] += not_ready > 0.0
        world.met["old_labels"] += bool(again)
        return Kubelet(
            handlers_after=after,
            serves=serves,
            not_ready_seconds=not_ready,
            labels_again_after=again,
        )

    def _handlers(self, job: Object) -> tuple[float, bool]:
        """Return when a node reports its handlers, and whether Kata is among them."""
        world = self._world
        if installs(job) and world.chance(world.faults.handlers_never):
            world.met["handlers_never"] += 1
            return world.rng.choice([0.0, 8.0, NEVER]), False
        if world.setting.slow_handlers:
            world.met["handlers_late"] += 1
            return world.rng.choice([0.0, 2.0, 12.0, 40.0, 100.0]), True
        return 0.0, True
