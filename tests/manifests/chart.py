"""The chart's renders, and a comparison of objects with them, field by field (fixtures/chart/README.md)."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from kata_components.settings.load import load_settings
from kata_components.settings.merge import without
from kata_components.settings.settings import Settings

FIXTURES = Path(__file__).parents[3] / "shared" / "fixtures" / "chart" / "4.0.0"

_HELM_ONLY_OBJECTS = ("kata-deploy-rb-cleanup", "kata-deploy-cleanup-r", "kata-deploy-sa-cleanup")
_APART = {
    "monitor": "kata-monitor",
    "containerd.runtimeSocket": "kata-monitor",
    "verification": "kata-deploy-verif",
}
"""Keys still to come that only make objects of their own: the other objects of such a case are compared."""
_KEYED_BY_NAME = {"env", "volumes", "volumeMounts"}

Identity = tuple[str, str, str]


def cases() -> list[str]:
    """Return the names of all valid cases; none where the fixtures are absent."""
    return sorted(path.name.removesuffix(".values.yaml") for path in FIXTURES.glob("*.values.yaml"))


def invalid_cases() -> list[str]:
    """Return the names of the cases that the chart refuses."""
    return sorted(path.name.removesuffix(".values.yaml") for path in (FIXTURES / "invalid").glob("*.values.yaml"))


def whole_config_of(case: str) -> dict[str, Any]:
    """Return the stack configuration with the values of a case."""
    values = yaml.safe_load((FIXTURES / f"{case}.values.yaml").read_text(encoding="utf-8"))
    return {"kataVersion": "4.0.0", "cluster": {"context": "test"}, **values}


def config_of(case: str) -> dict[str, Any]:
    """Return the stack configuration with the values of a case, less the keys still to come that stand apart."""
    config = whole_config_of(case)
    for key in _APART:
        config = without(config, tuple(key.split(".")))
    return config


def settings_of(case: str) -> Settings:
    """Return the settings of a case, with the dispatcher, which the chart has in every job-mode render."""
    settings = load_settings(config_of(case))
    return settings.model_copy(update={"rollout": settings.rollout.model_copy(update={"runs_in": "cluster"})})


def chart_objects(case: str) -> list[dict[str, Any]]:
    """Return the objects of a render, less those that only Helm needs and those of keys still to come."""
    documents = yaml.safe_load_all((FIXTURES / f"{case}.rendered.yaml").read_text(encoding="utf-8"))
    left_out = (*_HELM_ONLY_OBJECTS, *_APART.values())
    return [d for d in documents if d and not d["metadata"]["name"].startswith(left_out)]


def deviations(ours: Iterable[Mapping[str, Any]], chart: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a line for each field that differs."""
    mine, theirs = ({_identity(m): _comparable(m) for m in side} for side in (ours, chart))
    lines: list[str] = []
    for identity in sorted(mine.keys() | theirs.keys()):
        lines += _differences(mine.get(identity), theirs.get(identity), "/".join(filter(None, identity)))
    return lines


def _identity(manifest: Mapping[str, Any]) -> Identity:
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace", ""), metadata["name"]


def _comparable(node: Any, key: str = "") -> Any:
    """Return a node without what makes no difference: order by name, nulls, and Helm's own metadata."""
    if isinstance(node, Mapping):
        items = {k: _comparable(v, k) for k, v in node.items() if v is not None and not _is_helms(k, v)}
        return {k: v for k, v in items.items() if v != {} or k not in ("labels", "annotations", "metadata")}
    if isinstance(node, list):
        if key in _KEYED_BY_NAME:
            return {item["name"]: _comparable(item) for item in node}
        return (
            sorted(node)
            if key == "command" and any("--job-template=" in word for word in node)
            else [_comparable(item) for item in node]
        )
    if key.endswith("-job.yaml"):
        return _comparable(yaml.safe_load(node))
    return node


def _is_helms(key: str, value: object) -> bool:
    return key.startswith("helm.sh/") or (key == "app.kubernetes.io/managed-by" and value == "Helm")


def _differences(ours: Any, chart: Any, path: str) -> Iterator[str]:
    if isinstance(ours, Mapping) and isinstance(chart, Mapping):
        for key in sorted(ours.keys() | chart.keys()):
            yield from _differences(ours.get(key), chart.get(key), f"{path}/{key}")
    elif isinstance(ours, list) and isinstance(chart, list) and len(ours) == len(chart):
        for index, (mine, theirs) in enumerate(zip(ours, chart, strict=True)):
            yield from _differences(mine, theirs, f"{path}/{index}")
    elif ours != chart or type(ours) is not type(chart):
        yield f"{path}: chart {chart!r}, ours {ours!r}"
