import asyncio
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kata_components.errors import ApiError, KubeconfigError, UnreachableError
from kata_components.kubernetes.auth import credential_source
from kata_components.kubernetes.credentials import CredentialSource
from kata_components.kubernetes.kubeconfig import load
from tests.kubernetes.fake_server import InProcess, ReceivedRequest, Reply, Script, ok, refused
from tests.kubernetes.support import CONTEXT, Opened, Pauses, kubeconfig

pytestmark = pytest.mark.anyio

NODES: dict[str, Any] = {"metadata": {}, "items": []}
V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"


@dataclass
class Plugin:
    """A credential plugin that records each run and its input."""

    folder: Path

    def prints(self, version: str = V1, **status: Any) -> None:
        answer = {"apiVersion": version, "kind": "ExecCredential", "status": status}
        (self.folder / "answer").write_bytes(msgspec.json.encode(answer))

    def script(self, text: str) -> None:
        path = self.folder / "plugin"
        path.write_text(f"#!/bin/sh\ncd {self.folder}\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def user(self, version: str = V1, **fields: Any) -> dict[str, Any]:
        plugin = {
            "apiVersion": version,
            "command": str(self.folder / "plugin"),
            "interactiveMode": "Never",
            **fields,
        }
        return {"exec": plugin}

    @property
    def runs(self) -> int:
        notes = self.folder / "runs"
        return notes.read_text().count("run") if notes.exists() else 0

    @property
    def input(self) -> Any:
        return msgspec.json.decode((self.folder / "input").read_bytes())


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    made = Plugin(tmp_path)
    made.script('echo run >> runs; printf %s "$KUBERNETES_EXEC_INFO" > input; cat answer')
    made.prints(token="t1")
    return made


def accepts(*tokens: str) -> Script:
    valid = {f"Bearer {token}" for token in tokens}
    return lambda request: (
        ok(NODES) if request.headers.get("authorization") in valid else refused(401, "Unauthorized")
    )


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def source(user: Mapping[str, Any], clock: Clock | None = None) -> CredentialSource:
    return credential_source(
        load(CONTEXT, kubeconfig(user=user)), clock or Clock(), plugin_timeout=5.0
    )


@pytest.mark.parametrize("version", [V1, V1BETA1])
async def test_a_plugin_of_either_version_provides_the_token(plugin: Plugin, version: str) -> None:
    plugin.prints(version, token="abc")

    credential = await source(plugin.user(version)).current()

    assert credential.authorization == "Bearer abc"
    assert plugin.input == {
        "apiVersion": version,
        "kind": "ExecCredential",
        "spec": {"interactive": False},
    }


async def test_a_plugin_gets_the_cluster_if_it_wants_it(plugin: Plugin) -> None:
    config = kubeconfig(
        "https://api", plugin.user(provideClusterInfo=True), {"tls-server-name": "internal"}
    )
    config["clusters"][0]["cluster"]["extensions"] = [
        {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "a"}}
    ]

    await credential_source(load(CONTEXT, config), Clock()).current()

    assert plugin.input["spec"] == {
        "interactive": False,
        "cluster": {
            "server": "https://api",
            "tls-server-name": "internal",
            "config": {"audience": "a"},
        },
    }


async def test_a_plugin_gets_its_arguments_and_environment(plugin: Plugin) -> None:
    plugin.script(f'printf \'{{"apiVersion":"{V1}","status":{{"token":"%s-%s"}}}}\' "$1" "$WHO"')
    user = plugin.user(args=["arg"], env=[{"name": "WHO", "value": "env"}])
    assert (await source(user).current()).authorization == "Bearer arg-env"


async def test_a_hundred_first_calls_run_the_plugin_once(plugin: Plugin) -> None:
    credentials = source(plugin.user())

    found = await asyncio.gather(*(credentials.current() for _ in range(100)))

    assert {credential.authorization for credential in found} == {"Bearer t1"}
    assert plugin.runs == 1


async def test_an_expired_token_is_renewed_before_the_call(plugin: Plugin) -> None:
    clock = Clock()
    plugin.prints(
        token="t1", expirationTimestamp="1970-01-12T13:46:41Z"
    )  # 1,000,001 s after the epoch
    credentials = source(plugin.user(), clock)
    await credentials.current()
    await credentials.current()
    assert plugin.runs == 1

    clock.now += 1
    plugin.prints(token="t2")

    assert (await credentials.current()).authorization == "Bearer t2"
    assert plugin.runs == 2


