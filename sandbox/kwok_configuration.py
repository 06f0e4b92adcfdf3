"""What kwokctl is told of a cluster: programs, ports, arguments of the components, policies."""

from pathlib import Path
from typing import Any

from sandbox import behaviour
from sandbox.nodes import SIMULATED

SERVICE_ADDRESS = "10.0.0.1"
"""Where pods find the API server: the first address of its default range of Services."""

KWOK = "kwok-controller"
API_SERVER = "kube-apiserver"

_COMPONENTS = (API_SERVER, "kube-controller-manager", "kube-scheduler", "etcd")
_AUDIT_LOG_MEGABYTES = 4000
"""Rotates late: a test that reads the log must see all of it."""

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}

Manifest = dict[str, Any]


def configuration(
    tools: Path, ports: dict[str, int], users: Path, certificates: Path
) -> list[Manifest]:
    """Return the documents of kwokctl's configuration file.

    Args:
        tools: the folder with the programs.
        ports: the port of each component, in kwokctl's words.
        users: the file with the users' tokens.
        certificates: the folder where kwokctl will put the cluster's certificates.
    """
    options = {f"{_camel_case(name)}Binary": str(tools / name) for name in _COMPONENTS}
    return [
        {
            "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
            "kind": "KwokctlConfiguration",
            "options": {
                **options,
                **ports,
                "kwokControllerBinary": str(tools / "kwok"),
                "bindAddress": "127.0.0.1",
                "kubeApiserverCertSANs": [SERVICE_ADDRESS],
            },
            # Not `--extra-args`: kwokctl 0.8.0 panics on some orders of those.
            "componentsPatches": _patches(users, certificates),
        },
        *behaviour.stages(),
        behaviour.logs(),
    ]


def _patches(users: Path, certificates: Path) -> list[Manifest]:
    """Return what components get beside kwokctl's own arguments."""
    # With a single instance, an election can only be lost to a busy machine, and the component
    # would exit.
    alone = _added({"leader-elect": "false"})
    api_server = {
        "token-auth-file": str(users),
        "audit-log-maxsize": str(_AUDIT_LOG_MEGABYTES),
        "kubelet-client-certificate": str(certificates / "admin.crt"),
        "kubelet-client-key": str(certificates / "admin.key"),
        # By default it would look up the host names of nodes, which nobody knows.
        "kubelet-preferred-address-types": "InternalIP,Hostname",
    }
    # Real nodes have a kubelet of their own.
    some_nodes = {"key": "manage-all-nodes", "value": "false", "override": True}
    simulated = {"manage-nodes-with-annotation-selector": "=".join(SIMULATED)}
    extra = {
        "etcd": _added({"unsafe-no-fsync": "true"}),
        API_SERVER: _added(api_server),
        "kube-controller-manager": alone,
        "kube-scheduler": alone,
        KWOK: [some_nodes, *_added(simulated)],
    }
    return [{"name": name, "extraArgs": arguments} for name, arguments in extra.items()]


def _added(arguments: dict[str, str]) -> list[Manifest]:
    return [{"key": key, "value": value} for key, value in arguments.items()]


def _camel_case(name: str) -> str:
    first, *others = name.split("-")
    return first + "".join(map(str.capitalize, others))
