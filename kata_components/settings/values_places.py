"""What a Helm values file holds: whether a problem is in it, and what does not belong in it."""

from collections.abc import Iterator, Mapping
from typing import Any

from kata_components.settings.flat_keys import flat_keys, in_file
from kata_components.settings.merge import Path
from kata_components.settings.problems import Problem
from kata_components.settings.profile import OWN_KEYS, SUPPORTED_VERSIONS, load_profile


def misplaced_values(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem for each top-level key that does not belong in the file."""
    chart = load_profile(SUPPORTED_VERSIONS[-1]).values.keys() - OWN_KEYS
    for key, path in flat_keys(values, chart).items():
        yield in_file(key, path)
    for key, value in values.items():
        if key in OWN_KEYS:
            text = "belongs in the stack's configuration; the chart has no such value"
            yield Problem((key,), text)
        elif key not in chart and isinstance(value, Mapping) and chart & value.keys():
            text = (
                "holds this chart's values as an umbrella chart does; "
                "put only what is below it into a file"
            )
            yield Problem((key,), text)


def has_path(values: Mapping[str, Any], path: Path) -> bool:
    """Whether something in the file has this path, or holds it in a list or a text."""
    key, *rest = path
    if key not in values:
        return False
    value = values[key]
    return not rest or not isinstance(value, Mapping) or has_path(value, tuple(rest))