async def test_a_revoked_token_is_renewed_once_for_all(plugin: Plugin, opened: Opened) -> None:
    server = InProcess(accepts("t1"))
    api = opened(kubeconfig(user=plugin.user()), transport=server)
    await api.list_nodes()
    server.script = accepts("t2")
    plugin.prints(token="t2")

    await asyncio.gather(*(api.list_nodes() for _ in range(51)))

    assert plugin.runs == 2


async def test_a_second_rejection_is_final_and_says_how_to_log_in(
    plugin: Plugin, opened: Opened
) -> None:
    server = InProcess(accepts("other"))
    api = opened(kubeconfig(user=plugin.user()), transport=server)

    with pytest.raises(ApiError) as rejected:
        await api.list_nodes()

    assert rejected.value.status == 401
    assert str(rejected.value) == (
        'the credential of context "prod" expired or was rejected by http://api.test: '
        "log in again for the plugin plugin, then check with `kubectl --context prod get nodes`"
    )
    assert (len(server.received), plugin.runs) == (2, 2)


async def test_a_rejected_write_is_repeated_with_the_new_credential(
    plugin: Plugin, opened: Opened
) -> None:
    def script(request: ReceivedRequest) -> Reply:
        if request.headers["authorization"] == "Bearer t2":
            return ok({"metadata": {"name": "j"}}, 201)
        plugin.prints(token="t2")
        return refused(401)

    server = InProcess(script)
    api = opened(kubeconfig(user=plugin.user()), transport=server)

    assert (await api.create_job("ns", {"kind": "Job"})).metadata.name == "j"
    assert [request.body for request in server.received] == [b'{"kind":"Job"}'] * 2


async def test_a_fixed_token_is_not_tried_twice(opened: Opened) -> None:
    server = InProcess(accepts("other"))
    api = opened(kubeconfig(user={"token": "old"}), transport=server)

    with pytest.raises(ApiError, match="fetch a new kubeconfig"):
        await api.list_nodes()

    assert len(server.received) == 1


async def test_forbidden_never_renews(plugin: Plugin, opened: Opened) -> None:
    api = opened(kubeconfig(user=plugin.user()), transport=InProcess(lambda _: refused(403, "no")))
    with pytest.raises(ApiError, match="403"):
        await api.list_nodes()
    assert plugin.runs == 1


async def test_a_token_file_is_read_again_each_minute(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "token"
    path.write_text("one\n")
    credentials = source({"tokenFile": str(path), "token": "unused"}, clock)
    assert (await credentials.current()).authorization == "Bearer one"

    path.write_text("two\n")
    clock.now += 59
    assert (await credentials.current()).authorization == "Bearer one"
    clock.now += 1
    assert (await credentials.current()).authorization == "Bearer two"


async def test_a_token_file_is_read_again_when_its_token_is_rejected(
    tmp_path: Path, opened: Opened
) -> None:
    path = tmp_path / "token"
    path.write_text("one")
    server = InProcess(accepts("one"))
    api = opened(kubeconfig(user={"tokenFile": str(path)}), transport=server)
    await api.list_nodes()

    path.write_text("two")
    server.script = accepts("two")
    await api.list_nodes()

    assert [request.headers["authorization"] for request in server.received] == [
        "Bearer one",
        "Bearer one",
        "Bearer two",
    ]


async def test_a_user_with_a_password_uses_basic_authentication() -> None:
    credential = await source({"username": "ann", "password": "pw"}).current()
    assert credential.authorization == "Basic YW5uOnB3"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("echo no session >&2; exit 3", r"failed with exit code 3: no session"),
        ("head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1", r"exit code 1: x{500}…$"),
        ("exit 1", "exit code 1: nothing on stderr"),
        ("echo half-a-token", "did not print an ExecCredential$"),
        (
            'echo \'{"apiVersion": "v2", "status": {"token": "x"}}\'',
            rf"answered a {V1} request with v2$",
        ),
        (f'echo \'{{"apiVersion": "{V1}"}}\'', "neither a token nor a client certificate"),
    ],
)
async def test_a_failing_plugin_is_explained(plugin: Plugin, text: str, complaint: str) -> None:
    plugin.script(text)
    with pytest.raises(KubeconfigError, match=complaint) as failed:
        await source(plugin.user()).current()
    assert 'credential plugin "plugin" of context "prod"' in str(failed.value)


