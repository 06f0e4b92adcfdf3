"""What has to be true when a simulated history has come to its end: all is there that was asked for, or nothing."""

from kata_components import names
from kata_components.planning import node_mark
from tests.model.cluster import node_of
from tests.simulation.broken import BrokenPromiseError
from tests.simulation.promises import Promises
from tests.simulation.site import Site


def all_installed(site: Site, promises: Promises, digest: str) -> None:
    """After the last up, every selected machine has what was asked for, says so, and is labelled."""
    key = names.mark_annotation(promises.suffix)
    for name, node in site.nodes.items():
        if not site.is_selected(name):
            continue
        machine, metadata = promises.machines[name], node["metadata"]
        mark = node_mark.parse(metadata["annotations"].get(key))
        if (
            mark is None
            and promises.setting.existing == "adopt"
            and not machine.dirty
            and not site.shows_kata(name)
        ):
            # Nothing is adopted for its label alone.
            continue
        if mark is None or mark.digest != digest:
            raise BrokenPromiseError(f"{name} was lost: the last run left it without a mark")
        if machine.installed != digest and not machine.tampered:
            raise BrokenPromiseError(
                f"{name} says {digest} and has {machine.installed or 'nothing whole'}"
            )
        if metadata["labels"].get(names.RUNTIME_LABEL) != "true":
            raise BrokenPromiseError(
                f"{name} is marked, and nothing can be scheduled there for want of its label"
            )


def lease_is_free(site: Site, promises: Promises, run: str) -> None:
    """After the last up, the next run need not wait."""
    lease = site.namespaces[promises.namespace].leases[names.base(promises.suffix)]
    if lease["spec"].get("holderIdentity") == run:
        raise BrokenPromiseError("the last up left its Lease held")


def no_finished_jobs(site: Site, promises: Promises) -> None:
    """After the last up, no Job is left that has succeeded, unless it is all that tells of its node."""
    own = [
        job
        for job in site.kept("jobs")
        if site.promises_of(job) is promises and job["status"].get("succeeded")
    ]
    left = [
        job["metadata"]["name"]
        for job in own
        if node_of(job) in site.nodes and site.is_selected(node_of(job))
    ]
    if left:
        raise BrokenPromiseError(f"the last up left the finished Jobs {', '.join(left)}")


def deselected_are_clean(site: Site, promises: Promises) -> None:
    """After the last up that cleans, nothing is on a node that is not selected."""
    key = names.mark_annotation(promises.suffix)
    for name, node in site.nodes.items():
        if not site.is_selected(name) and key in node["metadata"]["annotations"]:
            raise BrokenPromiseError(
                f"{name} is not selected any more, and the last up left it as it was"
            )


def nothing_left(site: Site, promises: Promises) -> None:
    """After destroy, nothing of the installation is in the cluster or on a machine."""
    jobs = [
        job["metadata"]["name"] for job in site.kept("jobs") if site.promises_of(job) is promises
    ]
    lease = names.base(promises.suffix)
    if jobs or lease in site.namespaces[promises.namespace].leases:
        raise BrokenPromiseError(f"destroy left {', '.join(jobs) or 'its Lease'}")
    alone = len(site.promises) == 1
    for name, node in site.nodes.items():
        machine, metadata = promises.machines[name], node["metadata"]
        if machine.tampered:
            continue
        mark = node_mark.parse(metadata["annotations"].get(names.mark_annotation(promises.suffix)))
        if mark is not None and not mark.is_of_another(promises.namespace):
            raise BrokenPromiseError(f"destroy left its mark on {name}")
        if alone and not machine.foreign and names.RUNTIME_LABEL in metadata["labels"]:
            raise BrokenPromiseError(f"destroy left the label on {name}")
        if machine.dirty:
            raise BrokenPromiseError(f"destroy left {name} as it was")


def others_kept(site: Site, promises: Promises) -> None:
    """After the destroy of another installation, this one has its marks, and its label on every node it has marked."""
    key = names.mark_annotation(promises.suffix)
    for name, node in site.nodes.items():
        machine, metadata = promises.machines[name], node["metadata"]
        if not site.is_selected(name):
            continue
        if machine.installed and key not in metadata["annotations"]:
            raise BrokenPromiseError(
                f"another installation's destroy took the mark of {promises.suffix!r} off {name}"
            )
        if machine.installed and metadata["labels"].get(names.RUNTIME_LABEL) != "true":
            raise BrokenPromiseError(f"another installation's destroy took the label off {name}")
