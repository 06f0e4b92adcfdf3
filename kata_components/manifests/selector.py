"""Node selections as label-selector strings, which the API server evaluates.

Several selectors mean nodes that match any of them; none means all nodes. Names in `job.nodes`
override them.
"""

from collections.abc import Iterable, Sequence

from kata_components.manifests.affinity import virtualization_terms
from kata_components.settings.affinity import AS_LABEL_SELECTOR, NodeSelectorTerm, Requirement
from kata_components.settings.job import CleanupSelection, Expression, Selection
from kata_components.settings.settings import Settings

_FORMATS = {
    "Exists": "{key}",
    "DoesNotExist": "!{key}",
    "In": "{key} in ({values})",
    "NotIn": "{key} notin ({values})",
}


def install_selectors(settings: Settings) -> list[str]:
    """Return the selectors of the nodes to install on."""
    if not settings.traits.token_free_jobs:
        return _all_or(_selector(settings.job, settings.job.node_selector_expressions))
    terms = virtualization_terms(settings, settings.affinity.required_terms)
    return _selectors(Selection(nodes=(), nodeSelector=settings.node_selector), terms)


def daemon_set_selectors(settings: Settings) -> list[str] | None:
    """Return selectors of the nodes for the DaemonSet's pods, taints aside; None if inexpressible.

    Terms with fields or comparisons of numbers are left out, so there may be more such nodes.
    """
    terms = virtualization_terms(settings, settings.affinity.required_terms)
    expressible = [term for term in terms if _is_expressible(term)]
    if terms and not expressible:
        return None
    return _selectors(Selection(nodes=(), nodeSelector=settings.node_selector), expressible)


def _is_expressible(term: NodeSelectorTerm) -> bool:
    expressions = term.match_expressions
    # A term without conditions matches no node.
    return (
        bool(expressions)
        and not term.match_fields
        and all(e.operator in AS_LABEL_SELECTOR for e in expressions)
    )


def cleanup_selectors(settings: Settings) -> list[str]:
    """Return the selectors of the nodes that the cleanup dispatcher works on."""
    cleanup: CleanupSelection = settings.job.cleanup
    if not settings.traits.token_free_jobs:
        return _all_or(_selector(cleanup, cleanup.node_selector_expressions))
    return _selectors(cleanup, cleanup.required_terms)


def _selectors(selection: Selection, terms: Sequence[NodeSelectorTerm]) -> list[str]:
    found = [_selector(selection, term.match_expressions) for term in terms] or [
        _selector(selection, ())
    ]
    # An empty selector matches every node and makes the others redundant.
    return list(dict.fromkeys(found)) if all(found) else []


def _all_or(selector: str) -> list[str]:
    return [selector] if selector else []


def _selector(selection: Selection, expressions: Iterable[Expression | Requirement]) -> str:
    """Return one selector: equalities by key, then the expressions as written."""
    equalities = [f"{key}={value}" for key, value in sorted(selection.node_selector.items())]
    return ",".join(equalities + [_requirement(expression) for expression in expressions])


def _requirement(expression: Expression | Requirement) -> str:
    return _FORMATS[expression.operator].format(
        key=expression.key, values=",".join(expression.values)
    )
