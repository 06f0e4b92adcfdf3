"""Kubernetes objects that the configuration holds as YAML text."""

from typing import Any


def parsed_object(text: str, api_version: str, kind: str) -> dict[str, Any]:
    """Return the object in a YAML text.

    Raises:
        ValueError: it is no object of that kind with a name.
    """
    import yaml  # noqa: PLC0415 - few stacks have such texts; importing the models stays quick

    try:
        found = yaml.safe_load(text)  # libyaml's parser is faster, but deep nesting ends the process
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ValueError(f"must be a {kind} as YAML text; it cannot be parsed") from None
    if not isinstance(found, dict) or (found.get("apiVersion"), found.get("kind")) != (api_version, kind):
        raise ValueError(f"must be a {kind} of {api_version} as YAML text")
    metadata = found.get("metadata")
    if not isinstance(metadata, dict) or not str(metadata.get("name", "")):
        raise ValueError(f"must be a {kind} with a metadata.name")
    return found
