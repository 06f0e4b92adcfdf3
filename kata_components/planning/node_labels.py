"""The labels that several installations share on a node: whose they are, and what becomes of them.

Pure.
"""

from kata_components import names
from kata_components.kubernetes.objects import Metadata
from kata_components.planning import node_mark
from kata_components.planning.node_change import Changes
from kata_components.planning.node_mark import Machine


def is_shared(seen: Metadata, suffix: str, machine: Machine) -> bool:
    """Whether an installation of another suffix serves on the node, or is about to.

    Its own label says so, or its mark where its version does not write that label.
    """
    return any(value != "false" for value in _others(seen, suffix)) or any(
        mark.digest and mark.machine == machine for mark in node_mark.others(seen, suffix)
    )


def demoted(seen: Metadata, suffix: str, machine: Machine) -> Changes:
    """Return what becomes of the labels when the installation stops serving (contract D29).

    Its own one is set even if it was missing: then no label claims that Kata is there.
    """
    stays = seen.label(names.RUNTIME_LABEL) is None or is_shared(seen, suffix, machine)
    keys = [names.instance_label(suffix), *([] if stays else [names.RUNTIME_LABEL])]
    return {key: "false" for key in keys if seen.label(key) != "false"}


def claimed(seen: Metadata, suffix: str) -> Changes:
    """Return what becomes of the labels before a host is touched (contract D28).

    What serves stays schedulable.
    """
    return {key: "false" for key in both(suffix) if seen.label(key) is None}


def released(seen: Metadata, suffix: str, machine: Machine) -> Changes:
    """Return what becomes of the labels when the installation has left the node (contract D30)."""
    wanted = {names.instance_label(suffix): None, names.RUNTIME_LABEL: _left(seen, suffix, machine)}
    return {key: value for key, value in wanted.items() if seen.label(key) != value}


def restored(seen: Metadata, suffix: str, machine: Machine) -> Changes:
    """Return the same where the Job has removed the shared label.

    If that is there, another installation has set it since.
    """
    left = released(seen, suffix, machine)
    is_there = seen.label(names.RUNTIME_LABEL) == "true"
    return {key: value for key, value in left.items() if key != names.RUNTIME_LABEL or not is_there}


def both(suffix: str) -> tuple[str, str]:
    """Return the keys of both labels by which pods get to an installation."""
    return names.RUNTIME_LABEL, names.instance_label(suffix)


def _left(seen: Metadata, suffix: str, machine: Machine) -> str | None:
    """Return what the shared label is to be without this installation."""
    if is_shared(seen, suffix, machine):
        return "true"
    return "false" if _others(seen, suffix) else None


def _others(seen: Metadata, suffix: str) -> list[str]:
    """Return the values of the labels that other installations have of their own."""
    own = names.instance_label(suffix)
    labels = (seen.labels or {}).items()
    return [value for key, value in labels if names.is_instance_label(key) and key != own]
