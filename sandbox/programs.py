"""Runs what simulated kubelets cannot: the program in a dispatcher pod.

`python -m sandbox.programs KUBECONFIG` is one process beside a cluster. For each dispatcher pod
that kwok has started, it runs the double, or the program that `KATA_SANDBOX_DISPATCHER` names, with
the pod's own command line, mounts and ServiceAccount. When the program ends, so does the pod, and
the other way round.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from sandbox.dispatcher.releases import program_of
from sandbox.errors import SandboxError
from sandbox.kube import Kube
from sandbox.paths import CHECKOUT

PROGRAM = "KATA_SANDBOX_DISPATCHER"
VERSION = "KATA_SANDBOX_DISPATCHER_VERSION"
_PODS = "kata-deploy/dispatcher"
_SYNC_EVERY = 0.4
_TOKEN_SECONDS = 7200
_MESSAGE_BYTES = 2048

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Running:
    """A running program and the pod it stands for."""

    pod: Manifest
    process: "subprocess.Popen[bytes]"
    folder: "tempfile.TemporaryDirectory[str]"
    """Holds its mounts, kubeconfig and log."""
    started: str
    """The time, as Kubernetes writes it."""

    @property
    def log(self) -> Path:
        """The file with its output."""
        return Path(self.folder.name) / "log"


class Programs:
    """All running programs of one cluster."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        self._running: dict[str, Running] = {}

    def sync(self) -> None:
        """Start programs for pods that kwok has started, end those without a pod, report ends."""
        with Kube.of_kubeconfig(self._kubeconfig) as kube:
            pods = {
                pod["metadata"]["uid"]: pod
                for pod in kube.get("/api/v1/pods", labelSelector=_PODS)["items"]
                if "deletionTimestamp" not in pod["metadata"]
            }
            for uid in self._running.keys() - pods.keys():
                self._end(self._running.pop(uid))
            for uid, pod in pods.items():
                if pod["status"].get("phase") == "Running" and uid not in self._running:
                    self._running[uid] = self._start(kube, pod)
            for uid, running in list(self._running.items()):
                if running.process.poll() is not None:
                    kube.merge(f"{_path(running.pod)}/status", {"status": _ended(running)})
                    self._end(self._running.pop(uid))

    def end(self) -> None:
        """End all programs."""
        for running in self._running.values():
            self._end(running)

    def _start(self, kube: Kube, pod: Manifest) -> Running:
        folder = tempfile.TemporaryDirectory(prefix="dispatcher-")
        root = Path(folder.name)
        container = pod["spec"]["containers"][0]
        environment = _environment(pod, container)
        words = [
            re.sub(r"\$\((\w+)\)", lambda found: environment.get(found[1], found[0]), word)
            for word in [*container["command"][1:], *container.get("args", [])]
        ]
        for path, files in _mounts(kube, pod, container).items():
            inside = root / path.lstrip("/")
            inside.mkdir(parents=True)
            for name, text in files.items():
                (inside / name).write_text(text, encoding="utf-8")
            words = [word.replace(f"={path}/", f"={inside}/") for word in words]
        (root / "kubeconfig").write_text(self._kubeconfig_of(kube, pod), encoding="utf-8")
        chosen = os.environ.get(PROGRAM)
        command = [chosen] if chosen else [sys.executable, "-m", "sandbox.dispatcher"]
        own = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("KATA_SANDBOX_", "PATH", "HOME"))
        }
        with (root / "log").open("wb") as log:
            process = subprocess.Popen(
                [*command, *words],
                cwd=CHECKOUT,
                env={
                    **own,
                    **environment,
                    "KUBECONFIG": str(root / "kubeconfig"),
                    VERSION: program_of(container),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return Running(pod, process, folder, _now())

    def _kubeconfig_of(self, kube: Kube, pod: Manifest) -> str:
        """Return a kubeconfig with a token of the pod's ServiceAccount, as kubelets request it."""
        account = pod["spec"]["serviceAccountName"]
        namespace = pod["metadata"]["namespace"]
        bound = {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": pod["metadata"]["name"],
            "uid": pod["metadata"]["uid"],
        }
        request = {
            "spec": {"audiences": [], "expirationSeconds": _TOKEN_SECONDS, "boundObjectRef": bound}
        }
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        token = kube.create(path, request)["status"]["token"]
        config = yaml.safe_load(self._kubeconfig.read_text(encoding="utf-8"))
        user = config["contexts"][0]["context"]["user"]
        return yaml.safe_dump(config | {"users": [{"name": user, "user": {"token": token}}]})

    @staticmethod
    def _end(running: Running) -> None:
        running.process.kill()
        running.process.wait()
        running.folder.cleanup()


def _mounts(kube: Kube, pod: Manifest, container: Manifest) -> dict[str, dict[str, str]]:
    """Return the files of each mount path, from the pod's ConfigMaps and annotations."""
    namespace = pod["metadata"]["namespace"]
    files: dict[str, dict[str, str]] = {}
    for volume in pod["spec"].get("volumes", []):
        if "configMap" in volume:
            path = f"/api/v1/namespaces/{namespace}/configmaps/{volume['configMap']['name']}"
            files[volume["name"]] = kube.get(path).get("data", {})
        elif "downwardAPI" in volume:
            items = volume["downwardAPI"]["items"]
            files[volume["name"]] = {
                item["path"]: _annotation(pod, item["fieldRef"]["fieldPath"]) for item in items
            }
    mounts = container.get("volumeMounts", [])
    return {mount["mountPath"]: files[mount["name"]] for mount in mounts if mount["name"] in files}


def _annotation(pod: Manifest, field: str) -> str:
    key = field.removeprefix("metadata.annotations['").removesuffix("']")
    text: str = pod["metadata"].get("annotations", {}).get(key, "")
    return text


def _environment(pod: Manifest, container: Manifest) -> dict[str, str]:
    fields = {f"metadata.{name}": pod["metadata"][name] for name in ("namespace", "name", "uid")}
    return {
        entry["name"]: entry["value"]
        if "value" in entry
        else fields[entry["valueFrom"]["fieldRef"]["fieldPath"]]
        for entry in container.get("env", [])
    }


def _ended(running: Running) -> Manifest:
    """Return the status of a pod whose program has ended.

    The end of its output stands for its log, which kwok cannot show.
    """
    code = running.process.returncode
    words = running.log.read_bytes()[-_MESSAGE_BYTES:].decode("utf-8", "replace")
    ended = {
        "exitCode": code,
        "reason": "Error" if code else "Completed",
        "startedAt": running.started,
        "finishedAt": _now(),
        **({"message": words} if code else {}),
    }
    container = running.pod["spec"]["containers"][0]
    state = {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": False,
        "restartCount": 0,
    }
    return {
        "phase": "Failed" if code else "Succeeded",
        "containerStatuses": [{**state, "started": False, "state": {"terminated": ended}}],
    }


def _path(pod: Manifest) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def main() -> None:
    """Sync periodically until the process is terminated."""

    def end(*_: object) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    programs = Programs(Path(sys.argv[1]))
    try:
        while True:
            try:
                programs.sync()
            except SandboxError as error:
                # The API server may be down for a while, and a pod may go at any moment: the next
                # sync sees it.
                print(error, file=sys.stderr, flush=True)
            time.sleep(_SYNC_EVERY)
    finally:
        programs.end()


if __name__ == "__main__":
    main()
