"""Finds the proxy of an API server: the kubeconfig's, else the environment's as kubectl reads it.

The rules of the environment are those of golang.org/x/net/http/httpproxy, which kubectl uses.
"""

import os
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

from kata_components.errors import KubeconfigError
from kata_components.kubernetes.cluster_access import ClusterAccess

_PORTS: Final = {"http": 80, "https": 443}


def proxy_of(access: ClusterAccess, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the URL of the proxy to the API server, None when there is none.

    Raises:
        KubeconfigError: there is one, but its kind is not supported.
    """
    proxy = access.cluster.proxy_url or _of_environment(access.cluster.server, environment)
    if not proxy:
        return None
    if not _is_usable(proxy):
        # Not quoted: it may hold a password.
        raise KubeconfigError(
            f'the proxy of context "{access.context}" cannot be used: proxy-url in the kubeconfig, '
            "or HTTPS_PROXY in the environment, must be http://host:port; even through such a "
            "proxy, the connection to the cluster is TLS from end to end"
        )
    return proxy


def _is_usable(proxy: str) -> bool:
    try:
        parts = urlsplit(proxy)
        return parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _of_environment(server: str, environment: Mapping[str, str]) -> str | None:
    url = urlsplit(server)
    name = f"{url.scheme}_proxy"
    proxy = environment.get(name.upper()) or environment.get(name)
    if not proxy or _is_excepted(
        url, environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    ):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_excepted(url: SplitResult, exceptions: str) -> bool:
    host, port = url.hostname or "", str(url.port or _PORTS.get(url.scheme))
    address = _address(host)
    if host == "localhost" or (address and address.is_loopback):
        # This machine is never reached through a proxy.
        return True
    return any(_matches(entry.strip().lower(), host, port) for entry in exceptions.split(","))


def _matches(entry: str, host: str, port: str) -> bool:
    """Return whether an entry of NO_PROXY matches: `*`, an address, network or domain[:port]."""
    if entry == "*":
        return True
    address = _address(host)
    network = _network(entry)
    if network:
        return address is not None and address in network
    name, its_port = _split_port(entry)
    if its_port not in ("", port) or not name.strip(".*"):
        return False
    if its_address := _address(name):
        return its_address == address
    suffix = name[1:] if name.startswith("*.") else name
    return host.endswith(suffix if suffix.startswith(".") else f".{suffix}") or host == suffix


def _split_port(entry: str) -> tuple[str, str]:
    """Return name and port ("" for any) of an entry; IPv6 addresses have colons of their own."""
    name, _, port = entry.rpartition(":")
    if not name or _address(entry):
        return entry, ""
    return name.removeprefix("[").removesuffix("]"), port


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    _, slash, bits = entry.partition("/")
    try:
        return ip_network(entry, strict=False) if slash and bits.isdecimal() else None
    except ValueError:
        return None


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
