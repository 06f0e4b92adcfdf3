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
    """Return the settings of a stack file, with its values passed as by Pulumi."""
    config = stack_file(stack)["config"]
    return load_settings(
        parse_stack_config(
            {k: v if isinstance(v, str) else json.dumps(v) for k, v in config.items()}
        )
    )


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


MISTAKES: list[dict[str, Any]] = [
    {"debugg": True},
    {"deploymentMode": "jobs"},
    {"job": {"paralelism": 5}},
    {"job": {"nodeSelector": {"pool": "no label value"}}},
    {"kataVersion": "3.0.0"},
    {"namespace": "Kube"},
    {"rollout": {"waves": ["canarys"]}},
    {"rollout": {"waves": [0]}},
    {"rollout": {"maxFailures": "101%"}},
    {"rollout": {"existing": "keep"}},
    {"shims": {"qemo": {"enabled": True}}},
    {"shims": {"qemu": {"enable": True}}},
    {"defaultShim": {"amd64": "qemo"}},
    {"env": {"multiInstallSuffix": "Dev"}},
    {"valuesFile": 5},
]

CORRECT: list[dict[str, Any]] = [
    {"valuesFile": "values.yaml", "rollout": {"waves": [], "maxFailures": 0}},
    {"rollout": {"waves": ["canary", 5, "10%", "100%"], "maxFailures": "5%", "existing": "adopt"}},
    # YAML does not read these label values as text, but the program accepts them.
    {
        "job": {"nodeSelector": {"kata": True, "rack": 7, "example.com/pool": ""}},
        "podAnnotations": {"a": 1},
    },
    {
        "shims": {"disableAll": True, "qemu": {"enabled": True}},
        "defaultShim": {"s390x": "", "amd64": "qemu"},
    },
]


def errors(config: dict[str, Any]) -> list[Any]:
    return list(
        validator().iter_errors(
            {"config": {f"kata-deploy:{key}": value for key, value in config.items()}}
        )
    )


@pytest.mark.parametrize("config", MISTAKES, ids=str)
def test_schema_finds_mistakes(config: dict[str, Any]) -> None:
    assert errors(config)


@pytest.mark.parametrize("config", CORRECT, ids=str)
def test_schema_allows_what_the_program_accepts(config: dict[str, Any]) -> None:
    assert errors(config) == []
    load_settings(
        {"kataVersion": "4.0.0", "cluster": {"context": "c"}, "deploymentMode": "job"}
        | _of_job_mode(config)
    )


def _of_job_mode(config: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value for key, value in config.items() if key not in ("valuesFile", "podAnnotations")
    }


def test_every_key_has_a_description() -> None:
    written = schema.stack_schema()
    models = {"config": written["properties"]["config"], **written["$defs"]}
    bare = [
        f"{name}.{key}"
        for name, model in models.items()
        for key, value in model.get("properties", {}).items()
        if not value.get("description")
    ]
    assert bare == []


def test_every_description_belongs_to_an_existing_key() -> None:
    words = yaml.safe_load(schema.DESCRIPTIONS.read_text(encoding="utf-8"))
    whole = Settings.model_json_schema()
    models = {"Settings": whole, **whole["$defs"]}
    described = {f"{model}.{key}" for model, keys in words.items() for key in keys}
    assert described <= {
        f"{name}.{key}" for name, model in models.items() for key in model.get("properties", {})
    }


def test_schema_leaves_other_namespaces_alone() -> None:
    assert list(validator().iter_errors({"config": {"aws:region": "eu-west-1"}})) == []
