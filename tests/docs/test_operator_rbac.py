"""The operator's rights in docs/ cover every object that the program can make."""

from typing import Any

import pytest
import yaml

from kata_components.settings.load import load_settings
from tests.docs.markdown import CHECKOUT
from tests.program.test_all_objects import CONFIGS, of_pulumi

FILES = {
    where: list(yaml.safe_load_all((CHECKOUT / "docs" / name).read_text(encoding="utf-8")))
    for where, name in (("pulumi", "operator-rbac.yaml"), ("cluster", "operator-rbac-cluster.yaml"))
}
CREATED = {"create", "list", "watch"}
KEPT = {"get", "patch", "delete"}
GRANTED = {"escalate", "bind"}


def allowed(
    documents: list[Any], group: str, resource: str, name: str, *, namespaced: bool
) -> set[str]:
    """Return the verbs on an object, and those on all of its kind."""
    rules = [
        r
        for d in documents
        if d["kind"] == ("Role" if namespaced else "ClusterRole")
        for r in d["rules"]
    ]
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
    settings = load_settings(config)
    documents = FILES["pulumi"] + (
        FILES["cluster"] if settings.rollout.runs_in == "cluster" else []
    )
    for manifest in of_pulumi(settings):
        group = manifest["apiVersion"].rpartition("/")[0]
        metadata = manifest["metadata"]
        has = allowed(
            documents,
            group,
            plural(manifest["kind"]),
            metadata["name"],
            namespaced="namespace" in metadata,
        )
        needs = CREATED | KEPT | (GRANTED if manifest["kind"] == "ClusterRole" else set())
        if needs - has:
            missing[f"{manifest['kind']}/{metadata['name']}"] = needs - has
    assert missing == {}


@pytest.mark.parametrize("documents", FILES.values(), ids=FILES)
def test_every_role_is_bound(documents: list[Any]) -> None:
    roles = {(d["kind"], d["metadata"]["name"]) for d in documents if d["kind"].endswith("Role")}
    bound = {
        (d["roleRef"]["kind"], d["roleRef"]["name"])
        for d in documents
        if d["kind"].endswith("Binding")
    }
    assert roles == bound
    assert len(documents) == 2 * len(roles)
