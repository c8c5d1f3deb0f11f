"""The road between two releases of OpenShift AI: through which ones an operator has to go, and of what type they are."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, pairwise

from modelfleet.packaged import packaged_data
from modelfleet.resolve import catalog
from modelfleet.resolve.release import Release


def release_types() -> Mapping[str, Mapping[str, str]]:
    """The types of releases: what each is called, and how long it is supported."""
    found: Mapping[str, Mapping[str, str]] = packaged_data("release-types")
    return found


def type_of(release: Release) -> str | None:
    """What the type of a release is called; None where it is not known."""
    written = release.support["type"]
    return None if written is None else release_types()[written]["name"]


def road(start: str, goal: str) -> tuple[str, ...] | None:
    """The releases from one to another, both included, over as few others as possible; None where there is no way."""
    ways: list[tuple[str, ...]] = [(goal,)]
    while ways:
        for way in ways:
            if way[0] == start:
                return way
        ways = [(before, *way) for way in ways for before in catalog.release(way[0]).upgrade["from"]]
    return None


def main_road() -> tuple[str, ...]:
    """The releases of the road that leads from each EUS release to the next one, oldest first."""
    ends = [name for name in catalog.release_names() if catalog.release(name).support["type"] == "eus"]
    ways = (road(start, goal) or () for start, goal in pairwise(ends))
    return tuple(dict.fromkeys(chain.from_iterable(ways)))
