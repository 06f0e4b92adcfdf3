"""A small chart called node-feature-discovery, served on loopback, and a program that uses it."""

import io
import json
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.stack import CHECKOUT

CHART = "node-feature-discovery"
CRD_PATH = (
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/nodefeaturerules.nfd.k8s-sigs.io"
)


def _mapping(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": of}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


_TEXT = {"type": "string"}
_RULE = _object(
    name=_TEXT,
    labels=_mapping(_TEXT),
    extendedResources=_mapping(_TEXT),
    matchFeatures=_list(
        _object(
            feature=_TEXT,
            matchExpressions=_mapping(
                _object(op={"enum": ["Exists"], **_TEXT}, value=_list(_TEXT))
            ),
        )
    ),
)
CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "nodefeaturerules.nfd.k8s-sigs.io"},
    "spec": {
        "group": "nfd.k8s-sigs.io",
        "names": {
            "kind": "NodeFeatureRule",
            "plural": "nodefeaturerules",
            "singular": "nodefeaturerule",
        },
        "scope": "Cluster",
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": _object(spec=_object(rules=_list(_RULE)))},
            }
        ],
    },
}
"""The part of upstream's definition that our rules need; the API server reports other fields."""

_WORKER = """
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: {{ .Release.Name }}-node-feature-discovery-worker
  namespace: {{ .Release.Namespace }}
spec:
  selector: {matchLabels: {role: nfd-worker}}
  template:
    metadata: {labels: {role: nfd-worker}}
    spec:
      tolerations: {{ .Values.worker.tolerations | toJson }}
      containers: [{name: worker, image: nfd}]
"""
_CLEANUP = """
{{ if .Values.postDeleteCleanup }}
apiVersion: batch/v1
kind: Job
metadata:
  name: nfd-prune
  namespace: {{ .Release.Namespace }}
  annotations: {helm.sh/hook: post-delete}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: prune, image: nfd}]}}}
{{ end }}
"""


@contextmanager
def repository(folder: Path, version: str) -> Iterator[str]:
    """Serve a Helm repository with one version of the chart; yield its address."""
    _write_chart(folder, version)
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Print nothing."""


def _write_chart(folder: Path, version: str) -> None:
    about = {"apiVersion": "v2", "name": CHART, "version": version}
    files = {
        "Chart.yaml": json.dumps(about),
        "values.yaml": json.dumps({"postDeleteCleanup": True, "worker": {"tolerations": []}}),
        "crds/rules.yaml": json.dumps(CRD),
        "templates/worker.yaml": _WORKER,
        "templates/cleanup.yaml": _CLEANUP,
    }
    folder.mkdir()
    name = f"{CHART}-{version}.tgz"
    with tarfile.open(folder / name, "w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(f"{CHART}/{path}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    index = {"apiVersion": "v1", "entries": {CHART: [about | {"urls": [name]}]}}
    (folder / "index.yaml").write_text(yaml.safe_dump(index), encoding="utf-8")


_MAIN = """
import runpy

import pulumi


def from_here(args):
    # The provider registers the rendered chart under the same type, without inputs.
    if args.type_ != "kubernetes:helm.sh/v4:Chart" or not args.props:
        return None
    assert args.props["repositoryOpts"]["repo"].startswith("https://kubernetes-sigs.github.io/")
    props = args.props | {{"repositoryOpts": {{"repo": "{address}"}}}}
    return pulumi.ResourceTransformResult(props, args.opts)


pulumi.runtime.register_resource_transform(from_here)
runpy.run_path("{main}", run_name="__main__")
"""


def program(folder: Path, address: str) -> Path:
    """Write this checkout's program, changed to get charts from `address`; return its folder."""
    (folder / "stacks").mkdir(parents=True)
    (folder / "Pulumi.yaml").write_bytes((CHECKOUT / "Pulumi.yaml").read_bytes())
    (folder / "kata_components").symlink_to(CHECKOUT / "kata_components")
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "__main__.py").write_text(
        _MAIN.format(address=address, main=CHECKOUT / "__main__.py"), encoding="utf-8"
    )
    return folder
