"""Dotted keys, set without `--path` or in a values file, are distinguished from unknown keys."""

from pathlib import Path
from typing import Any

import pytest

from kata_components.errors import SettingsError
from kata_components.settings.load import load_settings, parse_stack_config

MINIMAL: dict[str, Any] = {
    "kataVersion": "4.0.0",
    "cluster": {"context": "c"},
    "deploymentMode": "job",
}


def problems(config: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(config)
    return caught.value.problems


def test_commands_that_fix_it_are_named() -> None:
    assert problems(MINIMAL | {"job.parallelism": 50}) == (
        "job.parallelism: was set without --path, so it is a separate key, not one inside job; run "
        "`pulumi config rm job.parallelism` and `pulumi config set --path job.parallelism 50`",
    )


def test_key_set_without_path_is_not_reported_as_missing() -> None:
    raw = {"kata-deploy:kataVersion": "4.0.0", "kata-deploy:cluster.context": "prod"}
    (line,) = problems(parse_stack_config(raw))
    assert line.startswith("cluster.context: was set without --path")
    assert line.endswith("`pulumi config set --path cluster.context prod`")


def test_further_problems_of_the_value_are_reported_too() -> None:
    lines = problems(MINIMAL | {"job.parallelism": 0, "job.paralelism": 5})
    assert [line.partition(";")[0] for line in lines if "--path" not in line] == [
        "job.paralelism: no such key at 4.0.0",
        "job.parallelism: must be greater than or equal to 1, got 0",
    ]
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("key", "value", "command"),
    [
        ("job.nodes[0]", "worker-1", "'job.nodes[0]' worker-1"),
        ('job.nodeSelector["a.b/c"]', True, """'job.nodeSelector["a.b/c"]' true"""),
        ("env.hostOS", "a b", "env.hostOS 'a b'"),
        ("node-feature-discovery.enabled", False, "node-feature-discovery.enabled false"),
        ("job.nodeSelector", {"a": "b"}, "job.nodeSelector <value>"),
    ],
)
def test_keys_and_values_are_quoted_for_the_shell(key: str, value: object, command: str) -> None:
    (line,) = problems(MINIMAL | {key: value})
    assert line.endswith(f"`pulumi config set --path {command}`")


def test_problems_of_other_keys_are_reported_too() -> None:
    lines = problems(MINIMAL | {"job.parallelism": 50, "job": {"paralelism": 5}, "debugg": True})
    assert [line.partition(":")[0] for line in lines] == [
        "debugg",
        "job.paralelism",
        "job.parallelism",
    ]


def test_a_dot_in_an_unknown_key_is_not_a_path() -> None:
    (line,) = problems(MINIMAL | {"my.key": 1})
    assert line.startswith("my.key: no such key at 4.0.0")


def test_dotted_key_in_a_values_file(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("job.parallelism: 50\nimage.tag: 4.0.0\n", encoding="utf-8")
    assert problems(MINIMAL | {"valuesFile": str(file)}) == (
        f"image.tag: is a separate key here, not one inside image; write `image: {{tag: …}}` (in "
        f"{file})",
        f"job.parallelism: is a separate key here, not one inside job; write `job: "
        f"{{parallelism: …}}` (in {file})",
    )
