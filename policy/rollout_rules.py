"""Rules for rollouts on production stacks, as plain functions that need no engine.

Each rule gets the checked inputs of a `Rollout` as the engine passes them to policies, with the
plan of this run among them, and yields what is wrong with them.
"""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

import yaml

ROLLOUT: Final = "pulumi-python:dynamic/kata:Rollout"
"""The type of the resource whose inputs the rules check."""

Inputs = Mapping[str, Any]
"""Inputs of a `Rollout`. Numbers are floats, as they reach policies through protobuf."""


def belongs(urn: str, stacks: Sequence[str]) -> bool:
    """Return whether a resource is one of a stack whose name matches any of these patterns."""
    stack = urn.removeprefix("urn:pulumi:").partition("::")[0]
    return any(fnmatchcase(stack, pattern) for pattern in stacks)


def canary_first(rollout: Inputs) -> Iterator[str]:
    """Yield a problem unless one node of each kind has to succeed before any other begins."""
    waves = rollout.get("waves") or ["all nodes"]
    if rollout.get("dispatcherJob"):
        yield "rollout.runsIn: cluster knows no canaries. Set rollout.runsIn to pulumi."
    elif waves[0] != "canary":
        yield f"rollout.waves begins with {_text(waves[0])}. Begin it with canary."


def bounded(rollout: Inputs, *, parallelism: float, failures: float) -> Iterator[str]:
    """Yield a problem for each limit that is exceeded: percentages of the selected nodes.

    One node at a time is always allowed. Without a plan, as long as a preview does not know the
    cluster, nothing can be said.
    """
    plan = yaml.safe_load(rollout.get("plan") or "") or {}
    nodes = plan.get("selected", 0)
    if not nodes:
        return
    most = max(1, _share(nodes, parallelism))
    if rollout["parallelism"] > most:
        yield (
            f"job.parallelism is {_text(rollout['parallelism'])}. At most {most} of the {nodes} "
            f"selected nodes may be in work at a time ({_text(parallelism)}%)."
        )
    if _count(rollout["maxFailures"], nodes) > _share(nodes, failures):
        yield (
            f"rollout.maxFailures is {_text(rollout['maxFailures'])}. At most "
            f"{_share(nodes, failures)} of the {nodes} selected nodes may fail "
            f"({_text(failures)}%)."
        )


def by_digest(rollout: Inputs) -> Iterator[str]:
    """Yield a problem for each image of the install Jobs that a registry could replace."""
    pod = yaml.safe_load(rollout["installJob"])["spec"]["template"]["spec"]
    containers = [*pod.get("initContainers", ()), *pod["containers"]]
    for image in sorted({container["image"] for container in containers}):
        if "@sha256:" not in image:
            yield f"Nodes would run {image}. Add its digest (@sha256:…) to the reference."


def _share(nodes: int, percent: float) -> int:
    return int(nodes * percent // 100)


def _count(size: float | str, nodes: int) -> int:
    return _share(nodes, int(size.removesuffix("%"))) if isinstance(size, str) else int(size)


def _text(size: float | str) -> str:
    return size if isinstance(size, str) else f"{size:g}"
