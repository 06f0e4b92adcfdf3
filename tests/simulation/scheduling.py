"""Promises on where Kata's pods are scheduled: nodes that serve stay open to them."""

from typing import TYPE_CHECKING

from kata_components import names
from kata_components.planning import node_mark
from tests.model.history import Object
from tests.model.node_jobs import installs, node_of
from tests.simulation.broken import BrokenPromiseError
from tests.simulation.hosts import handler_of
from tests.simulation.machine import Machine, digest_of, is_of

if TYPE_CHECKING:
    from tests.simulation.promises import Promises
    from tests.simulation.site import Site

_LOOKED_SECONDS = 20.0
_WAITING_SECONDS = 60.0
"""Nodes that wait for longer may have failed."""


def is_open(promises: "Promises", node: Object) -> bool:
    """Return whether pods of an installation are scheduled to a node."""
    labels = node["metadata"]["labels"]
    own = labels.get(names.instance_label(promises.suffix))
    is_own = own == "true" or (own is None and not promises.asks_for_both)
    return is_own and bool(labels.get(names.RUNTIME_LABEL) == "true")


def may_patch(site: "Site", before: Object, after: Object) -> None:
    """Check that a patch closes a node that serves to no installation but one that leaves it."""
    for promises in site.promises.values():
        closes = is_open(promises, before) and not is_open(promises, after)
        if closes and _serves(site, promises, before) and not _leaves(site, promises, before):
            raise BrokenPromiseError(
                f"{before['metadata']['name']} serves {promises.suffix or 'kata'!r} and is taken "
                f"out of scheduling by {site.serving.run}"
            )


def may_start(site: "Site", promises: "Promises", job: Object, at_work: int) -> None:
    """Check that a token-free Job knows its node, and that not too many wait behind theirs."""
    facts, machine = _told(job), promises.machines.get(node_of(job))
    if not facts["CONTAINER_RUNTIME_VERSION"]:
        raise BrokenPromiseError(f"the Job of {node_of(job)} is not told its container runtime")
    if machine and is_of(job, machine) and facts["NODE_MACHINE_ID"] != machine.machine_id:
        raise BrokenPromiseError(f"the Job of {node_of(job)} is not told its machine ID")
    since, most = site.now() - _WAITING_SECONDS, promises.setting.parallelism
    waiting = [
        name
        for name, other in promises.machines.items()
        if other.awaits
        and other.awaits_since > since
        and other.worked_on_by == promises.run
        and not (other.swapped or _is_served(site, promises, name))
    ]
    # The run may not have heard yet that some Jobs have ended: they count with the others.
    if installs(job) and at_work + len(waiting) > 2 * (most - 1):
        raise BrokenPromiseError(
            f"{node_of(job)} starts while {', '.join(waiting)} do not serve yet after their Jobs"
        )


def may_go_on(site: "Site", promises: "Promises", job: Object) -> None:
    """Check that nodes which earlier runs left behind their Jobs count like those that failed."""
    digest, machine = digest_of(job), promises.machines.get(node_of(job))
    if not installs(job) or machine is None or machine.tampered:
        return
    if digest in machine.failed or digest in machine.failed_before_cleanup:
        return
    planned = promises.pace.planned(promises.run)
    left = [m.name for m in planned if _is_left(site, promises, m, digest)]
    failed = [m.name for m in promises.known_failures(digest)]
    if len(left) + len(failed) > promises.setting.allowed:
        raise BrokenPromiseError(
            f"{machine.name} starts although {', '.join(left)} have not served since earlier runs"
            f"{' and others failed: ' if failed else ''}{', '.join(failed)}"
        )


def _is_left(site: "Site", promises: "Promises", machine: Machine, digest: str) -> bool:
    """Return whether a machine has not served since its Job of that digest, before this run."""
    began, since = promises.began[promises.run], machine.not_ready_since
    is_behind = machine.awaits == digest and machine.awaits_since < began
    if not is_behind or machine.swapped or machine.tampered:
        return False
    is_down = since is not None and since < began
    return is_down or not site.serves(machine.name, handler_of(promises.suffix))


def _told(job: Object) -> dict[str, str]:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    told = {variable["name"]: variable["value"] for variable in container.get("env", ())}
    return {"CONTAINER_RUNTIME_VERSION": "", "NODE_MACHINE_ID": "", **told}


def _is_served(site: "Site", promises: "Promises", name: str) -> bool:
    return site.is_ready(name) and site.serves(name, handler_of(promises.suffix))


def change_classes(site: "Site", promises: "Promises") -> None:
    """Let RuntimeClasses ask for both labels, which all nodes that serve must have by then."""
    key = names.instance_label(promises.suffix)
    for name, node in site.nodes.items():
        # What somebody has just taken away, nobody may have seen yet.
        is_open_now = is_open(promises, node) and not promises.machines[name].unlabelled
        if is_open_now and _serves(site, promises, node) and key not in node["metadata"]["labels"]:
            raise BrokenPromiseError(
                f"RuntimeClasses of 4.1.0 take {name} out of scheduling before its turn"
            )
    promises.asks_for_both = True


def may_fail(site: "Site", promises: "Promises", name: str) -> None:
    """Check that no pods are scheduled to a node that has failed since it does not serve."""
    # One that was not Ready for long may serve yet.
    is_ready = not promises.machines[name].was_down
    served = site.serves(name, handler_of(promises.suffix))
    if is_ready and not served and is_open(promises, site.nodes[name]):
        raise BrokenPromiseError(f"{name} does not serve after its Job, but is open to pods")


def _serves(site: "Site", promises: "Promises", node: Object) -> bool:
    """Return whether an installation is whole on a node, and is known to be."""
    name = node["metadata"]["name"]
    machine = promises.machines[name]
    mark = node_mark.parse(
        node["metadata"]["annotations"].get(names.mark_annotation(promises.suffix))
    )
    is_known = (
        mark is not None
        and mark.digest == machine.installed != ""
        and (mark.node_uid, mark.machine_id) == (machine.uid, machine.machine_id)
    )
    return is_known and not machine.undoing and site.serves(name, handler_of(promises.suffix))


def _leaves(site: "Site", promises: "Promises", node: Object) -> bool:
    """Return whether the run that writes is about to clean the node."""
    machine = promises.machines[node["metadata"]["name"]]
    since = machine.selected_since
    is_selected = since is not None and since < site.now() - _LOOKED_SECONDS
    return site.serving is promises and (promises.destroys or not is_selected)
