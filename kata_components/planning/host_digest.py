"""The host digest: a fingerprint of what a per-node Job does to its host, and of nothing else.

It covers images, stages in order, commands, environment, mounts, host privileges, and the content
of mounted ConfigMaps. It omits what only Kubernetes sees (TTL, labels, tolerations, pull secrets,
pull policy), because changing those must not restart a container runtime (upstream issue #12761).
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from kata_components.planning.node_mark import SCHEMA

_LENGTH: Final = 12

Contents = Mapping[str, Mapping[str, str]]
"""What ConfigMaps hold, by name and file: the text itself, or a fingerprint of it."""


def host_digests(job: Mapping[str, Any], contents: Contents | None = None) -> dict[int, str]:
    """Return a Job's digest by each recipe that existing marks may have, keyed by mark schema."""
    pod = job["spec"]["template"]["spec"]
    return {1: _sha256(_recipe_1(pod, contents or {}))}


def current(digests: Mapping[int, str]) -> str:
    """Return the digest that new marks and Jobs carry."""
    return digests[SCHEMA]


def _recipe_1(pod: Mapping[str, Any], contents: Contents) -> dict[str, Any]:
    return {
        "recipe": 1,
        "hostPID": pod.get("hostPID", False),
        "stages": [
            _stage(container) for container in [*pod.get("initContainers", []), *pod["containers"]]
        ],
        "volumes": sorted(
            (_volume(volume, contents) for volume in pod.get("volumes", [])), key=_json
        ),
    }


def _stage(container: Mapping[str, Any]) -> dict[str, Any]:
    stage = {
        key: container.get(key) for key in ("name", "image", "command", "args", "securityContext")
    }
    return stage | {
        "env": sorted(container.get("env", []), key=_json),
        "mounts": sorted(container.get("volumeMounts", []), key=_json),
    }


def _volume(volume: Mapping[str, Any], contents: Contents) -> dict[str, Any]:
    config_map = volume.get("configMap")
    if config_map is None:
        return dict(volume)
    # Only the content of a ConfigMap reaches the host: renaming it changes nothing there.
    return {"name": volume["name"], "content": dict(contents.get(config_map["name"], {}))}


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _sha256(value: object) -> str:
    return hashlib.sha256(_json(value).encode()).hexdigest()[:_LENGTH]
