"""Kubernetes objects that the configuration holds as YAML text."""

from functools import cache
from itertools import islice
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from kata_components.settings.model import Model, problem_in_text
from kata_components.settings.problems import dotted, refused

_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_FEW = 3


def parsed_object(text: str, api_version: str, kind: str) -> dict[str, Any]:
    """Return the object in a YAML text.

    Raises:
        PydanticCustomError: it is no object of that kind.
    """
    import yaml  # noqa: PLC0415 - few stacks have such texts; importing the models stays quick

    try:
        found = yaml.load(text, Loader=_loader())  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, RecursionError):
        raise problem_in_text(f"must be a {kind} as YAML text; it cannot be parsed") from None
    if not isinstance(found, dict) or (found.get("apiVersion"), found.get("kind")) != (
        api_version,
        kind,
    ):
        raise problem_in_text(f"must be a {kind} of {api_version} as YAML text")
    return found


def check_object(found: dict[str, Any], model: type[Model]) -> None:
    """Check an object field by field.

    Raises:
        PydanticCustomError: the API server would refuse it, or it lacks what is needed of it here.
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


@cache
def _loader() -> Any:  # noqa: ANN401 - a class of a module that is loaded late
    """Return a safe loader to which dates are text, as to Kubernetes.

    Not libyaml's, which is faster: deep nesting ends its process.
    """
    import yaml  # noqa: PLC0415 - see above

    kept = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return type("_Loader", (yaml.SafeLoader,), {"yaml_implicit_resolvers": kept})
