"""Programs that job mode puts on the nodes, out of images of the user's (from 4.2.0 on)."""

from typing import Annotated, Literal

from pydantic import AfterValidator

from kata_components.settings.images import ImageName, PullPolicy
from kata_components.settings.model import DnsLabel, Many, Model, matching

_TAKEN = (
    "artifacts",
    "cri",
    "dispatcher",
    "host-check",
    "kube-kata",
    "load-kernel-modules",
    "node-binaries-install",
    "node-binaries-remove",
    "rb-cleanup",
    "remove-artifacts",
    "revert-cri",
    "selinux-policy",
)
"""Names of containers of the chart's."""

_FileName = Annotated[
    str,
    matching(
        r"[A-Za-z0-9][A-Za-z0-9._+-]*", "a bare file name of letters, digits and . _ + -", 255
    ),
]


def _free(name: str) -> str:
    if name in _TAKEN:
        raise ValueError("is the name of a container that is there anyway; use another")
    return name


def _some(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("must name at least one file")
    return names


class NodeBinary(Model):
    """An image, and which of its files go into `/usr/local/bin` of the nodes."""

    image: ImageName
    binaries: Annotated[Many[_FileName], AfterValidator(_some)]

    pull_policy: PullPolicy | Literal[""] = ""
    """Empty means `image_pull_policy`."""


def _each_once(entries: dict[str, NodeBinary]) -> dict[str, NodeBinary]:
    owners: dict[str, str] = {}
    for name, entry in sorted(entries.items()):
        for binary in entry.binaries:
            if owners.setdefault(binary, name) != name:
                raise ValueError(
                    f"has {binary} in {owners[binary]} and in {name}; remove it from one of them"
                )
    return entries


NodeBinaries = Annotated[
    dict[Annotated[DnsLabel, AfterValidator(_free)], NodeBinary], AfterValidator(_each_once)
]
"""By the name of the container that copies the files out of the image."""
