"""The migration guide: valid commands, the program's own texts, exactly the chart's leftovers."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from kata_components.manifests.dispatcher_rbac import dispatcher_rbac
from kata_components.manifests.objects import all_objects, kept_objects, reference
from kata_components.operations import report
from kata_components.operations.objects_there import ObjectName
from kata_components.planning.helm import Release
from kata_components.settings.load import load_settings
from kata_components.settings.profile import SUPPORTED_VERSIONS
from tests.docs.markdown import CHECKOUT, blocks, configured, in_code, section, tables
from tests.manifests import chart

GUIDE = (CHECKOUT / "docs" / "migrating-from-helm.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line)
    for line in re.findall(r"^ {4}(\w.+)$", GUIDE, re.MULTILINE)
    if line.split()[0] != "takes"
]
RELEASE = Release("kata-deploy", "kube-system")
STACK = {"kataVersion": "4.0.0", "cluster": {"context": "any"}}
NEWEST: dict[str, Any] = {**STACK, "kataVersion": SUPPORTED_VERSIONS[-1], "deploymentMode": "job"}


@pytest.mark.parametrize("mode", ["daemonset", "job"])
def test_the_commands_make_a_stack_that_is_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.chdir(tmp_path)
    config = configured(GUIDE)[-1]
    Path(config["valuesFile"]).write_text(f"deploymentMode: {mode}", encoding="utf-8")
    assert config["rollout"] == {}, "the last step takes the key away again"
    settings = load_settings({**config, "rollout": {"existing": "adopt"}})
    assert (settings.rollout.existing, settings.deployment_mode) == ("adopt", mode)


def test_announcement_is_shown_as_the_program_makes_it() -> None:
    objects = len(all_objects(load_settings(STACK)))
    text = "\n".join(
        f"    {line}" for line in report.takeover_plan(objects, RELEASE, 0).splitlines()
    )
    assert text in "".join(blocks(GUIDE)), text


def test_adoption_of_objects_without_a_release_is_announced_as_in_the_guide() -> None:
    found = [
        ObjectName.parse(reference(manifest)) for manifest in kept_objects(load_settings(STACK))
    ]
    lines = report.adoption_plan([*map(str, found)], 0).splitlines()
    assert "\n".join(f"    {line}" for line in lines) in GUIDE


def test_command_that_makes_helm_forget_is_the_program_s() -> None:
    kubectl, *arguments = shlex.split(RELEASE.forget)
    assert [kubectl, "--context", "my-context", *arguments] in COMMANDS


def test_commands_remove_exactly_the_rights_of_the_dispatcher() -> None:
    named = {word for command in COMMANDS if "delete" in command for word in command if "/" in word}
    objects = dispatcher_rbac(load_settings(NEWEST))
    assert named == {f"{o['kind'].lower()}/{o['metadata']['name']}" for o in objects}


@pytest.mark.skipif(
    not chart.FIXTURES.is_dir(), reason="the renders of the chart are not beside the checkout"
)
def test_what_stays_behind_is_what_the_chart_has_beyond_a_stack() -> None:
    case = chart.Case(NEWEST["kataVersion"], "job-default")
    theirs = {o["metadata"]["name"] for o in case.chart_objects()}
    ours = {o["metadata"]["name"] for o in all_objects(load_settings(NEWEST))}
    named = [
        name for row in tables(section(GUIDE, "## What stays behind")) for name in in_code(row[0])
    ]
    account = next(name for name in named if name.endswith("-dispatcher-sa"))
    whole = {account.removesuffix("-sa") + name if name.startswith("-") else name for name in named}
    assert theirs - ours == whole
