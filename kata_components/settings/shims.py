"""The shims, their settings, and their RuntimeClasses."""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import ConfigDict, Field

from kata_components.settings.model import DnsName, Labels, Many, Model, Word, WordOrEmpty, matching
from kata_components.settings.resources import Quantity
from kata_components.settings.toml_text import Toml

Arch = Literal["amd64", "arm64", "s390x", "ppc64le"]
ARCHES: tuple[Arch, ...] = get_args(Arch)
# They become parameters of the guest's kernel, and `;` separates those of two shims.
_Proxy = Annotated[str, matching(r"[^\s;]*", "text without spaces and `;`, or empty", 4096)]


class ShimContainerd(Model):
    """How containerd runs a shim; an empty snapshotter means containerd's default."""

    snapshotter: WordOrEmpty = ""
    force_guest_pull: bool = False


class ShimCrio(Model):
    """How CRI-O runs a shim."""

    guest_pull: bool = False


class ShimAgent(Model):
    """Proxies of the guest agent."""

    https_proxy: _Proxy = ""
    no_proxy: _Proxy = ""


class Overhead(Model):
    """What a pod of this class costs in addition to its containers."""

    memory: Quantity
    cpu: Quantity


class ShimRuntimeClass(Model):
    """The RuntimeClass of a shim."""

    node_selector: Labels = Field(default_factory=dict)

    overhead_enabled: bool | None = None
    """None means `runtimeClasses.overheadEnabled`."""

    overhead: Overhead | None = None
    """None means the chart's own."""


class ShimNvrc(Model):
    """NVRC, the init of the guest with NVIDIA's shims."""

    enable_dcgm: Annotated[bool, Field(alias="enableDCGM")] = False


class Shim(Model):
    """One shim."""

    enabled: bool | None = None
    nvrc: ShimNvrc = ShimNvrc()
    """None means that `shims.disableAll` decides."""

    supported_arches: Many[Arch] = ()
    allowed_hypervisor_annotations: Many[Word] = ()

    drop_in: Toml = ""
    """Changes to its configuration."""

    containerd: ShimContainerd = ShimContainerd()
    crio: ShimCrio = ShimCrio()
    agent: ShimAgent = ShimAgent()
    runtime_class: ShimRuntimeClass = ShimRuntimeClass()

    @property
    def guest_pull(self) -> bool:
        """Whether images are pulled inside the guest, with either container runtime."""
        return self.containerd.force_guest_pull or self.crio.guest_pull


class Shims(Model):
    """All shims of the version, by name."""

    model_config = ConfigDict(extra="allow")

    disable_all: bool
    __pydantic_extra__: dict[str, Shim] = Field(init=False)

    @property
    def enabled(self) -> Mapping[str, Shim]:
        """The enabled shims, in alphabetical order, as the chart lists them."""
        return {
            name: shim
            for name, shim in sorted(self.__pydantic_extra__.items())
            if self._is_enabled(shim)
        }

    def _is_enabled(self, shim: Shim) -> bool:
        return not self.disable_all if shim.enabled is None else shim.enabled


class RuntimeClasses(Model):
    """Which RuntimeClasses to create."""

    enabled: bool
    create_default: bool
    default_name: DnsName
    overhead_enabled: bool


class DefaultShim(Model):
    """The shim that plain `kata` means, per architecture; empty for none."""

    model_config = ConfigDict(alias_generator=None)

    amd64: str = ""
    arm64: str = ""
    s390x: str = ""
    ppc64le: str = ""

    @property
    def first(self) -> str:
        """The first default shim: a RuntimeClass is the same on all architectures."""
        return self.amd64 or self.arm64 or self.s390x or self.ppc64le
