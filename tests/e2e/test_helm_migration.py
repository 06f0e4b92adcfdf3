"""A Helm release becomes a stack: its objects stay, and nothing is installed again."""

import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kata_components.manifests.dispatcher_rbac import dispatcher_rbac
from kata_components.manifests.objects import all_objects
from kata_components.settings.load import load_settings
from kata_components.settings.settings import Settings
from sandbox.cluster import Cluster
from sandbox.control_plane import ADMIN
from sandbox.kube import Kube
from tests.e2e.conftest import path_of
from tests.e2e.observe import Audit, everything, jobs, marked
from tests.e2e.stack import CHECKOUT, Stack

pytestmark = pytest.mark.e2e

RELEASE = "kata-deploy"
SECRETS = "/api/v1/namespaces/kube-system/secrets"
LABEL = "katacontainers.io/kata-runtime"
NOTE = {"meta.helm.sh/release-name": RELEASE, "meta.helm.sh/release-namespace": "kube-system"}
DAEMON_SET = "/apis/apps/v1/namespaces/kube-system/daemonsets/kata-deploy"
FORGET = f"kubectl -n kube-system delete secret -l owner=helm,name={RELEASE}"

GUIDE = CHECKOUT / "docs" / "migrating-from-helm.md"

Install = Callable[[dict[str, Any]], list[str]]


def as_helm_applies(manifest: dict[str, Any]) -> dict[str, Any]:
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), **NOTE}
    if "Role" in manifest["kind"] or manifest["kind"] == "ServiceAccount":
        annotations["helm.sh/resource-policy"] = "keep"
    labels = {**metadata.get("labels", {}), "app.kubernetes.io/managed-by": "Helm"}
    return {**manifest, "metadata": {**metadata, "annotations": annotations, "labels": labels}}


@pytest.fixture
def helm_install(kube: Kube) -> Iterator[Install]:
    """Create the objects and the record of a release, as Helm does; return their paths.

    Requested before the stack, so that leftovers are removed after the stack is destroyed.
    """
    made: list[str] = []

    def install(config: dict[str, Any]) -> list[str]:
        settings = load_settings(config)
        manifests = [*all_objects(settings), *_rights_of_the_dispatcher(settings)]
        for manifest in map(as_helm_applies, manifests):
            made.append(path_of(manifest))
            kube.create(made[-1].rpartition("/")[0], manifest, fieldManager="helm")
        record = {
            "name": f"sh.helm.release.v1.{RELEASE}.v1",
            "labels": {"owner": "helm", "name": RELEASE},
        }
        kube.create(
            SECRETS,
            {"metadata": record, "type": "helm.sh/release.v1", "stringData": {"release": "x"}},
        )
        return list(made)

    yield install
    for path in [*made, f"{SECRETS}/sh.helm.release.v1.{RELEASE}.v1"]:
        collection, _, name = path.rpartition("/")
        if any(item["metadata"]["name"] == name for item in kube.get(collection)["items"]):
            kube.delete(path)
    wait_until(
        lambda: not pod_uids(kube) and not kube.get("/api/v1/nodes", labelSelector=LABEL)["items"]
    )


def _rights_of_the_dispatcher(settings: Settings) -> list[dict[str, Any]]:
    return dispatcher_rbac(settings) if settings.deployment_mode == "job" else []


def helms(kube: Kube, paths: list[str]) -> list[str]:
    """Return the objects with labels, annotations or managed fields of Helm."""
    found = []
    for path in paths:
        metadata = kube.get(path)["metadata"]
        traces = [
            key
            for key in (*metadata.get("annotations", {}), *metadata.get("labels", {}))
            if "helm.sh/" in key
        ]
        managers = [entry["manager"] for entry in metadata.get("managedFields", [])]
        if (
            traces
            or metadata.get("labels", {}).get("app.kubernetes.io/managed-by") == "Helm"
            or "helm" in managers
        ):
            found.append(path)
    return found


