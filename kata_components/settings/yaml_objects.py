"""Kubernetes objects that the configuration holds as YAML text."""

from functools import cache
from typing import Any

_TIMESTAMP = "tag:yaml.org,2002:timestamp"


def parsed_object(text: str, api_version: str, kind: str) -> dict[str, Any]:
    """Return the object in a YAML text.

    Raises:
        ValueError: it is no object of that kind with a name.
    """
    import yaml  # noqa: PLC0415 - few stacks have such texts; importing the models stays quick

    try:
        found = yaml.load(text, Loader=_loader())  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ValueError(f"must be a {kind} as YAML text; it cannot be parsed") from None
    if not isinstance(found, dict) or (found.get("apiVersion"), found.get("kind")) != (api_version, kind):
        raise ValueError(f"must be a {kind} of {api_version} as YAML text")
    metadata = found.get("metadata")
    if not isinstance(metadata, dict) or not str(metadata.get("name", "")):
        raise ValueError(f"must be a {kind} with a metadata.name")
    return found


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
