"""Accidents of machines, Jobs, pods and labels: when a Job would have ended, or at any time."""

from typing import TYPE_CHECKING

from tests.model.history import Object
from tests.model.node_jobs import is_active

if TYPE_CHECKING:
    from tests.simulation.world import World


class Accidents:
    """Draws accidents by chance; none of them is caused by the program."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def somewhere(self) -> None:
        """Draw accidents of any machine and any Job."""
        world = self._world
        node = world.rng.choice([*world.site.nodes, ""])
        self.befall(node, world.rng.choice([*world.site.kept("jobs"), None]))

    def befall(self, node: str, job: Object | None) -> None:
        """Draw accidents of one machine and one Job."""
        world, faults = self._world, self._world.faults
        if job and world.chance(faults.job_deleted):
            world.site.delete_job_by_hand(job)
        if job and world.chance(faults.pod_evicted):
            self._evict(job)
        if node in world.site.nodes:
            self._lose_labels(node)
            self._break_down(node)

    def _evict(self, job: Object) -> None:
        site, name, namespace = (
            self._world.site,
            job["metadata"]["name"],
            job["metadata"]["namespace"],
        )
        if site.namespaces[namespace].jobs.get(name) is job and is_active(job):
            self._world.met["pod_evicted"] += 1
            site.evict_pod(name, namespace=namespace)

    def _lose_labels(self, node: str) -> None:
        """Remove what shows that a node is installed, or selected."""
        world, site = self._world, self._world.site
        if world.chance(world.faults.label_lost):
            site.lose_label(node)
        if world.chance(world.faults.deselected):
            world.met["deselected"] += 1
            site.select(node, selected=False)
            if world.rng.random() < 0.7:
                world.after(world.rng.choice([5.0, 60.0, 600.0]), self._select_again, node)

    def _select_again(self, node: str) -> None:
        if self._world.faults.any:
            self._world.site.select(node, selected=True)

    def _break_down(self, node: str) -> None:
        world, site, faults = self._world, self._world.site, self._world.faults
        kind = site.kinds[node]
        if world.chance(faults.node_deleted) and len(site.nodes) > 1:
            site.remove_node(node)
        elif world.chance(faults.node_replaced):
            site.remove_node(node)
            if world.rng.random() < 0.5:
                site.boot(node, kind)
            else:
                world.after(world.rng.uniform(0.0, 30.0), self._boot_again, node, kind)
        elif world.chance(faults.node_reimaged):
            site.boot(node, kind, reimage=True)
        elif world.chance(faults.node_not_ready):
            site.set_ready(node, ready=False)
            world.after(world.rng.choice([5.0, 60.0, 600.0]), self._ready_again, node)

    def _ready_again(self, node: str) -> None:
        self._world.site.set_ready(node, ready=True)

    def _boot_again(self, node: str, kind: int) -> None:
        if node not in self._world.site.nodes:
            self._world.site.boot(node, kind)
