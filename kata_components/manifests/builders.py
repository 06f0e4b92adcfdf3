"""Builders shared by several objects: the chart's names and labels, RBAC, ConfigMaps, pods."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from kata_components import names
from kata_components.settings.pods import Toleration
from kata_components.settings.settings import Settings
from kata_components.settings.traits import Rule

Manifest = dict[str, Any]
"""A Kubernetes object, or part of one, as sent to the API server."""


def without_empty(**fields: object) -> Manifest:
    """Return the fields that have a value: to Kubernetes, an empty field equals an absent one."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def suffixed(settings: Settings, name: str) -> str:
    """Return the name of an object with the multi-install suffix at its end."""
    return names.suffixed(name, settings.env.multi_install_suffix)


def base(settings: Settings) -> str:
    """Return the prefix of the names of this installation's namespaced objects."""
    return names.base(settings.env.multi_install_suffix)


def chart_labels(settings: Settings) -> Manifest:
    """Return the labels that identify the chart's objects."""
    name = names.truncated(settings.name_override or names.PROJECT)
    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/instance": settings.helm_release_name,
    }


def image(settings: Settings) -> str:
    """Return the image that does the work on a node."""
    return settings.image.name(settings.kata_version)


def pod_basics(settings: Settings) -> Manifest:
    """Return what the pods of both modes share: pull secrets, tolerations, priority."""
    return pull_secrets(settings) | without_empty(
        tolerations=as_written(settings.tolerations),
        priorityClassName=settings.priority_class_name,
    )


def pull_secrets(settings: Settings) -> Manifest:
    """Return the part of a pod spec that names the Secrets for pulling its images."""
    return without_empty(
        imagePullSecrets=[{"name": secret.name} for secret in settings.image_pull_secrets]
    )


def termination_messages(settings: Settings) -> Manifest:
    """Return the part of a container that keeps the end of its log in its status if it fails."""
    wanted = settings.traits.termination_messages
    return {"terminationMessagePolicy": "FallbackToLogsOnError"} if wanted else {}


def as_written(tolerations: Iterable[Toleration]) -> list[Manifest]:
    """Return tolerations with only the fields that the user wrote."""
    return [toleration.model_dump(by_alias=True, exclude_unset=True) for toleration in tolerations]


def config_map(settings: Settings, name: str, data: Mapping[str, str]) -> Manifest:
    """Return a ConfigMap of the installation."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": settings.namespace,
            "labels": chart_labels(settings),
        },
        "data": dict(data),
    }


def as_block(text: str) -> str:
    """Return text with one newline at its end, like the YAML blocks that the chart writes."""
    return text.rstrip("\n") + "\n"


def checksum(content: object) -> str:
    """Return a fingerprint of content; pods that carry it are replaced when it changes."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def service_account(name: str, namespace: str) -> Manifest:
    """Return a ServiceAccount."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": namespace},
    }


def rules(found: Iterable[Rule]) -> list[Manifest]:
    """Return the rules of a role from the version's data."""
    return [rule(one.group, one.resources, one.verbs) for one in found]


def rule(group: str, resources: str, verbs: str) -> Manifest:
    """Return a rule of a role; resources and verbs are separated by spaces."""
    return {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split()}


def role(name: str, allowed: list[Manifest], namespace: str = "") -> Manifest:
    """Return a Role, or a ClusterRole without a namespace."""
    return {**_rbac("Role", name, namespace), "rules": allowed}


def binding(name: str, role_name: str, account: Manifest, namespace: str = "") -> Manifest:
    """Return a RoleBinding for a ServiceAccount, or a ClusterRoleBinding without a namespace."""
    return {
        **_rbac("RoleBinding", name, namespace),
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "Role" if namespace else "ClusterRole",
            "name": role_name,
        },
        "subjects": [{"kind": "ServiceAccount", **account["metadata"]}],
    }


def _rbac(kind: str, name: str, namespace: str) -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind if namespace else f"Cluster{kind}",
        "metadata": without_empty(name=name, namespace=namespace),
    }
