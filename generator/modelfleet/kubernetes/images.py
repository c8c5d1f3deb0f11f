"""The parts of a reference to a container image."""

from __future__ import annotations

from modelfleet.records import dataclass


@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image's repository, and the tag and the digest that the reference names."""

    repository: str
    tag: str | None
    digest: str | None


def image_reference(text: str) -> ImageReference:
    """The parts of `registry:5000/team/name:tag@sha256:...`; the colon of a registry's port begins no tag."""
    name, _, digest = text.partition("@")
    folder, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    return ImageReference(f"{folder}{slash}{last}", tag or None, digest or None)
