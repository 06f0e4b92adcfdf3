"""The JSON schema of a stack file, for editors: names, types and choices of the keys, with their defaults.

The program does not use it: `load.py` checks more and says more. `python -m kata_components.settings.schema` writes it.
"""

import json
from pathlib import Path
from typing import Any

from kata_components import names
from kata_components.settings.profile import SUPPORTED_VERSIONS, load_profile
from kata_components.settings.settings import Settings

FILE = Path(__file__).parents[2] / "docs" / "stack.schema.json"


def stack_schema() -> dict[str, Any]:
    """Return the schema of a stack file of the newest supported version."""
    defaults = load_profile(SUPPORTED_VERSIONS[-1]).values
    schema = _optional(Settings.model_json_schema())
    keys = {
        f"{names.PROJECT}:{key}": {**value, "default": defaults[key]} if key in defaults else value
        for key, value in schema["properties"].items()
    }
    keys[f"{names.PROJECT}:kataVersion"] = {"enum": list(SUPPORTED_VERSIONS)}
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
        "$defs": schema["$defs"],
    }


def _any(keys: dict[str, Any]) -> str:
    return f"({'|'.join(key.removeprefix(f'{names.PROJECT}:') for key in sorted(keys))})$"


def _optional(node: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """Return a schema in which no key is required: the defaults fill what is left out."""
    if isinstance(node, dict):
        return {key: _optional(value) for key, value in node.items() if key not in ("required", "title")}
    return [_optional(item) for item in node] if isinstance(node, list) else node


if __name__ == "__main__":
    FILE.write_text(json.dumps(stack_schema(), indent=2) + "\n", encoding="utf-8")
