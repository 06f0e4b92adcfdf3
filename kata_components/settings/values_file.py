"""Reads the Helm values file that `valuesFile` names, as Helm does: YAML that fits into JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from kata_components.settings.merge import Tree
from kata_components.settings.problems import Problem, shown
from kata_components.settings.yaml_loading import Loader

_LONGEST: Final = 200
_UNREADABLE: Final = (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError)
"""The YAML library raises all of these, beside its own error, for a value that does not fit its
tag."""
_VALUES_IN: Final = {
    "HelmRelease": "spec.values",
    "Application": "spec.source.helm.valuesObject or spec.source.helm.values",
    "HelmChart": "spec.valuesContent",
    "HelmChartConfig": "spec.valuesContent",
    "ConfigMap": "a key of data",
    "Secret": "a key of stringData",
}
"""Where the objects of other tools hold the values, by kind."""
_NUMBERS: Final = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def read_values_file(path: str) -> Tree | Problem:
    """Return the values in a file, none for an empty one, or what is wrong with the file.

    A relative path starts at the working directory, which is the project's when Pulumi runs the
    program.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        # Helm goes through JSON too: keys become text, and what JSON cannot express is refused.
        documents = [
            json.loads(json.dumps(found, allow_nan=False))
            for found in yaml.load_all(text, Loader=_Loader)
            if found is not None
        ]
    except OSError as error:
        hint = "" if Path(path).is_absolute() else f"; it is relative to the project, {Path.cwd()}"
        reason = f"cannot be read: {error.strerror}{hint}"
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        reason = f"is not valid YAML: {error.problem}{line}"
    except RecursionError:
        reason = "is nested too deeply"
    except _UNREADABLE as error:
        reason = f"cannot be parsed: {' '.join(str(error).split())[:_LONGEST]}"
    else:
        mistake = _mistake(documents)
        if mistake is None:
            values: Tree = documents[0] if documents else {}
            return values
        reason = mistake
    return Problem(
        ("valuesFile",), f"{repr(path) if len(path) <= _LONGEST else shown(path)} {reason}"
    )


def _mistake(documents: Sequence[Any]) -> str | None:
    """Return why documents are not one map of values; None if they are."""
    kinds = [found["kind"] for found in documents if _is_object(found)]
    if kinds:
        kind = next((kind for kind in kinds if kind in _VALUES_IN), kinds[0])
        where = _VALUES_IN.get(kind)
        instead = f"only what is below {where} in it" if where else "only the values"
        return (
            f"is a Kubernetes object, {shown(kind)}, not a values file; put {instead} into a file"
        )
    if len(documents) > 1:
        return f"has {len(documents)} documents; a values file has one"
    if documents and not isinstance(documents[0], dict):
        return f"must contain a map of values, got {shown(documents[0])}"
    return None


def _is_object(document: object) -> bool:
    """Whether a document is a Kubernetes object."""
    return isinstance(document, dict) and all(
        isinstance(document.get(key), str) for key in ("apiVersion", "kind")
    )


class _Loader(Loader):
    """As in Helm, `22:30` is text as well, and a key must not occur twice."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:  # noqa: ANN401 - its type is the library's
        """Return a map; refuse one with a duplicate key, whose first value YAML would drop."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    first = seen[key.value] + 1
                    problem = f"the key {shown(key.value)} occurs twice, first in line {first}"
                    raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
                seen[key.value] = key.start_mark.line
        return node


def _number(loader: _Loader, node: yaml.ScalarNode) -> object:
    return (
        node.value
        if ":" in node.value
        else yaml.SafeLoader.yaml_constructors[node.tag](loader, node)
    )


for _tag in _NUMBERS:
    _Loader.add_constructor(_tag, _number)
