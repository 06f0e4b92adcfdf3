"""Container images and how to pull them."""

from typing import Annotated, Literal

from kata_components.settings.model import DnsName, Model, matching

PullPolicy = Literal["Always", "IfNotPresent", "Never"]


class Image(Model):
    """An image; a reference with a digest stands for itself."""

    reference: Annotated[str, matching(r"\S+", "an image reference", 1024)]
    tag: Annotated[str, matching(r"[A-Za-z0-9_.-]*", "an image tag or empty", 128)] = ""

    def name(self, default_tag: str) -> str:
        """Return the full name; an empty tag means `default_tag`."""
        return self.reference if "@" in self.reference else f"{self.reference}:{self.tag or default_tag}"


class PullSecret(Model):
    """The name of a Secret with registry credentials in the installation's namespace."""

    name: DnsName
