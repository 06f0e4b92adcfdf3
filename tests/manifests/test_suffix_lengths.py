"""Every name and label made of an allowed suffix is valid for the API server."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import yaml

from kata_components import names
from kata_components.errors import SettingsError
from kata_components.manifests.builders import Manifest
from kata_components.manifests.objects import all_objects
from kata_components.settings.load import load_settings
from kata_components.settings.settings import Settings

DNS_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
NODES = ["a", "n" * 63, "worker-1.example.com", "n" * 253]
IN_JOB_MODE = {"deploymentMode": "job", "rollout": {"runsIn": "cluster"}}
ONE_SHIM = {
    "shims": {"disableAll": True, "qemu": {"enabled": True}},
    "defaultShim": {"amd64": "qemu"},
}
LIMITS: list[tuple[str, dict[str, Any], int]] = [
    ("4.0.0", IN_JOB_MODE | ONE_SHIM, 43),
    ("4.1.0", IN_JOB_MODE | ONE_SHIM, 43),
    ("4.2.0", IN_JOB_MODE | ONE_SHIM | {"job": {"reconcile": {"enabled": True}}}, 43),
    ("4.0.0", ONE_SHIM, 49),
    ("4.0.0", IN_JOB_MODE, 27),
    ("4.0.0", {}, 27),
    ("4.1.0", {"debug": True, "devkit": True}, 20),
    ("4.0.0", IN_JOB_MODE | {"runtimeClasses": {"enabled": False}}, 43),
]


def load(version: str, suffix: str, **config: Any) -> Settings:
    env = {"multiInstallSuffix": suffix}
    return load_settings(
        {"kataVersion": version, "cluster": {"context": "c"}, "env": env, **config}
    )


def everything(settings: Settings) -> Iterator[Manifest]:
    """Yield all objects, and the per-node Jobs of nodes with all kinds of names."""
    suffix = settings.env.multi_install_suffix
    for manifest in all_objects(settings):
        yield manifest
        for text in (v for k, v in manifest.get("data", {}).items() if k.endswith("-job.yaml")):
            job = yaml.safe_load(text)
            for kind in get_args(names.JobKind):
                prefix = names.job_prefix(suffix, kind)
                labels = {**job["metadata"].get("labels", {}), names.OWNER_LABEL: prefix}
                for node in NODES:
                    yield {
                        **job,
                        "metadata": {"name": names.job_name(prefix, node), "labels": labels},
                    }


def refused(manifest: Manifest) -> Iterator[str]:
    """Yield what the API server would refuse."""
    metadata, kind = manifest["metadata"], manifest["kind"]
    # The pods of a Job carry its name as a label.
    longest = {"Job": 63, "CronJob": 52}.get(kind, 253)
    if (
        not re.fullmatch(rf"{DNS_LABEL}(\.{DNS_LABEL})*", metadata["name"])
        or len(metadata["name"]) > longest
    ):
        yield f"{kind} {metadata['name']}"
    if kind == "RuntimeClass" and not (
        re.fullmatch(DNS_LABEL, manifest["handler"]) and len(manifest["handler"]) <= 63
    ):
        yield f"handler {manifest['handler']}"
    for labels in label_maps(manifest):
        for key, value in labels.items():
            name = key.rpartition("/")[2]
            if len(name) > 63 or not re.fullmatch(NAME, name):
                yield f"key {key}"
            if len(value) > 63 or not re.fullmatch(f"({NAME})?", value):
                yield f"label {key}={value}"


def label_maps(tree: Any) -> Iterator[dict[str, str]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key in ("labels", "matchLabels", "nodeSelector") and isinstance(value, dict):
                yield value
            else:
                yield from label_maps(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from label_maps(item)


@pytest.mark.parametrize(("version", "config", "longest"), LIMITS, ids=str)
def test_every_suffix_that_is_allowed_can_work(
    version: str, config: dict[str, Any], longest: int
) -> None:
    for length in (0, 1, longest - 1, longest):
        settings = load(version, "s" * length, **config)
        suffix = settings.env.multi_install_suffix
        assert [line for manifest in everything(settings) for line in refused(manifest)] == []
        assert (
            list(
                refused(
                    {
                        "kind": "Node",
                        "metadata": {"name": "n", "labels": {names.instance_label(suffix): "true"}},
                    }
                )
            )
            == []
        )
        assert len(names.mark_annotation(suffix).rpartition("/")[2]) <= 63
        assert names.dispatcher_name(suffix, "install") != names.dispatcher_name(suffix, "cleanup")


@pytest.mark.parametrize(("version", "config", "longest"), LIMITS, ids=str)
def test_a_longer_suffix_is_refused_with_the_limit(
    version: str, config: dict[str, Any], longest: int
) -> None:
    for length in range(longest + 1, 65):
        with pytest.raises(SettingsError) as caught:
            load(version, "s" * length, **config)
        (line,) = caught.value.problems
        assert line.startswith("env.multiInstallSuffix: must ")
        assert f"at most {longest} " in line or length > 49


def test_the_message_says_what_becomes_too_long() -> None:
    with pytest.raises(SettingsError) as caught:
        load("4.0.0", "a" * 44, **IN_JOB_MODE, **ONE_SHIM)
    assert caught.value.problems == (
        "env.multiInstallSuffix: must have at most 43 characters, got "
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' with 44: the owner label of its Jobs "
        "kata-deploy-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-install has 64, and Kubernetes "
        "allows 63; use a shorter one",
    )