def test_a_release_of_job_mode(
    helm_install: Install, stack: Stack, cluster: Cluster, kube: Kube, audit: Audit
) -> None:
    before = everything(kube)
    taken = [path for path in helm_install(stack.config) if "dispatcher" not in path]
    cluster.add_kata(cluster.workers())

    refused = stack.preview()
    assert refused.code != 0
    assert f"belong to the Helm release {RELEASE} in namespace kube-system" in refused.text
    assert "rollout.existing adopt" in refused.text
    assert audit.writes() == []

    stack.configure(rollout={"existing": "adopt"})
    preview = stack.preview()
    assert preview.ok, preview.text
    assert f"takes over {len(taken)} objects of the Helm release {RELEASE}" in preview.text
    assert f"`{FORGET}`" in preview.text
    assert "24 adopt" in preview.text
    assert audit.writes() == []

    up = stack.up()
    assert up.ok, up.text
    assert f"Now make Helm forget it: `{FORGET}`" in up.text
    assert (stack.outputs()["rollout"]["adopted"], stack.outputs()["rollout"]["installed"]) == (
        24,
        0,
    )
    assert (jobs(kube), audit.job_nodes()) == ([], [])
    assert marked(kube) == set(cluster.workers())
    assert helms(kube, taken) == []

    stack.configure(rollout={"existing": None})
    quiet = Audit(cluster.audit_log)
    again = stack.up()
    assert again.ok, again.text
    assert quiet.writes() == []
    assert "Helm" not in again.text

    for command in commands_of_the_guide():
        kubectl = [
            "kubectl",
            "--context",
            cluster.context,
            *shlex.split(command.replace("--context my-context", ""))[1:],
        ]
        subprocess.run(
            kubectl,
            env=stack.variables | {"KUBECONFIG": str(cluster.kubeconfig_of(ADMIN))},
            check=True,
        )
    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    assert everything(kube) == before


def test_a_release_of_daemonset_mode(
    helm_install: Install, stack: Stack, cluster: Cluster, kube: Kube
) -> None:
    at_once = {"rollingUpdate": {"maxUnavailable": "100%"}}
    stack.configure(deploymentMode="daemonset", job=None, rollout=None, updateStrategy=at_once)
    paths = helm_install(stack.config)
    wait_until_installed(kube)
    original = kube.get(DAEMON_SET)
    pods = pod_uids(kube)
    assert len(pods) >= len(cluster.workers())

    stack.configure(rollout={"existing": "adopt"})
    up = stack.run("up", "--yes")
    assert up.ok, up.text
    assert "none restarts" in up.text
    assert kube.get(DAEMON_SET)["metadata"]["generation"] == original["metadata"]["generation"]
    assert kube.get(DAEMON_SET)["metadata"]["uid"] == original["metadata"]["uid"]
    assert pod_uids(kube) == pods
    assert helms(kube, paths) == []

    # A field that Helm set and the configuration lacks goes, as Helm no longer owns any field.
    stack.configure(priorityClassName="", rollout=None)
    changed = stack.up()
    assert changed.ok, changed.text
    assert re.search(r"restarts the pods of DaemonSet kata-deploy on \d+ nodes", changed.text), (
        changed.text
    )
    assert "priorityClassName" not in kube.get(DAEMON_SET)["spec"]["template"]["spec"]
    assert stack.destroy().ok


def test_a_release_with_other_pods_is_announced(
    helm_install: Install, stack: Stack, kube: Kube
) -> None:
    stack.configure(deploymentMode="daemonset", job=None, rollout=None)
    helm_install({**stack.config, "debug": True})
    wait_until_installed(kube)
    stack.configure(rollout={"existing": "adopt"})
    preview = stack.preview()
    assert preview.ok, preview.text
    assert re.search(
        r"its DaemonSet has other pods than this configuration: they restart on \d+ nodes",
        preview.text,
    )
    stack.configure(deploymentMode="job")
    refused = stack.preview()
    assert refused.code != 0
    assert (
        "installs with deploymentMode daemonset (it has daemonsets/kube-system/kata-deploy)"
        in refused.text
    )


def commands_of_the_guide() -> list[str]:
    """Return the guide's kubectl commands, which remove Helm's records and leftovers."""
    commands = re.findall(r"^ {4}(kubectl .+)$", GUIDE.read_text(), re.MULTILINE)
    assert len(commands) == 5
    return commands


def pod_uids(kube: Kube) -> set[str]:
    pods = kube.get("/api/v1/namespaces/kube-system/pods", labelSelector="name=kata-deploy")[
        "items"
    ]
    return {pod["metadata"]["uid"] for pod in pods}


def wait_until_installed(kube: Kube) -> None:
    """Wait until the DaemonSet has installed everywhere, as `helm install --wait` does."""

    def installed() -> bool:
        status: dict[str, int] = kube.get(DAEMON_SET)["status"]
        return status.get("numberReady", 0) == status.get("desiredNumberScheduled", 0) > 0

    wait_until(installed)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)
