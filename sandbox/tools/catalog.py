"""The tools the sandbox needs: version, pinned Go module, and what counts on PATH.

The versions here name what the `go.mod` files in `go/` pin (a test compares them). `finder` finds
tools on PATH, `downloads` and `builder` get what is not there.
"""

from sandbox.tools.tool import Binary, Release, Tool
from sandbox.tools.versions import Versions

PULUMI_VERSION = "v3.259.0"
KUBERNETES_VERSION = "v1.36.3"
PROVIDER_VERSION = "v4.32.0"
"""Pulumi's Kubernetes provider in the version that the pinned `pulumi-kubernetes` asks for."""
_PROVIDER_CODE = "4.25"
PULUMI_SDK = "github.com/pulumi/pulumi/sdk/v3"
_COMPONENT = "k8s.io/component-base/version"
_PROVIDER = "github.com/pulumi/pulumi-kubernetes/provider/v4"
_PLUGIN = "pulumi-resource-kubernetes"
_ETCD_SITE = "https://github.com/etcd-io/etcd/releases/download"
_CONTAINERD = "github.com/containerd/containerd/v2"
_CONTAINERD_VERSION = "v2.2.9"
_CONTAINERD_ARCHIVE = (
    "https://github.com/containerd/containerd/releases/download/{version}/"
    f"containerd-{_CONTAINERD_VERSION.removeprefix('v')}-{{os}}-{{arch}}.tar.gz"
)
_PULUMI_SITE = "https://get.pulumi.com/releases"

PULUMI_SCRIPTS = (
    "python/cmd/pulumi-language-python-exec",
    "python/dist/pulumi-resource-pulumi-python",
)
"""Scripts beside the Pulumi CLI, as paths inside the source of `PULUMI_SDK` at `PULUMI_VERSION`."""


def _kubernetes(name: str) -> Binary:
    return Binary(name, f"k8s.io/kubernetes/cmd/{name}", ("--version",))


_KUBERNETES_VARIABLES = {
    f"{_COMPONENT}.gitVersion": KUBERNETES_VERSION,
    f"{_COMPONENT}.gitMajor": "1",
    f"{_COMPONENT}.gitMinor": "36",
}
_KUBERNETES_RELEASE = Release(
    "https://dl.k8s.io/release/{version}/bin/{os}/{arch}/{name}",
    "https://dl.k8s.io/release/{version}/bin/{os}/{arch}/{name}.sha256",
)

TOOLS = (
    Tool(
        "etcd",
        "v3.6.8",
        1,
        (Binary("etcd", "go.etcd.io/etcd/server/v3", ("--version",)),),
        release=Release(
            f"{_ETCD_SITE}/{{version}}/etcd-{{version}}-{{os}}-{{arch}}.tar.gz",
            f"{_ETCD_SITE}/{{version}}/SHA256SUMS",
        ),
    ),
    Tool(
        "kwok",
        "v0.8.0",
        2.5,
        tuple(
            Binary(name, f"sigs.k8s.io/kwok/cmd/{name}", ("--version",))
            for name in ("kwok", "kwokctl")
        ),
    ),
    Tool(
        "pulumi",
        PULUMI_VERSION,
        6,
        (
            Binary(
                "pulumi",
                "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
                ("version",),
                versions=Versions("3.219", "3"),
            ),
        ),
        {"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": PULUMI_VERSION},
        release=Release(
            f"{_PULUMI_SITE}/sdk/pulumi-{{version}}-{{os}}-{{x64}}.tar.gz",
            f"{_PULUMI_SITE}/sdk/pulumi-{PULUMI_VERSION.removeprefix('v')}-checksums.txt",
            ("pulumi-language-python", *(script.split("/")[-1] for script in PULUMI_SCRIPTS)),
        ),
    ),
    Tool(
        "pulumi-language-python",
        "v3.79.0",
        1,
        (
            Binary(
                "pulumi-language-python",
                "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python",
                companion="pulumi",
            ),
        ),
    ),
    Tool(
        "kubernetes",
        KUBERNETES_VERSION,
        8,
        (
            _kubernetes("kube-apiserver"),
            _kubernetes("kube-controller-manager"),
            _kubernetes("kube-scheduler"),
            Binary(
                "kubectl",
                "k8s.io/kubernetes/cmd/kubectl",
                ("version", "--client=true"),
                versions=Versions("1.35", "1.37"),
            ),
        ),
        _KUBERNETES_VARIABLES,
        release=_KUBERNETES_RELEASE,
    ),
)

PROVIDER = Tool(
    _PLUGIN,
    "v4.0.0-20260115033456-f47bc2d6f199",
    7,
    (Binary(_PLUGIN, f"sandbox/tools/{_PLUGIN}"),),
    # The CLI warns if a provider is older than requested, but ignores what follows the +.
    {
        f"{_PROVIDER}/pkg/version.Version": (
            f"{PROVIDER_VERSION.removeprefix('v')}+code.{_PROVIDER_CODE}"
        )
    },
    # For its size alone: the CLI downloads it.
    release=Release(
        f"{_PULUMI_SITE}/plugins/{_PLUGIN}-{PROVIDER_VERSION}-{{os}}-{{arch}}.tar.gz", sums=""
    ),
)
"""The newest code of the provider that the module proxy has. Not one of `TOOLS`, as it does not
belong on PATH."""

NODE_TOOLS = (
    Tool(
        "kubelet",
        KUBERNETES_VERSION,
        1,
        (_kubernetes("kubelet"),),
        _KUBERNETES_VARIABLES,
        release=_KUBERNETES_RELEASE,
    ),
    Tool(
        "containerd",
        _CONTAINERD_VERSION,
        3,
        tuple(
            Binary(name, f"{_CONTAINERD}/cmd/{name}", ("--version",))
            for name in ("containerd", "containerd-shim-runc-v2", "ctr")
        ),
        {f"{_CONTAINERD}/version.Version": _CONTAINERD_VERSION},
        # Snapshotters that nobody uses here; they need libraries of C or modules of the kernel.
        tags=("no_btrfs", "no_devmapper", "no_zfs"),
        release=Release(_CONTAINERD_ARCHIVE, f"{_CONTAINERD_ARCHIVE}.sha256sum"),
    ),
)
"""What runs on a real node. Never taken from PATH: the node has libraries of its own."""

NODE_PROGRAM = Tool(
    "node-program",
    "v1",
    0.5,
    (Binary("kata-deploy", "sandbox/tools/node-program"),),
    # An image has no libraries of C.
    tags=("netgo", "osusergo"),
)
"""The double of upstream's node program, for the images that real nodes pull."""
