"""A canary: another version of a model beside it, with a part of its requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelfleet.records import dataclass

if TYPE_CHECKING:
    from modelfleet.resolve.model import Model

_OWN = ("location", "size", "accelerator", "args", "env", "runtime")


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """`model` is what it would be as a model of its own; `moved` says whether it names a location of its own."""

    name: str
    percent: int
    replicas: int
    image: str | None
    moved: bool
    model: Model


def as_model(data: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
    """What a canary is made of: what it says itself, over what its model says."""
    left = {key: value for key, value in data.items() if key not in ("canary", "patch")}
    return {**left, **{key: written[key] for key in _OWN if written.get(key) is not None}}


def canary_of(written: Mapping[str, Any], model: Model) -> Canary:
    """The canary that a spec describes, made of this."""
    return Canary(
        name=written.get("name") or "canary",
        percent=written["percent"],
        replicas=written.get("replicas", 1),
        image=written.get("image"),
        moved=written.get("location") is not None,
        model=model,
    )
