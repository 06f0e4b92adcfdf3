"""The host digest changes with what reaches the host and with nothing else."""

from collections.abc import Callable
from typing import Any

import pytest

from kata_components.planning.host_digest import current, host_digests

Change = Callable[[dict[str, Any]], object]


def job() -> dict[str, Any]:
    stage = {
        "name": "cri",
        "image": "kata-deploy:4.0.0",
        "imagePullPolicy": "Always",
        "command": ["kata-deploy", "install-stage-cri"],
        "env": [{"name": "DEBUG", "value": "false"}, {"name": "SHIMS", "value": "qemu"}],
        "securityContext": {"privileged": True},
        "volumeMounts": [{"name": "host", "mountPath": "/host/"}],
    }
    return {
        "metadata": {"labels": {"a": "b"}},
        "spec": {
            "backoffLimit": 3,
            "ttlSecondsAfterFinished": 600,
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {
                    "hostPID": True,
                    "tolerations": [],
                    "initContainers": [stage],
                    "containers": [{**stage, "name": "label"}],
                    "volumes": [
                        {"name": "host", "hostPath": {"path": "/"}},
                        {"name": "drop-in", "configMap": {"name": "drop-in"}},
                    ],
                },
            },
        },
    }


CONTENTS = {"drop-in": {"a.toml": "x = 1"}}


def pod(job: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = job["spec"]["template"]["spec"]
    return spec


def test_the_digest_of_a_known_job_is_this_one() -> None:
    # A golden value: if it changes, every fleet in the field would be installed again. Add a recipe
    # instead.
    assert host_digests(job(), CONTENTS) == {1: "761a063aa33e"}


@pytest.mark.parametrize(
    "change",
    [
        lambda j: j["spec"].update(ttlSecondsAfterFinished=1),
        lambda j: j["spec"].update(backoffLimit=0),
        lambda j: j["metadata"]["labels"].update(new="label"),
        lambda j: j["spec"]["template"]["metadata"]["labels"].update(new="label"),
        lambda j: pod(j).update(tolerations=[{"operator": "Exists"}]),
        lambda j: pod(j).update(imagePullSecrets=[{"name": "secret"}]),
        lambda j: pod(j).update(priorityClassName="high"),
        lambda j: pod(j)["initContainers"][0].update(imagePullPolicy="IfNotPresent"),
        lambda j: pod(j)["initContainers"][0].update(
            terminationMessagePolicy="FallbackToLogsOnError"
        ),
        lambda j: pod(j)["initContainers"][0]["env"].reverse(),
    ],
)
def test_what_only_kubernetes_sees_does_not_change_it(change: Change) -> None:
    changed = job()
    change(changed)
    assert host_digests(changed, CONTENTS) == host_digests(job(), CONTENTS)


@pytest.mark.parametrize(
    "change",
    [
        lambda j: pod(j)["initContainers"][0].update(image="kata-deploy:4.0.1"),
        lambda j: pod(j)["initContainers"][0].update(command=["other"]),
        lambda j: pod(j)["initContainers"][0]["env"].append({"name": "NEW", "value": "1"}),
        lambda j: pod(j)["initContainers"][0]["volumeMounts"].pop(),
        lambda j: pod(j)["initContainers"].insert(0, pod(j)["containers"][0]),
        lambda j: pod(j)["volumes"][0]["hostPath"].update(path="/other"),
        lambda j: pod(j).update(hostPID=False),
    ],
)
def test_what_reaches_the_host_changes_it(change: Change) -> None:
    changed = job()
    change(changed)
    assert host_digests(changed, CONTENTS) != host_digests(job(), CONTENTS)


def test_the_content_of_a_mounted_config_map_counts_and_its_name_does_not() -> None:
    renamed = job()
    pod(renamed)["volumes"][1]["configMap"]["name"] = "other"
    assert host_digests(renamed, {"other": CONTENTS["drop-in"]}) == host_digests(job(), CONTENTS)
    assert host_digests(job(), {"drop-in": {"a.toml": "x = 2"}}) != host_digests(job(), CONTENTS)


def test_new_marks_carry_the_newest_recipe() -> None:
    assert current(host_digests(job(), CONTENTS)) == host_digests(job(), CONTENTS)[1]