async def test_a_plugin_that_worked_before_and_fails_is_an_outage(
    plugin: Plugin, opened: Opened
) -> None:
    pauses, clock = Pauses(), Clock()
    plugin.prints(token="t1", expirationTimestamp="1970-01-12T13:46:41Z")
    api = opened(
        kubeconfig(user=plugin.user()),
        transport=InProcess(accepts("t1")),
        sleep=pauses,
        clock=clock,
    )
    await api.list_nodes()
    clock.now += 1
    plugin.script("echo could not connect to sts >&2; exit 255")

    with pytest.raises(
        UnreachableError, match=r"is lost: the credential plugin .* 255: could not connect to sts"
    ):
        await api.list_nodes()

    assert len(pauses.seconds) == 5


async def test_a_plugin_that_never_worked_is_not_run_again(plugin: Plugin, opened: Opened) -> None:
    pauses = Pauses()
    plugin.script("echo run >> runs; exit 1")
    with pytest.raises(
        KubeconfigError, match=r"^the credential plugin .plugin. of context .prod. failed"
    ):
        await opened(kubeconfig(user=plugin.user()), sleep=pauses).list_nodes()
    assert (plugin.runs, pauses.seconds) == (1, [])


async def test_a_hanging_plugin_is_killed_with_its_children(plugin: Plugin) -> None:
    held = plugin.folder / "held"
    os.mkfifo(held)
    reader = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    plugin.script("sleep 600 > held & wait")
    access = load(CONTEXT, kubeconfig(user=plugin.user()))

    with pytest.raises(KubeconfigError, match=r"did not answer within 0\.3 s"):
        await credential_source(access, Clock(), plugin_timeout=0.3).current()

    # The end of the pipe is reached once nobody holds its other side.
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b""
    os.close(reader)


async def test_closing_the_client_kills_a_running_plugin_with_its_children(
    plugin: Plugin, opened: Opened
) -> None:
    held = plugin.folder / "held"
    os.mkfifo(held)
    plugin.script("sleep 600 > held & wait")
    api = opened(kubeconfig(user=plugin.user()), transport=InProcess(lambda _: ok(NODES)))
    asking = asyncio.create_task(api.list_nodes())
    # Returns once the other side is open, too.
    reader = await asyncio.to_thread(os.open, held, os.O_RDONLY)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)

    await api.aclose()

    assert os.read(reader, 1) == b""
    os.close(reader)


async def test_a_missing_plugin_names_the_hint(plugin: Plugin) -> None:
    user = plugin.user(installHint="Install it with brew.")
    user["exec"]["command"] = "no-such-plugin"
    with pytest.raises(
        KubeconfigError, match=r"could not be started: No such file.*Install it with brew"
    ):
        await source(user).current()


def test_unsupported_logins_are_refused_at_once(plugin: Plugin) -> None:
    with pytest.raises(KubeconfigError, match="needs a terminal"):
        source(plugin.user(interactiveMode="Always"))
    with pytest.raises(KubeconfigError, match="supported: "):
        source(plugin.user("client.authentication.k8s.io/v1alpha1"))
    with pytest.raises(KubeconfigError, match="auth-provider"):
        source({"auth-provider": {"name": "gcp"}})


async def test_a_token_that_no_header_can_carry_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cr3t\nsecond line")
    with pytest.raises(KubeconfigError, match="characters that no token has") as refusal:
        await source({"tokenFile": str(tmp_path / "token")}).current()
    assert "s3cr3t" not in str(refusal.value)


def test_a_plugin_runs_outside_the_main_thread(plugin: Plugin) -> None:
    async def run() -> str | None:
        credential = await asyncio.to_thread(asyncio.run, source(plugin.user()).current())
        return str(credential.authorization)

    assert asyncio.run(run()) == "Bearer t1"
