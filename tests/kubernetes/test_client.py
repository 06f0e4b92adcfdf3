from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from kata_components.errors import ApiError, ClusterError
from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.nodes import Node, NodeInfo
from kata_components.kubernetes.objects import Job
from tests.kubernetes.fake_server import Reply, Script, in_turn, ok, refused
from tests.kubernetes.support import Opened, Wired, kubeconfig

pytestmark = pytest.mark.anyio

Wire = Callable[[Script], Wired]
JOBS = "/apis/batch/v1/namespaces/ns/jobs"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/ns/leases"
AS_METADATA = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
AS_METADATA_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


def page(*names: str, more: str | None = None, version: str = "7") -> Reply:
    items = [{"metadata": {"name": name, "uid": f"uid-{name}"}} for name in names]
    return ok({"metadata": {"resourceVersion": version, "continue": more}, "items": items})


async def test_lists_are_paged_and_consistent(wired: Wire) -> None:
    wire = wired(in_turn(page("a", "b", more="next"), page("c", more=""), page()))

    nodes = await wire.api.list_nodes("k=v,!w")

    assert [node.metadata.name for node in nodes] == ["a", "b", "c"]
    assert [request.query for request in wire.server.received] == [
        {"limit": "300", "labelSelector": "k=v,!w"},
        {"limit": "300", "labelSelector": "k=v,!w", "continue": "next"},
    ]


async def test_a_list_that_expires_half_way_starts_again(wired: Wire) -> None:
    wire = wired(
        in_turn(
            page("a", "b", more="old"), refused(410, "expired"), page("b", more="new"), page("c")
        )
    )
    assert [node.metadata.name for node in await wire.api.list_nodes()] == ["b", "c"]


async def test_a_list_that_keeps_expiring_fails(wired: Wire) -> None:
    wire = wired(
        lambda request: (
            refused(410, "expired") if "continue" in request.query else page("a", more="x")
        )
    )
    with pytest.raises(ApiError, match="410 Gone: expired"):
        await wire.api.list_nodes()
    assert len(wire.server.received) == 10


async def test_a_page_that_fails_is_repeated_alone(wired: Wire) -> None:
    wire = wired(in_turn(page("a", more="x"), refused(503), page("b")))
    assert [node.metadata.name for node in await wire.api.list_nodes()] == ["a", "b"]
    assert [request.query.get("continue") for request in wire.server.received] == [None, "x", "x"]


async def test_null_lists_missing_status_and_unknown_fields_are_fine(wired: Wire) -> None:
    odd = {
        "metadata": {"name": "n", "labels": None, "managedFields": [{}]},
        "spec": {"x": 1},
        "kind": "Node",
    }
    wire = wired(
        in_turn(
            ok({"metadata": {"resourceVersion": "1"}, "items": None}),
            ok({"metadata": {}, "items": [odd]}),
        )
    )

    assert await wire.api.list_nodes() == []
    [node] = await wire.api.list_nodes()

    assert (node.ready, node.info, node.metadata.label("a")) == (False, NodeInfo(), None)


async def test_readiness_and_machine_of_a_node_are_read(wired: Wire) -> None:
    status = {
        "conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": "x"}],
        "nodeInfo": {
            "machineID": "m",
            "osImage": "o",
            "kernelVersion": "6.1",
            "architecture": "amd64",
            "bootID": "b",
        },
        "images": None,
    }
    wire = wired(lambda _: ok({"metadata": {"name": "n"}, "status": status}))

    node = await wire.api.get_node("n")

    assert node.ready
    assert (node.info.machine_id, node.info.os_image, node.info.kernel_version) == ("m", "o", "6.1")


async def test_metadata_alone_is_requested_as_such(wired: Wire) -> None:
    wire = wired(in_turn(page("a"), ok({"metadata": {"uid": "u"}}), ok({"metadata": {"uid": "v"}})))

    await wire.api.list_node_metadata("a=b")
    await wire.api.get_namespace("kube-system")
    await wire.api.get_metadata("rbac.authorization.k8s.io/v1", "clusterroles", "", "r")

    paths = [request.path for request in wire.server.received]
    assert paths == [
        "/api/v1/nodes",
        "/api/v1/namespaces/kube-system",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/r",
    ]
    assert [request.headers["accept"] for request in wire.server.received] == [
        AS_METADATA_LIST,
        AS_METADATA,
        AS_METADATA,
    ]


