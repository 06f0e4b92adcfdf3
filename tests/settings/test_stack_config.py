"""Pulumi passes the configuration as text; each key gets the type of its field."""

import pytest

from kata_components.errors import SettingsError
from kata_components.settings.load import load_settings, parse_stack_config

MINIMAL = {"kata-deploy:kataVersion": "4.0.0", "kata-deploy:cluster": '{"context": "c"}'}


def test_other_namespaces_are_ignored() -> None:
    assert parse_stack_config({"kubernetes:context": "x", "pulumi:tags": "{}", **MINIMAL}) == {
        "kataVersion": "4.0.0",
        "cluster": {"context": "c"},
    }


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("debug", "true", True),
        ("job", '{"parallelism": 50}', {"parallelism": 50}),
        ("imagePullSecrets", '[{"name": "s"}]', [{"name": "s"}]),
        # Text that looks like something else stays text where the field is text.
        ("namespace", "1234", "1234"),
        ("helmReleaseName", "true", "true"),
        ("priorityClassName", "", ""),
        ("deploymentMode", "job", "job"),
        # What cannot be parsed stays text, to be refused with the right words.
        ("job", "{", "{"),
        ("job", "[" * 100_000, "[" * 100_000),
        ("debug", "9" * 5_000, "9" * 5_000),
    ],
)
def test_text_gets_the_type_of_its_field(key: str, text: str, value: object) -> None:
    assert parse_stack_config({f"kata-deploy:{key}": text}) == {key: value}


def test_text_for_a_map_is_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(
            parse_stack_config({**MINIMAL, "kata-deploy:job": "50", "kata-deploy:debug": "50"})
        )
    assert caught.value.problems == (
        "debug: must be a valid boolean, got 50",
        "job: 50 has no effect in daemonset mode; remove it, or set deploymentMode to job",
        "job: must be a map, got 50",
    )
