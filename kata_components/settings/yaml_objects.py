"""Kubernetes objects that the configuration holds as YAML text."""

from itertools import islice
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from kata_components.settings.model import Model, problem_in_text
from kata_components.settings.problems import dotted, refused
from kata_components.settings.yaml_loading import Loader

_FEW = 3


def parsed_object(text: str, api_version: str, kind: str) -> dict[str, Any]:
    """Return the object in a YAML text.

    Raises:
        PydanticCustomError: it is not an object of that kind.
    """
    try:
        found = yaml.load(text, Loader=Loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, RecursionError):
        raise problem_in_text(f"must be a {kind} as YAML text; it cannot be parsed") from None
    if not isinstance(found, dict) or (found.get("apiVersion"), found.get("kind")) != (
        api_version,
        kind,
    ):
        raise problem_in_text(f"must be a {api_version} {kind} as YAML text")
    return found


def check_object(found: dict[str, Any], model: type[Model]) -> None:
    """Check an object field by field.

    Raises:
        PydanticCustomError: the API server would refuse it, or it lacks what is needed here.
    """
    try:
        model.model_validate(found)
    except ValidationError as error:
        lines = map(_line, error.errors(include_url=False, include_context=True))
        raise problem_in_text(
            f"must be a valid {found['kind']}: {'; '.join(islice(lines, _FEW))}"
        ) from None


def _line(detail: ErrorDetails) -> str:
    path = dotted(detail["loc"]).removesuffix(".[key]")
    if detail["type"] == "missing":
        return f"it needs {path}"
    return (
        f"it has no field {path}"
        if detail["type"] == "extra_forbidden"
        else f"its {path} {refused(detail)}"
    )
