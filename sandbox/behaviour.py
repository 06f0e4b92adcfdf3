"""How simulated nodes behave: kwok's stages, and the admission policies that feed them.

The files in `stages/` say what happens when; this module adds what kwok's own format would repeat
in every entry.
"""

from pathlib import Path
from typing import Any

import yaml

STAGES = Path(__file__).parent / "stages"
PREFIX = "sandbox.kata-deploy"
_SECONDS = '.metadata.annotations["sandbox.kata-deploy/seconds"] // "1.5" | tonumber'
"""How long a simulated pod takes from start to end, all containers together; 1.5 by default."""

SWITCHES = ("fail", "fail-times", "never-finishes", "not-ready", "seconds")
"""What a label `sandbox.kata-deploy/<switch>` on a node can set."""

Manifest = dict[str, Any]


def switch(name: str) -> str:
    """Return the key of the label that sets a switch."""
    return f"{PREFIX}/{name}"


def stages() -> list[Manifest]:
    """Return all Stage objects of the simulated kubelet."""
    return [_stage(entry) for name in ("nodes", "pods") for entry in _entries(name)]


def logs() -> Manifest:
    """Return what `kubectl logs` shows for every simulated container."""
    file = str(STAGES / "container.log")
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "ClusterLogs",
        "metadata": {"name": "all-containers"},
        "spec": {"logs": [{"logsFile": file}]},
    }


def policies() -> list[Manifest]:
    """Return the admission policies with their bindings."""
    return [*_entries("policies"), *(_binding(name) for name in SWITCHES)]


def _entries(name: str) -> list[Manifest]:
    text = (STAGES / f"{name}.yaml").read_text(encoding="utf-8")
    entries: list[Manifest] = yaml.safe_load(text.replace("(SECONDS)", f"({_SECONDS})"))
    return entries


def _stage(entry: Manifest) -> Manifest:
    spec: Manifest = {
        "resourceRef": {"apiGroup": "v1", "kind": entry["kind"]},
        "selector": {"matchExpressions": [{"jq": condition} for condition in entry["when"]]},
        "weight": entry.get("weight", 0),
        "steps": _steps(entry),
    }
    if "seconds" in entry:
        spec["delay"] = {
            "durationFrom": {"jq": {"expression": f'({entry["seconds"]}) | tostring + "s"'}}
        }
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": entry["name"]},
        "spec": spec,
    }


def _steps(entry: Manifest) -> list[Manifest]:
    steps: list[Manifest] = []
    if "nodeLabels" in entry:
        steps.append(
            {
                "apply": {
                    "subresource": "status",
                    "type": "merge",
                    "template": _node(entry["nodeLabels"]),
                }
            }
        )
    if "status" in entry:
        steps.append(
            {"patch": {"subresource": "status", "root": "status", "template": entry["status"]}}
        )
    if entry.get("delete"):
        steps.append({"delete": True})
    return steps


def _node(labels: dict[str, str | None]) -> str:
    """Return a patch for the pod's node.

    It goes to `status`: otherwise kwok would try to create the node first.
    """
    metadata = {"name": "{{ .spec.nodeName }}", "labels": labels}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Node", "metadata": metadata})


def _binding(name: str) -> Manifest:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": f"sandbox-{name}"},
        "spec": {
            "policyName": "sandbox-node-labels",
            "paramRef": {
                "parameterNotFoundAction": "Allow",
                "selector": {"matchExpressions": [{"key": switch(name), "operator": "Exists"}]},
            },
        },
    }
