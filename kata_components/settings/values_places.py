"""What a Helm values file holds: whether a problem is in it, and what does not belong in it."""

from collections.abc import Iterator, Mapping
from typing import Any

from kata_components.settings.flat_keys import flat_keys, in_file
from kata_components.settings.problems import dotted
from kata_components.settings.profile import OWN_KEYS, SUPPORTED_VERSIONS, load_profile


def misplaced_values(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each top-level key that does not belong in the file, with the line that says so."""
    chart = load_profile(SUPPORTED_VERSIONS[-1]).values.keys() - OWN_KEYS
    for key, path in flat_keys(values, chart).items():
        yield key, in_file(key, path)
    for key, value in values.items():
        if key in OWN_KEYS:
            yield key, f"{key}: belongs in the stack's configuration; the chart has no such value"
        elif key not in chart and isinstance(value, Mapping) and chart & value.keys():
            yield (
                key,
                f"{dotted([key])}: holds this chart's values as an umbrella chart does; "
                "put only what is below it into a file",
            )


def is_about(line: str, values: Mapping[str, Any]) -> bool:
    """Whether a line about a problem begins with the path of something in the file."""
    return any(
        _continues(line, dotted([key])) and _is_inside(line, key, value)
        for key, value in values.items()
    )


def _is_inside(line: str, key: str, value: object) -> bool:
    rest = line.removeprefix(dotted([key]))
    if not rest.startswith(".") or not isinstance(value, Mapping):
        return True
    return is_about(rest.removeprefix("."), value)


def _continues(line: str, word: str) -> bool:
    return line.startswith((f"{word}:", f"{word}."))
