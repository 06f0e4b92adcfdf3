"""Container images and how to pull them."""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from kata_components.settings.model import DnsName, Model, matching

PullPolicy = Literal["Always", "IfNotPresent", "Never"]

_HOST = (
    r"([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(:[0-9]+)?"
)
_PART = r"[a-z0-9]+((\.|_{1,2}|-+)[a-z0-9]+)*"
_NAME = rf"({_HOST}/)?{_PART}(/{_PART})*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_SHOWN = 100
_DIGEST = r"@(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})"


def _without_tag(reference: object) -> object:
    """Refuse a tag in the reference: there would be two in the end. With a digest, it does no harm."""
    if not isinstance(reference, str):
        return reference
    name, colon, tag = reference.rpartition(":")
    if "@" not in reference and colon and "/" not in tag and name:
        raise ValueError(f"must be a name without a tag: set reference to {name[:_SHOWN]} and tag to {tag[:_SHOWN]}")
    return reference


class Image(Model):
    """An image; a reference with a digest stands for itself."""

    reference: Annotated[
        str,
        matching(rf"{_NAME}((:{_TAG})?{_DIGEST})?", "the name of an image, with or without a digest", 1024),
        BeforeValidator(_without_tag),
    ]
    tag: Annotated[str, matching(rf"({_TAG}({_DIGEST})?)?", "a tag, with or without a digest, or empty", 300)] = ""

    def name(self, default_tag: str) -> str:
        """Return the full name; an empty tag means `default_tag`."""
        return self.reference if "@" in self.reference else f"{self.reference}:{self.tag or default_tag}"


class PullSecret(Model):
    """The name of a Secret with registry credentials in the installation's namespace."""

    name: DnsName
