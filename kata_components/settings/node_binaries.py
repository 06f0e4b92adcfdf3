"""Programs that job mode puts on the nodes, out of images of the user's (from 4.2.0 on)."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator

from kata_components.settings.images import ImageName, PullPolicy
from kata_components.settings.merge import Tree, select
from kata_components.settings.model import DnsLabel, Many, Model, matching
from kata_components.settings.problems import Problem
from kata_components.settings.profile import Profile

_OTHER_CONTAINERS = {"dispatcher", "kube-kata", "rb-cleanup"}
"""Those of the chart that are not stages."""

_FileName = Annotated[
    str,
    matching(
        r"[A-Za-z0-9][A-Za-z0-9._+-]*", "a bare file name of letters, digits and . _ + -", 255
    ),
]


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


NodeBinaries = Annotated[dict[DnsLabel, NodeBinary], AfterValidator(_each_once)]
"""By the name of the container that copies the files out of the image."""


def taken_names(tree: Tree, profile: Profile) -> Iterator[Problem]:
    """Yield a problem for each entry whose name a container of the chart has."""
    stages = (*profile.traits.install_stages, *profile.traits.cleanup_stages)
    taken = {s.name for s in stages if s.script != "stage_binaries"} | _OTHER_CONTAINERS
    for path, _ in select(tree, ("nodeBinaries", "*")):
        if path[-1] in taken:
            yield Problem(path, "is the name of one of the chart's own containers; use another")