async def test_metadata_comes_with_its_managers_and_is_merged_into(wired: Wire) -> None:
    managers = [{"manager": "helm", "operation": "Update"}]
    wire = wired(in_turn(ok({"metadata": {"managedFields": managers}}), ok({})))

    there = await wire.api.get_metadata("node.k8s.io/v1", "runtimeclasses", "", "kata")
    await wire.api.patch_metadata("v1", "configmaps", "ns", "c", {"labels": {"a": None}})

    assert there is not None
    assert there.metadata.managed_fields == managers
    patch = wire.server.received[-1]
    assert (patch.method, patch.path) == ("PATCH", "/api/v1/namespaces/ns/configmaps/c")
    assert patch.json == {"metadata": {"labels": {"a": None}}}
    assert patch.headers["content-type"] == "application/merge-patch+json"


async def test_missing_objects_and_kinds_have_no_metadata(wired: Wire) -> None:
    absent = Reply(404, b"404 page not found\n", {"content-type": "text/plain"})
    wire = wired(in_turn(refused(404, reason="NotFound"), absent, refused(403, "no")))

    assert await wire.api.get_metadata("v1", "configmaps", "ns", "c") is None
    assert await wire.api.get_metadata("monitoring.coreos.com/v1", "podmonitors", "ns", "m") is None
    with pytest.raises(ApiError, match="403"):
        await wire.api.get_metadata("v1", "secrets", "ns", "s")


@pytest.mark.parametrize(
    ("call", "method", "path", "body"),
    [
        (lambda api: api.create_job("ns", {"kind": "Job"}), "POST", JOBS, {"kind": "Job"}),
        (
            lambda api: api.delete_job("ns", "j", "u"),
            "DELETE",
            f"{JOBS}/j",
            {
                "apiVersion": "v1",
                "kind": "DeleteOptions",
                "propagationPolicy": "Background",
                "preconditions": {"uid": "u"},
            },
        ),
        (
            lambda api: api.patch_node("n", "u", annotations={"a": "b", "c": None}),
            "PATCH",
            "/api/v1/nodes/n",
            {"metadata": {"uid": "u", "annotations": {"a": "b", "c": None}}},
        ),
        (
            lambda api: api.suspend_cron_job("ns", "c", suspended=True),
            "PATCH",
            "/apis/batch/v1/namespaces/ns/cronjobs/c",
            {"spec": {"suspend": True}},
        ),
        (
            lambda api: api.create_event("default", {"kind": "Event"}),
            "POST",
            "/api/v1/namespaces/default/events",
            {"kind": "Event"},
        ),
        (lambda api: api.create_lease("ns", {"kind": "Lease"}), "POST", LEASES, {"kind": "Lease"}),
        (
            lambda api: api.replace_lease("ns", "l", {"kind": "Lease"}),
            "PUT",
            f"{LEASES}/l",
            {"kind": "Lease"},
        ),
    ],
)
async def test_writes_go_where_they_belong(
    wired: Wire, call: Callable[[KubeApi], Awaitable[Any]], method: str, path: str, body: Any
) -> None:
    wire = wired(lambda _: ok({"metadata": {"name": "x"}}))

    await call(wire.api)

    [request] = wire.server.received
    assert (request.method, request.path, request.json) == (method, path, body)
    media_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
    assert request.headers["content-type"] == media_type


async def test_many_jobs_are_deleted_with_one_request(wired: Wire) -> None:
    wire = wired(lambda _: page())

    await wire.api.delete_jobs("ns", "a=b", "status.successful=1")

    [request] = wire.server.received
    assert (request.method, request.path) == ("DELETE", JOBS)
    assert request.query == {"labelSelector": "a=b", "fieldSelector": "status.successful=1"}
    assert request.json["propagationPolicy"] == "Background"
    assert request.headers["accept"] == AS_METADATA_LIST


async def test_deleting_jobs_without_a_selector_is_a_mistake(wired: Wire) -> None:
    with pytest.raises(ValueError, match="label selector"):
        await wired(in_turn(ok({}))).api.delete_jobs("ns", "")


