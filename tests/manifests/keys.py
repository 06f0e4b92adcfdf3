"""The values keys of each version, and which test checks what each of them does.

`python -m tests.manifests.keys` writes the table into docs/parity-keys.md.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from kata_components.settings.merge import Path, select
from kata_components.settings.profile import SUPPORTED_VERSIONS, load_profile
from tests.docs.markdown import CHECKOUT
from tests.manifests import chart

DOCUMENT = CHECKOUT / "docs" / "parity-keys.md"
_OF_A_SHIM = "shims.<name>"
_SHOWN_CASES = 3
_OWN = {"namespace", "helmReleaseName", "valuesFile", "cluster", "rollout"}

TESTED_HERE = {
    "health.livenessProbe.failureThreshold": "test_probes_are_as_configured",
    "health.livenessProbe.periodSeconds": "test_probes_are_as_configured",
    "health.livenessProbe.timeoutSeconds": "test_probes_are_as_configured",
    "health.readinessProbe.enabled": "test_probes_are_as_configured",
    "health.readinessProbe.failureThreshold": "test_probes_are_as_configured",
    "health.startupProbe.enabled": "test_probes_are_as_configured",
    "health.startupProbe.periodSeconds": "test_probes_are_as_configured",
    "health.startupProbe.timeoutSeconds": "test_probes_are_as_configured",
    "shims.<name>.nvrc.enableDCGM": "test_shims_that_start_dcgm_are_named",
    "monitor.image.tag": "test_monitor_is_as_configured",
    "monitor.resources.requests.cpu": "test_monitor_is_as_configured",
    "monitor.resources.requests.memory": "test_monitor_is_as_configured",
    "monitor.securityContext.privileged": "test_monitor_is_as_configured",
}
"""Keys that no case of the chart's renders sets."""


@cache
def keys(version: str) -> list[str]:
    """Return all chart keys of a version, dotted; the keys of one shim stand for all shims."""
    values = {key: value for key, value in load_profile(version).values.items() if key not in _OWN}
    shims = values.pop("shims")
    of_a_shim = {".".join((_OF_A_SHIM, *path)) for path in _leaves(shims["clh"])}
    return sorted({".".join(path) for path in _leaves(values)} | {"shims.disableAll"} | of_a_shim)


def cases_of(key: str) -> dict[str, list[str]]:
    """Return, by version, the cases whose values set a key."""
    pattern = tuple("*" if part == "<name>" else part for part in key.split("."))
    found: dict[str, list[str]] = {
        version: [] for version in SUPPORTED_VERSIONS if key in keys(version)
    }
    for case in chart.cases():
        if case.version in found and any(True for _ in select(case.values, pattern)):
            found[case.version].append(case.name)
    return found


def rows() -> list[str]:
    """Return the table, line by line."""
    every = sorted({key for version in SUPPORTED_VERSIONS for key in keys(version)})
    return ["| key | version | tested by |", "|---|---|---|", *map(_row, every)]


def _row(key: str) -> str:
    found = cases_of(key)
    versions = "all" if len(found) == len(SUPPORTED_VERSIONS) else ", ".join(found)
    names = sorted({name for cases in found.values() for name in cases})
    shown = ", ".join(f"`{name}`" for name in names[:_SHOWN_CASES])
    more = f" and {len(names) - _SHOWN_CASES} more" if len(names) > _SHOWN_CASES else ""
    return f"| `{key}` | {versions} | {shown + more if names else f'`{TESTED_HERE[key]}`'} |"


def _leaves(tree: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key)


if __name__ == "__main__":
    introduction = DOCUMENT.read_text(encoding="utf-8").partition("\n| ")[0]
    DOCUMENT.write_text(f"{introduction}\n" + "\n".join(rows()) + "\n", encoding="utf-8")
