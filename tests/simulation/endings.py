"""What must be true at the end of a simulated history: everything is installed, or nothing."""

from kata_components import names
from kata_components.planning import node_mark
from tests.model.history import Object
from tests.model.node_jobs import node_of
from tests.simulation.broken import BrokenPromiseError
from tests.simulation.promises import Promises
from tests.simulation.site import Site


def all_installed(site: Site, promises: Promises, digest: str) -> None:
    """After the last up, every selected machine is installed, marked and labelled."""
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
            # A label alone is not enough to adopt a node.
            continue
        if mark is None or mark.digest != digest:
            raise BrokenPromiseError(f"{name} was lost: the last run left it without a mark")
        if machine.installed != digest and not machine.tampered:
            raise BrokenPromiseError(
                f"{name} is marked {digest} but has {machine.installed or 'nothing complete'}"
            )
        if metadata["labels"].get(names.RUNTIME_LABEL) != "true":
            raise BrokenPromiseError(
                f"{name} is marked, but without its label nothing can be scheduled there"
            )
        if promises.setting.token_free:
            _serves(promises, node)


def _serves(promises: Promises, node: Object) -> None:
    """Pods of that very installation are scheduled there, and no taint keeps others away."""
    name, labels = node["metadata"]["name"], node["metadata"]["labels"]
    if labels.get(names.instance_label(promises.suffix)) != "true":
        raise BrokenPromiseError(f"{name} is marked, but lacks the label of its installation")
    if any(taint["key"] == promises.setting.startup_taint for taint in node["spec"]["taints"]):
        raise BrokenPromiseError(f"{name} serves Kata, but has kept its startup taint")


def lease_is_free(site: Site, promises: Promises, run: str) -> None:
    """After the last up, the next run does not have to wait for its Lease."""
    lease = site.namespaces[promises.namespace].leases[names.base(promises.suffix)]
    if lease["spec"].get("holderIdentity") == run:
        raise BrokenPromiseError("the last up left its Lease held")


def no_finished_jobs(site: Site, promises: Promises) -> None:
    """After the last up, no succeeded Job is left on a selected node."""
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
    """After the last up that cleans, no deselected node is marked."""
    key = names.mark_annotation(promises.suffix)
    for name, node in site.nodes.items():
        if not site.is_selected(name) and key in node["metadata"]["annotations"]:
            raise BrokenPromiseError(
                f"{name} is no longer selected, but the last up left it as it was"
            )


def nothing_left(site: Site, promises: Promises) -> None:
    """After destroy, nothing of the installation is left in the cluster or on a machine."""
    jobs = [
        job["metadata"]["name"] for job in site.kept("jobs") if site.promises_of(job) is promises
    ]
    lease = names.base(promises.suffix)
    if jobs or lease in site.namespaces[promises.namespace].leases:
        raise BrokenPromiseError(f"destroy left {', '.join(jobs) or 'its Lease'}")
    alone = len(site.promises) == 1
    # The label of an installation does not say in which namespace that is.
    only = sum(suffix == promises.suffix for _, suffix in site.promises) == 1
    for name, node in site.nodes.items():
        machine, metadata = promises.machines[name], node["metadata"]
        if machine.tampered:
            continue
        mark = node_mark.parse(metadata["annotations"].get(names.mark_annotation(promises.suffix)))
        if mark is not None and not mark.is_of_another(promises.namespace):
            raise BrokenPromiseError(f"destroy left its mark on {name}")
        if alone and not machine.kept_label and names.RUNTIME_LABEL in metadata["labels"]:
            raise BrokenPromiseError(f"destroy left the label on {name}")
        if only and names.instance_label(promises.suffix) in metadata["labels"]:
            raise BrokenPromiseError(f"destroy left the label of its installation on {name}")
        if alone and names.RESULT_LABEL in metadata["labels"]:
            raise BrokenPromiseError(f"destroy left what became of a Job on {name}")
        # Nothing tells that the Job of the machine before has worked on one that took its place.
        if machine.dirty and not machine.swapped:
            raise BrokenPromiseError(f"destroy left {name} as it was")


def others_kept(site: Site, promises: Promises) -> None:
    """After the destroy of another installation, this one still has its marks and labels."""
    key = names.mark_annotation(promises.suffix)
    for name, node in site.nodes.items():
        machine, metadata = promises.machines[name], node["metadata"]
        if not site.is_selected(name):
            continue
        if machine.installed and key not in metadata["annotations"]:
            raise BrokenPromiseError(
                f"another installation's destroy removed the mark of {promises.suffix!r} on {name}"
            )
        if machine.installed and metadata["labels"].get(names.RUNTIME_LABEL) != "true":
            raise BrokenPromiseError(f"another installation's destroy removed the label of {name}")
        own = names.instance_label(promises.suffix)
        if machine.installed and metadata["labels"].get(own) != "true":
            raise BrokenPromiseError(f"another installation's destroy changed {own} of {name}")
