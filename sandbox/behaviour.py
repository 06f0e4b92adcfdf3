"""How simulated nodes behave: kwok's stages, and the admission policies that feed them.

The files in `stages/` say what happens when; this module adds what kwok's own format would repeat
in every entry.
"""

import json
import re
from pathlib import Path
from textwrap import indent
from typing import Any

import yaml

from sandbox.nodes import RUNC
from sandbox.switches import POD_SWITCHES, key

STAGES = Path(__file__).parent / "stages"
_SECONDS = '.metadata.annotations["sandbox.kata-deploy/seconds"] // "1.5" | tonumber'
"""How long a simulated pod takes from start to end, all containers together; 1.5 by default."""

_AFTER_RESTART = (
    '(({seconds}) // "0" | tonumber) - now'
    ' + (.metadata.annotations["sandbox.kata-deploy/restarted"] // "0" | tonumber / 1000)'
)
"""Seconds from now until so long after the last restart of the node's container runtime."""

Manifest = dict[str, Any]


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
    return [*_entries("policies"), *(_binding(name) for name in POD_SWITCHES)]


def _entries(name: str) -> list[Manifest]:
    entries: list[Manifest] = yaml.safe_load(_text(f"{name}.yaml"))
    return entries


def _text(file: str) -> str:
    text = (STAGES / file).read_text(encoding="utf-8").replace("(SECONDS)", f"({_SECONDS})")
    return re.sub(r"( *)\(RUNC\)", lambda found: indent(yaml.safe_dump(RUNC), found[1]), text)


def _stage(entry: Manifest) -> Manifest:
    spec: Manifest = {
        "resourceRef": {"apiGroup": "v1", "kind": entry["kind"]},
        "selector": {"matchExpressions": [{"jq": condition} for condition in entry["when"]]},
        "weight": entry.get("weight", 0),
        "steps": _steps(entry),
    }
    if seconds := _seconds(entry):
        spec["delay"] = {"durationFrom": {"jq": {"expression": f'({seconds}) | tostring + "s"'}}}
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": entry["name"]},
        "spec": spec,
    }


def _seconds(entry: Manifest) -> str:
    if "secondsAfterRestart" in entry:
        return _AFTER_RESTART.format(seconds=entry["secondsAfterRestart"])
    return str(entry.get("seconds", ""))


def _steps(entry: Manifest) -> list[Manifest]:
    steps: list[Manifest] = []
    if "nodeLabels" in entry or "restartsRuntime" in entry:
        steps.append({"apply": _patch(_of_the_node(entry)) | {"type": "strategic"}})
    if "node" in entry:
        steps.append({"patch": _patch(entry["node"])})
    if "status" in entry:
        steps.append({"patch": _patch(entry["status"]) | {"root": "status"}})
    if "phase" in entry:
        steps.append({"patch": _patch(f"phase: {entry['phase']}") | {"root": "status"}})
    if entry.get("delete"):
        steps.append({"delete": True})
    return steps


def _patch(template: str) -> Manifest:
    """Return a patch of `status`, which may change labels and annotations as well.

    Patching the node of a pod otherwise, kwok would try to create it first.
    """
    return {"subresource": "status", "template": template}


def _of_the_node(entry: Manifest) -> str:
    """Return the template of a patch of the pod's node."""
    labels = entry.get("nodeLabels", {})
    if "restartsRuntime" in entry:
        return _text("runtime-restart.gotpl").replace("(LABELS)", json.dumps(labels))
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
                "selector": {"matchExpressions": [{"key": key(name), "operator": "Exists"}]},
            },
        },
    }
