from sandbox import nodes

WORKERS = [nodes.worker(number) for number in range(1, 25)]


def test_a_worker_has_the_labels_and_facts_a_kubelet_reports() -> None:
    node = nodes.worker(4)
    labels, info = node["metadata"]["labels"], node["status"]["nodeInfo"]
    assert node["metadata"]["name"] == labels["kubernetes.io/hostname"] == "worker-0004"
    assert labels["kubernetes.io/arch"] == info["architecture"] == "arm64"
    assert info["containerRuntimeVersion"].startswith("containerd://2.")
    assert info["kubeletVersion"] == "v1.36.3"


def test_the_fleet_is_mixed() -> None:
    infos = [node["status"]["nodeInfo"] for node in WORKERS]
    assert {info["architecture"] for info in infos} == {"amd64", "arm64"}
    assert len({info["osImage"] for info in infos}) == 2
    assert len({node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in WORKERS}) == 3


def test_every_machine_has_its_own_identity_even_under_the_same_name() -> None:
    machines = {node["status"]["nodeInfo"]["machineID"] for node in [*WORKERS, nodes.worker(1)]}
    assert len(machines) == len(WORKERS) + 1


def test_control_planes_keep_ordinary_pods_away() -> None:
    node = nodes.control_plane(1)
    assert node["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] == ""
    assert node["spec"]["taints"] == [
        {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
    ]


def test_a_worker_is_recognised_by_its_name() -> None:
    assert nodes.worker_number(nodes.worker_name(4711)) == 4711
    assert nodes.worker_number("control-plane-1") is None
    assert nodes.worker_number("worker-x") is None
