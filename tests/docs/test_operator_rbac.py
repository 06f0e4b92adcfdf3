"""docs/operator-rbac.yaml lets the operator make, read, change and remove every object that the program can make."""

from typing import Any

import pytest
import yaml

from kata_components.manifests.objects import all_objects
from kata_components.settings.load import load_settings
from tests.docs.markdown import CHECKOUT
from tests.program.test_all_objects import CONFIGS

DOCUMENTS = list(yaml.safe_load_all((CHECKOUT / "docs" / "operator-rbac.yaml").read_text(encoding="utf-8")))
CREATED = {"create", "list", "watch"}
KEPT = {"get", "patch", "delete"}
GRANTED = {"escalate", "bind"}


def allowed(group: str, resource: str, name: str, *, namespaced: bool) -> set[str]:
    """Return the verbs on an object, and those on all of its kind."""
    rules = [r for d in DOCUMENTS if d["kind"] == ("Role" if namespaced else "ClusterRole") for r in d["rules"]]
    fitting = [
        rule
        for rule in rules
        if group in rule["apiGroups"]
        and resource in rule["resources"]
        and ("resourceNames" not in rule or name in rule["resourceNames"])
    ]
    return {verb for rule in fitting for verb in rule["verbs"]}


def plural(kind: str) -> str:
    return f"{kind.lower()}{'es' if kind.endswith('s') else 's'}"


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_operator_may_do_what_every_object_needs(config: dict[str, Any]) -> None:
    missing = {}
    for manifest in all_objects(load_settings(config)):
        group = manifest["apiVersion"].rpartition("/")[0]
        metadata = manifest["metadata"]
        has = allowed(group, plural(manifest["kind"]), metadata["name"], namespaced="namespace" in metadata)
        needs = CREATED | KEPT | (GRANTED if manifest["kind"] == "ClusterRole" else set())
        if needs - has:
            missing[f"{manifest['kind']}/{metadata['name']}"] = needs - has
    assert missing == {}


def test_every_role_is_bound() -> None:
    roles = {(d["kind"], d["metadata"]["name"]) for d in DOCUMENTS if d["kind"].endswith("Role")}
    bound = {(d["roleRef"]["kind"], d["roleRef"]["name"]) for d in DOCUMENTS if d["kind"].endswith("Binding")}
    assert roles == bound
    assert len(DOCUMENTS) == 2 * len(roles)
