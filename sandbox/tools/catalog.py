"""The tools the sandbox needs: version, pinned Go module, and how to recognise each on PATH.

The versions here name what the `go.mod` files in `go/` pin (a test compares them). `finder` finds
tools on PATH, `builder` builds them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MODULES = Path(__file__).parent / "go"
PULUMI_VERSION = "v3.259.0"
KUBERNETES_VERSION = "v1.36.3"
PROVIDER_VERSION = "v4.32.0"
"""Pulumi's Kubernetes provider in the version that the pinned `pulumi-kubernetes` asks for."""
_PROVIDER_CODE = "4.25"
PULUMI_SDK = "github.com/pulumi/pulumi/sdk/v3"
_COMPONENT = "k8s.io/component-base/version"
_PROVIDER = "github.com/pulumi/pulumi-kubernetes/provider/v4"


@dataclass(frozen=True)
class Binary:
    """One executable. Its `repr` is part of `Tool.key`."""

    name: str
    package: str
    """The Go package it is built from."""
    version_args: tuple[str, ...] = ()
    """Arguments that make it print its version; empty if it cannot."""
    companion: str = ""
    """The binary it is released with. Without a version of its own, one on PATH counts only beside
    its companion."""


@dataclass(frozen=True)
class Tool:
    """Binaries that share a pinned module."""

    module: str
    """The name of its folder in `go/`."""
    version: str
    minutes: float
    """How long a cold build took on 2 cores."""
    binaries: tuple[Binary, ...]
    link_variables: Mapping[str, str] = field(default_factory=dict)
    """Go variables and the values the linker gives them."""
    tags: tuple[str, ...] = ()
    """Build tags."""

    @property
    def directory(self) -> Path:
        """The folder with the tool's `go.mod` and `go.sum`, and its `main.go` if it is ours."""
        return MODULES / self.module

    @property
    def build_flags(self) -> tuple[str, ...]:
        """Flags of `go build`: no paths, no debug information, the version linked in."""
        variables = "".join(f" -X {name}={value}" for name, value in self.link_variables.items())
        tags = ("-tags", ",".join(self.tags)) if self.tags else ()
        return ("-trimpath", *tags, "-ldflags", f"-s -w{variables}")

    @property
    def key(self) -> str:
        """What the built binaries depend on, as the name of their folder in the cache."""
        digest = hashlib.sha256()
        for file in sorted(self.directory.iterdir()):
            digest.update(file.read_bytes())
        digest.update(repr((self.build_flags, self.binaries)).encode())
        return f"{self.module}-{self.version}-{digest.hexdigest()[:12]}"


def _kubernetes(name: str, *version_args: str) -> Binary:
    return Binary(name, f"k8s.io/kubernetes/cmd/{name}", version_args or ("--version",))


TOOLS = (
    Tool("etcd", "v3.6.8", 1, (Binary("etcd", "go.etcd.io/etcd/server/v3", ("--version",)),)),
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
        (Binary("pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", ("version",)),),
        {"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": PULUMI_VERSION},
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
            _kubernetes("kubectl", "version", "--client=true"),
        ),
        {
            f"{_COMPONENT}.gitVersion": KUBERNETES_VERSION,
            f"{_COMPONENT}.gitMajor": "1",
            f"{_COMPONENT}.gitMinor": "36",
        },
    ),
)

PROVIDER = Tool(
    "pulumi-resource-kubernetes",
    "v4.0.0-20260115033456-f47bc2d6f199",
    7,
    (Binary("pulumi-resource-kubernetes", "sandbox/tools/pulumi-resource-kubernetes"),),
    # The CLI warns if a provider is older than requested, but ignores what follows the +.
    {
        f"{_PROVIDER}/pkg/version.Version": (
            f"{PROVIDER_VERSION.removeprefix('v')}+code.{_PROVIDER_CODE}"
        )
    },
)
"""The newest code of the provider that the module proxy has. Not one of `TOOLS`, as it does not
belong on PATH."""

NODE_PROGRAM = Tool(
    "node-program",
    "v1",
    0.5,
    (Binary("kata-deploy", "sandbox/tools/node-program"),),
    # An image has no libraries of C.
    tags=("netgo", "osusergo"),
)
"""The double of upstream's node program, for the images that real nodes pull."""

PULUMI_SCRIPTS = (
    "python/cmd/pulumi-language-python-exec",
    "python/dist/pulumi-resource-pulumi-python",
)
"""Scripts beside the Pulumi CLI, as paths inside the source of `PULUMI_SDK` at `PULUMI_VERSION`."""
