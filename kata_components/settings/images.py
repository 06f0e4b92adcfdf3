"""Container images and how to pull them."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, model_validator

from kata_components.settings.model import DnsName, Model, matching

PullPolicy = Literal["Always", "IfNotPresent", "Never"]

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = rf"({_LABEL}(\.{_LABEL})*|\[[0-9a-fA-F:]+\])(:[0-9]+)?"
_PART = r"[a-z0-9]+((\.|_{1,2}|-+)[a-z0-9]+)*"
_NAME = rf"({_HOST}/)?{_PART}(/{_PART})*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_SHOWN = 100
_DIGEST = r"@(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})"


_REFERENCE = "the name of an image, with or without a digest"
_Tag = Annotated[
    str, matching(rf"({_TAG}({_DIGEST})?)?", "a tag, with or without a digest, or empty", 300)
]


def _without_tag(reference: object) -> object:
    """Refuse a tag in the reference, which would make two; with a digest, it does no harm."""
    if isinstance(reference, str) and (parts := _tagged(reference)):
        name, tag = parts
        raise ValueError(
            f"must be a name without a tag: set reference to {name[:_SHOWN]} "
            f"and tag to {tag[:_SHOWN]}"
        )
    return reference


def _tagged(reference: str) -> tuple[str, str] | None:
    """Return the name and the tag of a reference with a tag and no digest."""
    # A colon before a slash belongs to a port.
    name, _, tag = reference.rpartition(":")
    return (name, tag) if name and "/" not in tag and "@" not in reference else None


class Image(Model):
    """An image; a reference with a digest is complete."""

    reference: Annotated[
        str,
        matching(rf"{_NAME}((:{_TAG})?{_DIGEST})?", _REFERENCE, 1024),
        BeforeValidator(_without_tag),
    ]
    tag: _Tag = ""

    def name(self, default_tag: str) -> str:
        """Return the full name; an empty tag means `default_tag`."""
        return (
            self.reference
            if "@" in self.reference
            else f"{self.reference}:{self.tag or default_tag}"
        )


ImageName = Annotated[str, matching(rf"{_NAME}(:{_TAG})?({_DIGEST})?", _REFERENCE, 1024)]
"""The whole name of an image."""


class ExactImage(Model):
    """An image without a default tag: with an empty tag, the reference is the whole name."""

    reference: ImageName
    tag: _Tag = ""

    @model_validator(mode="after")
    def _has_one_tag(self) -> Self:
        if self.tag:
            _without_tag(self.reference)
        return self

    @property
    def name(self) -> str:
        """The full name."""
        return (
            self.reference
            if "@" in self.reference or not self.tag
            else f"{self.reference}:{self.tag}"
        )


class PullSecret(Model):
    """The name of a Secret with registry credentials in the installation's namespace."""

    name: DnsName
