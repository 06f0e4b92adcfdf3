import pytest

from kata_components.errors import KubeconfigError
from kata_components.kubernetes.cluster_access import Cluster, ClusterAccess, User
from kata_components.kubernetes.proxy import proxy_of

PROXY = "http://proxy:3128"


def proxy(server: str, proxy_url: str | None = None, **environment: str) -> str | None:
    access = ClusterAccess(
        context="prod", cluster=Cluster(server=server, proxy_url=proxy_url), user=User()
    )
    return proxy_of(access, environment)


def test_the_kubeconfig_comes_before_the_environment() -> None:
    assert proxy("https://api", PROXY, HTTPS_PROXY="http://other:1") == PROXY
    assert proxy("https://127.0.0.1", PROXY, NO_PROXY="*") == PROXY


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_the_environment_has_one_per_scheme(name: str) -> None:
    assert proxy("https://api", **{name: PROXY}) == PROXY
    assert proxy("http://api", **{name: PROXY}) is None
    assert proxy("https://api", **{name: "proxy:3128"}) == PROXY, "http:// is the default"


@pytest.mark.parametrize(
    "server", ["https://localhost:6443", "https://127.0.0.1", "https://[::1]:6443"]
)
def test_no_proxy_of_the_environment_leads_to_this_machine(server: str) -> None:
    assert proxy(server, HTTPS_PROXY=PROXY) is None


@pytest.mark.parametrize(
    ("server", "no_proxy"),
    [
        ("https://10.1.2.3:6443", "10.0.0.0/8"),
        ("https://10.1.2.3:6443", "a.example, 10.1.2.3"),
        ("https://10.1.2.3:6443", "10.1.2.3:6443"),
        ("https://[fd00::1]:6443", "fd00::/8"),
        ("https://[fd00::1]:6443", "[fd00::1]:6443"),
        ("https://api.corp.example", "corp.example"),
        ("https://api.corp.example", ".corp.example"),
        ("https://api.corp.example", "*.corp.example"),
        ("https://api.corp.example", "API.corp.example"),
        ("https://api.corp.example", "api.corp.example:443"),
        ("https://anything", "*"),
        ("https://10.1.2.3", "2.3"),
    ],
)
def test_exceptions_are_read_as_kubectl_reads_them(server: str, no_proxy: str) -> None:
    assert proxy(server, HTTPS_PROXY=PROXY, NO_PROXY=no_proxy) is None
    assert proxy(server, HTTPS_PROXY=PROXY, no_proxy=no_proxy) is None


@pytest.mark.parametrize(
    ("server", "no_proxy"),
    [
        ("https://10.1.2.3:6443", "11.0.0.0/8,10.1.2.3:443,10.1.2,10.0.0.0/99"),
        ("https://corp.example", ".corp.example"),
        ("https://notcorp.example", "corp.example"),
        ("https://api.corp.example", "corp.example:6443"),
        ("https://api.corp.example", " , ,."),
        ("https://api.corp.example", "*corp.example"),
        ("https://api.corp.example", "corp.example:0443,corp.example:²"),
        ("https://10.1.2.3", "10.0.0.0/255.0.0.0"),
    ],
)
def test_other_hosts_are_not_exceptions(server: str, no_proxy: str) -> None:
    assert proxy(server, HTTPS_PROXY=PROXY, NO_PROXY=no_proxy) == PROXY


@pytest.mark.parametrize(
    "url",
    ["socks5://ann:s3cr3t@p:1", "https://ann:s3cr3t@p", "http://", "http://p:s3cr3t", "ftp://p"],
)
def test_a_proxy_of_another_kind_is_refused_without_being_quoted(url: str) -> None:
    for refused in ({"proxy_url": url}, {"HTTPS_PROXY": url}):
        with pytest.raises(
            KubeconfigError, match=r"proxy of context .prod. cannot be used.*http://host:port"
        ) as error:
            proxy("https://api", **refused)
        assert "s3cr3t" not in str(error.value)
