"""The chart's renders, and a field-by-field comparison with them (fixtures/chart/README.md)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from kata_components.errors import SettingsError
from kata_components.settings.load import load_settings
from kata_components.settings.merge import without
from kata_components.settings.profile import SUPPORTED_VERSIONS, load_profile
from kata_components.settings.settings import Settings

FIXTURES = Path(__file__).parents[3] / "shared" / "fixtures" / "chart"

_KEYED_BY_NAME = {"env", "volumes", "volumeMounts"}
_MAPS_THAT_MAY_BE_MISSING = {"metadata", "labels", "annotations"}
_CHECKSUM = re.compile(r"[0-9a-f]{64}")

Identity = tuple[str, str, str]


class Case(NamedTuple):
    """Values, and what a version of the chart renders from them."""

    version: str
    name: str

    def __str__(self) -> str:
        """Return it as the id of a test."""
        return f"{self.version}-{self.name}"

    @property
    def values(self) -> dict[str, Any]:
        """The values given to the chart."""
        return _values(self)

    @property
    def config(self) -> dict[str, Any]:
        """The stack configuration with the values, with the runner that the version supports."""
        return self.config_at(self.version)

    def config_at(self, version: str) -> dict[str, Any]:
        """Return the configuration with the values at a version."""
        in_cluster = self.job_mode and load_profile(version).traits.token_free_jobs
        paced = {"rollout": {"runsIn": "cluster"}} if in_cluster else {}
        return {"kataVersion": version, "cluster": {"context": "test"}, **self.values, **paced}

    @property
    def job_mode(self) -> bool:
        """Whether the values are for job mode."""
        return self.values.get("deploymentMode") == "job"

    def settings(self, *, less: Iterable[str] = ()) -> Settings:
        """Return the settings, with the dispatcher, which every job-mode render of the chart has.

        Args:
            less: dotted keys to leave out.
        """
        config = self.config
        for key in less:
            config = without(config, tuple(key.split(".")))
        changed: dict[str, Any] = {}
        if self.job_mode and "startupTaints" in config and "tolerations" not in config:
            # We refuse startup taints that Jobs do not tolerate; the chart does not.
            config, changed = (
                config | {"tolerations": [{"operator": "Exists"}]},
                {"tolerations": ()},
            )
        settings = load_settings(config)
        rollout = settings.rollout.model_copy(update={"runs_in": "cluster"})
        return settings.model_copy(update={"rollout": rollout, **changed})

    def refusals(self, version: str = "") -> tuple[str, ...]:
        """Return the problems for which the values are refused, by default at their version."""
        try:
            load_settings(self.config_at(version or self.version))
        except SettingsError as error:
            return error.problems
        return ()

    def chart_objects(self) -> list[dict[str, Any]]:
        """Return the objects that the chart renders.

        Those in a `derived` file are from templates that are not known to be the released ones.
        """
        paths = [
            FIXTURES / self.version / f"{self.name}.{kind}.yaml" for kind in ("rendered", "derived")
        ]
        texts = [path.read_text(encoding="utf-8") for path in paths if path.exists()]
        documents = (yaml.load_all(text, Loader=yaml.CSafeLoader) for text in texts)
        return [document for document in chain.from_iterable(documents) if document]


@cache
def _values(case: Case) -> dict[str, Any]:
    text = (FIXTURES / case.version / f"{case.name}.values.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=yaml.CSafeLoader) or {}


@cache
def cases() -> list[Case]:
    """Return all valid cases of the supported versions; none where the fixtures are absent.

    Those in `published/` were rendered by others, from the released chart, without its hooks.
    """
    return [*_cases(""), *_cases("published/")]


def invalid_cases() -> list[Case]:
    """Return the cases that the chart refuses."""
    return _cases("invalid/")


def _cases(folder: str) -> list[Case]:
    return [
        Case(version, f"{folder}{path.name.removesuffix('.values.yaml')}")
        for version in SUPPORTED_VERSIONS
        for path in sorted((FIXTURES / version / folder).glob("*.values.yaml"))
    ]


def deviations(ours: Iterable[Mapping[str, Any]], chart: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a line per difference, as `Kind/namespace/name/path/to/field: chart …, ours …`."""
    mine, theirs = ({_identity(m): _comparable(m) for m in side} for side in (ours, chart))
    lines: list[str] = []
    for identity in sorted(mine.keys() | theirs.keys()):
        lines += _differences(
            mine.get(identity), theirs.get(identity), "/".join(filter(None, identity))
        )
    return lines


def _identity(manifest: Mapping[str, Any]) -> Identity:
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace", ""), metadata["name"]


def _comparable(node: Any, key: str = "") -> Any:
    """Return a node without what makes no difference: order of names, nulls, checksums."""
    if isinstance(node, Mapping):
        return {k: _comparable(v, k) for k, v in node.items() if v is not None}
    if isinstance(node, list):
        return _comparable_list(node, key)
    if key.endswith("-job.yaml"):
        return _comparable(yaml.load(node, Loader=yaml.CSafeLoader))
    return "a checksum" if key.startswith("checksum/") and _CHECKSUM.fullmatch(node) else node


def _comparable_list(items: list[Any], key: str) -> Any:
    if key in _KEYED_BY_NAME:
        return {item["name"]: _comparable(item) for item in items}
    if key == "command" and any("--job-template=" in word for word in items):
        return sorted(items)
    return [_comparable(item) for item in items]


def _differences(ours: Any, chart: Any, path: str) -> Iterator[str]:
    if path.rpartition("/")[2] in _MAPS_THAT_MAY_BE_MISSING:
        ours, chart = ours or {}, chart or {}
    if isinstance(ours, Mapping) and isinstance(chart, Mapping):
        for key in sorted(ours.keys() | chart.keys()):
            yield from _differences(ours.get(key), chart.get(key), f"{path}/{key}")
    elif isinstance(ours, list) and isinstance(chart, list) and len(ours) == len(chart):
        for index, (mine, theirs) in enumerate(zip(ours, chart, strict=True)):
            yield from _differences(mine, theirs, f"{path}/{index}")
    elif ours != chart or type(ours) is not type(chart):
        yield f"{path}: chart {chart!r}, ours {ours!r}"
