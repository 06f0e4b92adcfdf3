"""The JSON schema of a stack file, for editors: names, types, choices and meaning of the keys, with their defaults.

The program does not use it: `load.py` checks more and says more. `python -m
kata_components.settings.schema` writes it.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from kata_components import names
from kata_components.settings.profile import SUPPORTED_VERSIONS, load_profile
from kata_components.settings.settings import Settings

FILE = Path(__file__).parents[2] / "docs" / "stack.schema.json"
DESCRIPTIONS = Path(__file__).parent / "defaults" / "descriptions.yaml"


def stack_schema() -> dict[str, Any]:
    """Return the schema of a stack file of the newest supported version."""
    defaults = load_profile(SUPPORTED_VERSIONS[-1]).values
    schema = _described(_optional(Settings.model_json_schema()))
    models = schema["$defs"] | _of_shims(schema["$defs"])
    keys = {
        f"{names.PROJECT}:{key}": {**value, "default": defaults[key]} if key in defaults else value
        for key, value in schema["properties"].items()
    }
    keys[f"{names.PROJECT}:kataVersion"] |= {"enum": list(SUPPORTED_VERSIONS)}
    ours = {
        "type": "object",
        "properties": keys,
        "propertyNames": {"not": {"pattern": f"^{names.PROJECT}:(?!{_any(keys)})"}},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of a kata-deploy stack",
        "type": "object",
        "properties": {"config": ours},
        "$defs": models,
    }


def _any(keys: dict[str, Any]) -> str:
    return f"({'|'.join(key.removeprefix(f'{names.PROJECT}:') for key in sorted(keys))})$"


def _optional(node: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """Return a schema in which no key is required: the defaults fill what is left out."""
    if isinstance(node, dict):
        return {
            key: _optional(value) for key, value in node.items() if key not in ("required", "title")
        }
    return [_optional(item) for item in node] if isinstance(node, list) else node


def _described(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema in which every key says what it means.

    What a class says of itself is for its readers.
    """
    words = yaml.safe_load(DESCRIPTIONS.read_text(encoding="utf-8"))
    models = {
        name: _with_words(model, words.get(name, {})) for name, model in schema["$defs"].items()
    }
    return {**_with_words(schema, words["Settings"]), "$defs": models}


def _with_words(model: dict[str, Any], words: dict[str, str]) -> dict[str, Any]:
    described = {
        key: {**value, "description": words[key]} if key in words else value
        for key, value in model.get("properties", {}).items()
    }
    return {key: value for key, value in model.items() if key != "description"} | {
        "properties": described
    }


def _of_shims(models: dict[str, Any]) -> dict[str, Any]:
    """Return the models in which the names of shims are allowed values or keys, with those of all versions."""
    shims = sorted(
        {name for version in SUPPORTED_VERSIONS for name in load_profile(version).values["shims"]}
    )
    by_name = {name: {"$ref": "#/$defs/Shim", "description": f"The shim {name}"} for name in shims}
    own, default = models["Shims"], models["DefaultShim"]
    choices = {
        arch: {**value, "enum": ["", *by_name]} for arch, value in default["properties"].items()
    }
    return {
        "Shims": {**own, "properties": by_name | own["properties"], "additionalProperties": False},
        "DefaultShim": {**default, "properties": choices},
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(stack_schema(), indent=2) + "\n", encoding="utf-8")