async def test_a_rebuilt_node_is_a_conflict_and_a_wrong_annotation_is_not(wired: Wire) -> None:
    def invalid(field: str) -> Reply:
        return ok(
            {
                "message": f"{field} is wrong",
                "reason": "Invalid",
                "details": {"causes": [{"field": field}]},
            },
            422,
        )

    wire = wired(in_turn(invalid("metadata.uid"), invalid("metadata.annotations")))

    with pytest.raises(ApiError) as rebuilt:
        await wire.api.patch_node("n", "u", annotations={"a": "b"})
    with pytest.raises(ApiError) as wrong:
        await wire.api.patch_node("n", "u", annotations={"a b": "c"})

    assert (rebuilt.value.status, wrong.value.status) == (409, 422)


async def test_access_reviews_name_subresources(wired: Wire) -> None:
    wire = wired(
        in_turn(
            ok({"status": {"allowed": True}}, 201),
            ok({"status": {"allowed": False}}, 201),
            ok({}, 201),
        )
    )

    assert await wire.api.can_i("get", "", "pods/log", "ns")
    assert not await wire.api.can_i("patch", "", "nodes")
    assert not await wire.api.can_i("patch", "", "nodes")

    assert wire.server.received[0].json["spec"]["resourceAttributes"] == {
        "verb": "get",
        "group": "",
        "resource": "pods",
        "subresource": "log",
        "namespace": "ns",
        "name": "",
    }


async def test_a_log_is_bounded_and_need_not_be_text(wired: Wire) -> None:
    wire = wired(lambda _: Reply(body=b"line \xff\n"))
    assert await wire.api.pod_log("ns", "p", "c", 20) == "line \N{REPLACEMENT CHARACTER}\n"
    assert wire.server.received[0].query == {
        "container": "c",
        "tailLines": "20",
        "limitBytes": "65536",
    }


async def test_a_login_page_is_not_taken_for_an_answer(wired: Wire) -> None:
    wire = wired(in_turn(Reply(body=b"<html>log in"), Reply(302, b"", {"location": "/login"})))
    with pytest.raises(ClusterError, match="login page or a proxy"):
        await wire.api.list_nodes()
    with pytest.raises(ApiError, match="302 Found"):
        await wire.api.list_nodes()


async def test_the_token_is_struck_out_of_what_a_server_echoes(opened: Opened, wired: Wire) -> None:
    server = wired(
        lambda request: Reply(400, f"you sent {request.headers['authorization']}".encode())
    ).server
    api = opened(kubeconfig(user={"token": "s3cr3t"}), transport=server)
    with pytest.raises(ApiError, match=r"you sent Bearer \*\*\*"):
        await api.get_node("n")


async def test_impersonation_is_passed_on(opened: Opened, wired: Wire) -> None:
    server = wired(lambda _: page()).server
    user = {"as": "ann", "as-uid": "1", "as-groups": ["ops"], "as-user-extra": {"reason": ["r"]}}
    await opened(kubeconfig(user=user), transport=server).list_nodes()
    headers = server.received[0].headers
    assert [
        headers[f"impersonate-{part}"] for part in ("user", "uid", "group", "extra-reason")
    ] == [
        "ann",
        "1",
        "ops",
        "r",
    ]


def test_records_are_small_parts_of_what_is_sent() -> None:
    decoded = msgspec.json.decode(
        b'{"metadata":{"name":"j"},"status":{"conditions":null},"x":[1]}', type=Job
    )
    assert decoded.condition("Complete") is None
    assert msgspec.json.decode(b'{"metadata":{}}', type=Node).info.machine_id == ""


async def test_all_metadata_of_a_kind_is_one_list_and_empty_for_an_unknown_kind(
    wired: Wire,
) -> None:
    wire = wired(
        in_turn(page("a"), Reply(404, b"404 page not found\n", {"content-type": "text/plain"}))
    )
    assert [o.metadata.name for o in await wire.api.list_metadata("v1", "configmaps", "ns")] == [
        "a"
    ]
    assert await wire.api.list_metadata("monitoring.coreos.com/v1", "podmonitors", "ns") == []
    assert wire.server.received[0].path == "/api/v1/namespaces/ns/configmaps"
