"""Node selections as label-selector strings, which the API server evaluates."""

from kata_components.settings.job import Expression, Selection
from kata_components.settings.settings import Settings

_FORMATS = {
    "Exists": "{key}",
    "DoesNotExist": "!{key}",
    "In": "{key} in ({values})",
    "NotIn": "{key} notin ({values})",
}


def label_selector(settings: Settings) -> str:
    """Return the selector of the nodes to install on; empty means all nodes. Names in `job.nodes` go before it."""
    return selector_of(settings.job)


def selector_of(selection: Selection) -> str:
    """Return the selector of a selection: equalities by key, then the expressions as written."""
    equalities = [f"{key}={value}" for key, value in sorted(selection.node_selector.items())]
    return ",".join(equalities + [_requirement(e) for e in selection.node_selector_expressions])


def _requirement(expression: Expression) -> str:
    return _FORMATS[expression.operator].format(key=expression.key, values=",".join(expression.values))
