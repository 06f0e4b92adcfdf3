"""Values set with `--secret` that would appear in clear text are refused by name, unseen."""

from typing import Any

import pytest

from kata_components.errors import SettingsError
from kata_components.settings.load import load_settings, project_keys
from kata_components.settings.settings import Settings

PROXY = "http://user:PASSWORD@proxy"
MINIMAL: dict[str, Any] = {"kataVersion": "4.0.0", "cluster": {"context": "c"}}
KEYS = sorted(
    {field.alias or name for name, field in Settings.model_fields.items()} - {"valuesFile"}
)


def problems(secrets: set[str], **config: Any) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(MINIMAL | config, secrets)
    return caught.value.problems


def test_line_says_where_the_value_would_appear_and_what_to_do() -> None:
    assert problems({"shims"}, shims={"qemu": {"agent": {"httpsProxy": PROXY}}}) == (
        "shims: was set with --secret, but would appear in clear text in the state, in previews, "
        "in a ConfigMap and in the environment of the pods on every node; use a proxy that needs "
        "no password; if anyone may read it there, set it again without --secret",
    )


@pytest.mark.parametrize("key", KEYS)
def test_every_key_that_reaches_the_state_is_refused(key: str) -> None:
    (line,) = problems({key})
    assert line.startswith(
        f"{key}: was set with --secret, but would appear in clear text in the state"
    )


def test_no_other_line_shows_the_value() -> None:
    wrong = {
        "containerd": {"userDropIn": f"[{PROXY}", "configDir": PROXY},
        "shims": {"qemu": {"dropIn": 5}},
    }
    lines = problems({"containerd", "namespace"}, namespace=PROXY, **wrong)
    assert [line.partition(":")[0] for line in lines] == [
        "containerd",
        "namespace",
        "shims.qemu.dropIn",
    ]
    assert not any("PASSWORD" in line for line in lines)


def test_secret_of_a_key_without_path_is_not_shown() -> None:
    lines = problems({"containerd.configDir"}, **{"containerd.configDir": PROXY})
    assert not any("PASSWORD" in line for line in lines)
    assert any(
        line.endswith("`pulumi config set --path containerd.configDir <value>`") for line in lines
    )


def test_path_of_the_values_file_may_be_secret() -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(MINIMAL | {"valuesFile": "no.yaml"}, {"valuesFile"})
    assert load_settings(MINIMAL, {"valuesFile"}) == load_settings(MINIMAL)


def test_secrets_of_other_projects_do_not_matter() -> None:
    assert project_keys(["aws:token", "kata-deploy:shims"]) == {"shims"}


def test_unknown_key_is_reported_as_such() -> None:
    assert problems({"foo"}, foo=PROXY) == ("foo: no such key at 4.0.0",)
