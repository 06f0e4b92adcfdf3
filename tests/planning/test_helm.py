"""Helm's traces on an object: recognised, and removed without a trace of anybody else."""

from typing import Any

import pytest

from kata_components.kubernetes.objects import OwnedMetadata
from kata_components.planning import helm
from kata_components.planning.helm import Release

NOTE = {"meta.helm.sh/release-name": "kata", "meta.helm.sh/release-namespace": "kube-system"}
BY_HELM = {
    "manager": "helm",
    "operation": "Update",
    "fieldsV1": {
        "f:metadata": {"f:annotations": {"f:meta.helm.sh/release-name": {}}},
        "f:handler": {},
    },
}
BY_PULUMI = {"manager": "pulumi-kubernetes-1", "operation": "Apply", "fieldsV1": {"f:handler": {}}}
BY_CONTROLLER = {
    "manager": "kube-controller-manager",
    "operation": "Update",
    "subresource": "status",
}


def metadata(**fields: Any) -> OwnedMetadata:
    return OwnedMetadata(name="x", resource_version="7", **fields)


@pytest.mark.parametrize(
    ("fields", "release"),
    [
        ({}, None),
        ({"labels": {"app.kubernetes.io/managed-by": "kata-deploy"}}, None),
        ({"annotations": NOTE}, Release("kata", "kube-system")),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, None),
    ],
)
def test_release_of_an_object(fields: dict[str, Any], release: Release | None) -> None:
    assert helm.release_of(metadata(**fields)) == release


def test_a_release_removes_helms_keys_and_helm_as_manager_and_nothing_else() -> None:
    patch = helm.letting_go(
        metadata(
            labels={
                "app.kubernetes.io/managed-by": "Helm",
                "helm.sh/chart": "kata-deploy-4.0.0",
                "mine": "1",
            },
            annotations={
                **NOTE,
                "helm.sh/resource-policy": "keep",
                "katacontainers.io/kata-version": "4.0.0",
            },
            managed_fields=[BY_HELM, BY_PULUMI, BY_CONTROLLER],
        )
    )
    assert patch == {
        "resourceVersion": "7",
        "labels": {"app.kubernetes.io/managed-by": None, "helm.sh/chart": None},
        "annotations": dict.fromkeys([*NOTE, "helm.sh/resource-policy"]),
        "managedFields": [BY_PULUMI, BY_CONTROLLER],
    }


def test_a_label_that_names_another_manager_stays() -> None:
    patch = helm.letting_go(
        metadata(labels={"app.kubernetes.io/managed-by": "kata-deploy"}, annotations=NOTE)
    )
    assert patch["labels"] == {}


@pytest.mark.parametrize("managers", [None, [], [BY_HELM]])
def test_managers_stay_when_no_other_would_be_left(managers: list[dict[str, Any]] | None) -> None:
    # An empty list would make the API server invent a manager of all fields.
    assert "managedFields" not in helm.letting_go(
        metadata(annotations=NOTE, managed_fields=managers)
    )


def test_the_command_that_makes_helm_forget_only_touches_its_records() -> None:
    assert (
        Release("kata", "kube-system").forget
        == "kubectl -n kube-system delete secret -l owner=helm,name=kata"
    )
