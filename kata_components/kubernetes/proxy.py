"""Which proxy leads to an API server: the kubeconfig's, else the environment's as kubectl reads it.

Rules of the environment: golang.org/x/net/http/httpproxy, which kubectl uses.
"""

import os
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

from kata_components.errors import KubeconfigError
from kata_components.kubernetes.kubeconfig import Target

_PORTS: Final = {"http": 80, "https": 443}


def proxy_of(target: Target, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the URL of the proxy to a target's server, None when there is none.

    Raises:
        KubeconfigError: there is one, and it is of a kind that cannot be used.
    """
    proxy = target.cluster.proxy_url or _of_environment(target.cluster.server, environment)
    if not proxy:
        return None
    try:
        parts = urlsplit(proxy)
        usable = parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        # Not quoted: it may hold a password.
        raise KubeconfigError(
            f'the proxy of context "{target.context}" cannot be used: proxy-url in the kubeconfig, or HTTPS_PROXY in '
            "the environment, must be http://host:port; through such a proxy the connection to the cluster is TLS all "
            "the way"
        )
    return proxy


def _of_environment(server: str, environment: Mapping[str, str]) -> str | None:
    url = urlsplit(server)
    name = f"{url.scheme}_proxy"
    proxy = environment.get(name.upper()) or environment.get(name)
    if not proxy or _is_excepted(url, environment.get("NO_PROXY") or environment.get("no_proxy") or ""):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_excepted(url: SplitResult, exceptions: str) -> bool:
    host, port = url.hostname or "", url.port or _PORTS.get(url.scheme)
    address = _address(host)
    if host == "localhost" or (address and address.is_loopback):
        # Proxies never lead to this machine.
        return True
    return any(_matches(entry.strip().lower(), host, address, port) for entry in exceptions.split(","))


def _matches(entry: str, host: str, address: IPv4Address | IPv6Address | None, port: int | None) -> bool:
    """Return whether an entry of NO_PROXY (`*`, address, network or domain, with a port or not) is about a host."""
    if entry == "*":
        return True
    if address and "/" in entry:
        try:
            return address in ip_network(entry, strict=False)
        except ValueError:
            return False
    name, colon, number = entry.rpartition(":")
    if colon and number.isdigit() and _address(entry) is None:
        if int(number) != port:
            return False
        entry = name.strip("[]")
    if address:
        return _address(entry) == address
    domain = entry.removeprefix("*")
    return bool(domain.strip(".")) and (host == domain or host.endswith(f".{domain.removeprefix('.')}"))


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
