"""The guard rail against nodes whose architecture the node program would refuse. Pure."""

from collections.abc import Iterable, Mapping

from kata_components.kubernetes.nodes import Node
from kata_components.planning.guardrails import Refusal
from kata_components.planning.plan import Plan
from kata_components.wording import named


def worked_on(plan: Plan, nodes: Iterable[Node]) -> list[Node]:
    """Return the nodes that get a Job by the plan."""
    names = {step.node for step in plan.pending if step.needs_job}
    return [node for node in nodes if node.metadata.name in names]


def unfit(nodes: Iterable[Node], problems: Mapping[str, str]) -> Refusal | None:
    """Refuse to work on nodes whose architecture has a problem or is unknown.

    `problems` has a text, perhaps empty, for each architecture with shims. Nodes that have not
    reported theirs yet pass. Only a change of the configuration or the selection helps.
    """
    found: dict[str, list[str]] = {}
    for node in nodes:
        arch = node.info.architecture
        if arch and problems.get(arch, "unknown"):
            found.setdefault(arch, []).append(node.metadata.name)
    if not found or not problems:
        return None
    lines = (_line(arch, names, problems) for arch, names in sorted(found.items()))
    return Refusal(
        f"{'. '.join(lines)}. Or exclude these nodes from the selection, by their label "
        "`kubernetes.io/arch`."
    )


def _line(arch: str, names: list[str], problems: Mapping[str, str]) -> str:
    count = "1 node is" if len(names) == 1 else f"{len(names)} nodes are"
    built_for = f"Kata is not built for it, only for {', '.join(problems)}"
    return f"{count} {arch} ({named(names)}): {problems.get(arch, built_for)}"
