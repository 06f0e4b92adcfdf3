"""The stack files in the repository are valid configurations."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # the library has no types

from kata_components.settings import schema
from kata_components.settings.load import load_settings, parse_stack_config
from kata_components.settings.settings import Settings

STACKS = Path(__file__).parents[2] / "stacks"


def stack_file(stack: str) -> Any:
    return yaml.safe_load((STACKS / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))


def validator() -> Draft202012Validator:
    return Draft202012Validator(schema.stack_schema())


def settings_of(stack: str) -> Settings:
    """Return the settings of a stack file, its values handed over as Pulumi does."""
    config = stack_file(stack)["config"]
    return load_settings(parse_stack_config({k: v if isinstance(v, str) else json.dumps(v) for k, v in config.items()}))


@pytest.mark.parametrize("stack", ["local", "staging", "production"])
def test_stack_file_is_valid(stack: str) -> None:
    assert settings_of(stack).deployment_mode == "job"


def test_local_stack_uses_the_local_cluster_only() -> None:
    settings = settings_of("local")
    assert (settings.cluster.context, settings.job.parallelism) == ("kwok-kata-deploy", 10)


def test_schema_for_editors_is_up_to_date() -> None:
    written = json.loads(schema.FILE.read_text(encoding="utf-8"))
    assert written == schema.stack_schema(), "run `python -m kata_components.settings.schema`"


@pytest.mark.parametrize("stack", ["local", "staging", "production"])
def test_stack_file_fits_the_schema(stack: str) -> None:
    assert list(validator().iter_errors(stack_file(stack))) == []


@pytest.mark.parametrize("config", [{"debugg": True}, {"deploymentMode": "jobs"}, {"job": {"paralelism": 5}}])
def test_schema_finds_mistakes(config: dict[str, Any]) -> None:
    assert list(validator().iter_errors({"config": {f"kata-deploy:{key}": value for key, value in config.items()}}))


def test_schema_leaves_other_namespaces_alone() -> None:
    assert list(validator().iter_errors({"config": {"aws:region": "eu-west-1"}})) == []
