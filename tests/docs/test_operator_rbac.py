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


def allowed(documents: list[Any], group: str, resource: str, name: str, namespace: str) -> set[str]:
    """Return the verbs on an object, and those on all of its kind."""
    rules = [r for d in documents if of(d) == namespace and "rules" in d for r in d["rules"]]
    fitting = [
        rule
        for rule in rules
        if group in rule["apiGroups"]
        and resource in rule["resources"]
        and ("resourceNames" not in rule or name in rule["resourceNames"])
    ]
    return {verb for rule in fitting for verb in rule["verbs"]}


def of(document: Any) -> str:
    """Return the namespace of an object, empty for one of the whole cluster."""
    return str(document["metadata"].get("namespace", ""))


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
            namespace=metadata.get("namespace", ""),
        )
        grants = manifest["kind"] in {"ClusterRole", "Role"}
        needs = CREATED | KEPT | (GRANTED if grants else set())
        if needs - has:
            missing[f"{manifest['kind']}/{metadata['name']}"] = needs - has
    assert missing == {}


@pytest.mark.parametrize("documents", FILES.values(), ids=FILES)
def test_every_role_is_bound(documents: list[Any]) -> None:
    roles = {(d["kind"], of(d), d["metadata"]["name"]) for d in documents if "rules" in d}
    bound = {
        (d["roleRef"]["kind"], of(d), d["roleRef"]["name"]) for d in documents if "roleRef" in d
    }
    assert roles == bound
    assert len(documents) == 2 * len(roles)
