import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kata_components.errors import KubeconfigError
from kata_components.kubernetes.kubeconfig import load
from tests.kubernetes.support import CONTEXT, kubeconfig

TEXT = """
clusters: [{name: c, cluster: {server: "https://text"}}]
users: [{name: u, user: {token: from-text}}]
contexts: [{name: prod, context: {cluster: c, user: u}}]
"""


def file_with(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def named(server: str, context: str = CONTEXT) -> str:
    return TEXT.replace("https://text", server).replace("prod", context)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


def test_text_path_and_content_are_accepted(tmp_path: Path) -> None:
    path = file_with(tmp_path / "config", named("https://file"))

    assert load(CONTEXT, TEXT).cluster.server == "https://text"
    assert load(CONTEXT, path).cluster.server == "https://file"
    assert load(CONTEXT, str(path)).cluster.server == "https://file"
    assert load(CONTEXT, kubeconfig("https://content")).cluster.server == "https://content"
    without_user = {
        "clusters": [{"name": "c", "cluster": {"server": "https://json"}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": "c"}}],
    }
    json_text = msgspec.json.encode(without_user).decode()
    assert load(CONTEXT, json_text).cluster.server == "https://json"


def test_argument_beats_environment_beats_home_and_the_pods_cluster_is_never_used(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(KubeconfigError, match=r"no kubeconfig at .*home/\.kube/config"):
        load(CONTEXT)

    file_with(home / ".kube/config", named("https://home"))
    assert load(CONTEXT).cluster.server == "https://home"
    monkeypatch.setenv(
        "KUBECONFIG", str(file_with(tmp_path / "environment", named("https://environment")))
    )
    assert load(CONTEXT).cluster.server == "https://environment"
    argument = file_with(tmp_path / "argument", named("https://argument"))
    assert load(CONTEXT, str(argument)).cluster.server == "https://argument"


def test_the_first_file_that_defines_a_name_wins_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = file_with(
        tmp_path / "a/config",
        """
        clusters: [{name: c, cluster: {server: https://first, certificate-authority: pki/ca.crt}}]
        users: [{name: u, user: {tokenFile: token}}]
        """,
    )
    second = file_with(
        tmp_path / "b/config",
        """
        clusters: [{name: c, cluster: {server: https://second, tls-server-name: second}}]
        users:
        - name: v
          user:
            client-certificate: v.crt
            client-key: /abs/v.key
            exec: {apiVersion: x, command: bin/plugin}
        contexts:
        - {name: one, context: {cluster: c, user: u}}
        - {name: two, context: {cluster: c, user: v}}
        """,
    )
    monkeypatch.setenv("KUBECONFIG", f"{first}:{tmp_path / 'absent'}::{second}")

    one, two = load("one"), load("two")

    assert one.cluster.server == "https://first"
    assert one.cluster.tls_server_name is None
    assert one.cluster.certificate_authority == str(tmp_path / "a/pki/ca.crt")
    assert one.user.token_file == str(tmp_path / "a/token")
    assert two.user.client_certificate == str(tmp_path / "b/v.crt")
    assert two.user.client_key == "/abs/v.key"
    assert two.user.exec
    assert two.user.exec.command == str(tmp_path / "b/bin/plugin")


def test_the_first_document_of_a_file_counts_as_for_kubectl(tmp_path: Path) -> None:
    path = file_with(tmp_path / "config", f"---{TEXT}---{named('https://second')}---\nnot: [valid")
    assert load(CONTEXT, path).cluster.server == "https://text"


def test_null_is_absent_as_for_kubectl() -> None:
    plugin = {
        "apiVersion": "x",
        "command": "p",
        "interactiveMode": None,
        "provideClusterInfo": None,
        "args": None,
    }
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": None}}
    cluster = {"insecure-skip-tls-verify": None, "extensions": [extension], "tls-server-name": None}
    config = kubeconfig(user={"exec": plugin, "token": None}, more=cluster)
    config["contexts"].append(
        {"name": "other", "context": {"cluster": None, "user": None, "namespace": None}}
    )

    access = load(CONTEXT, config | {"preferences": None})

    assert access.user.exec
    assert (access.user.exec.interactive_mode, access.user.exec.provide_cluster_info) == (
        "IfAvailable",
        False,
    )
    assert not access.cluster.insecure_skip_tls_verify
    assert access.cluster.exec_config() == {"audience": None}, "the plugin's own"


def test_a_command_without_a_slash_is_looked_up_on_path() -> None:
    plugin = {"exec": {"apiVersion": "x", "command": "aws"}}
    user = load(CONTEXT, kubeconfig(user=plugin)).user
    assert user.exec
    assert user.exec.command == "aws"


def test_an_unknown_context_lists_the_known_ones(tmp_path: Path) -> None:
    path = file_with(tmp_path / "config", TEXT)
    with pytest.raises(
        KubeconfigError,
        match=r'no context "production" in .*config; known: prod; set cluster.context',
    ):
        load("production", path)


def test_no_context_never_means_the_current_one_of_a_file(tmp_path: Path) -> None:
    content = {**kubeconfig(), "current-context": CONTEXT}
    with pytest.raises(KubeconfigError, match="known: prod"):
        load("", content)
    path = file_with(tmp_path / "config", json.dumps(content))
    with pytest.raises(KubeconfigError, match=r"config: set cluster\.context"):
        load(None, path)


def test_a_kubeconfig_given_as_content_may_name_the_context_itself() -> None:
    content = {**kubeconfig(), "current-context": CONTEXT}
    assert load(None, json.dumps(content)).context == CONTEXT
    with pytest.raises(KubeconfigError, match="no context is named for the given kubeconfig"):
        load(None, kubeconfig())


NO_SERVERS = (
    "api:6443",
    "https://",
    "https://api:port",
    "https://api:99999",
    "https://[api",
    "https://a b",
    f"https://{300 * 'a'}",
    "ftp://api",
    "https://ann:s3cr3t@api",
    "https://api?x=y",
    "https://münchen.example",
    "https://api:6443\n",
)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"contexts": [{"name": "prod", "context": {"cluster": "gone"}}]}, 'no cluster "gone"'),
        ({**kubeconfig(), "users": None}, 'no user "u"'),
        (kubeconfig(server=""), "has no server"),
        *(
            (
                kubeconfig(server=url),
                'server of cluster "c" in .* is not the URL of an API server: https://host:port',
            )
            for url in NO_SERVERS
        ),
        (
            kubeconfig(more={"tls-server-name": ".internal"}),
            "tls-server-name of cluster .* is not a host name: '.internal'",
        ),
        (
            {"contexts": [{"name": 3}]},
            r"not a kubeconfig: Expected `str`, got `int` - at `\$.contexts\[0\].name`",
        ),
        ("a: [\nb", "not valid YAML near line"),
        ("just\ntext", "not a kubeconfig"),
    ],
)
def test_mistakes_are_named(content: Any, complaint: str) -> None:
    with pytest.raises(KubeconfigError, match=complaint):
        load(CONTEXT, content)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match=f"{tmp_path} cannot be read"):
        load(CONTEXT, tmp_path)
    with pytest.raises(KubeconfigError, match="no kubeconfig at"):
        load(CONTEXT, tmp_path / "absent")


def test_secrets_are_not_in_any_text() -> None:
    secret = "s3cr3t"
    data = base64.b64encode(secret.encode()).decode()
    plugin = {
        "apiVersion": "x",
        "command": "p",
        "args": [secret],
        "env": [{"name": "A", "value": secret}],
    }
    user = load(
        CONTEXT,
        kubeconfig(
            user={"token": secret, "password": secret, "client-key-data": data, "exec": plugin}
        ),
    ).user
    with pytest.raises(KubeconfigError) as broken:
        load(CONTEXT, f"users: [{{name: u, user: {{token: '{secret}\n")

    for text in (repr(user), repr(user.exec), str(broken.value)):
        assert secret not in text
        assert data not in text
