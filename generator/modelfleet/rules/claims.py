"""What no project shows by itself: each project makes claims, and a rule on the fleet judges those of all projects.

A claim is plain data. So projects can be resolved elsewhere, or were so earlier, and the rules see them all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from modelfleet.finding import Finding, Location, Pointer
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.model import Project


class Claim(NamedTuple):
    """What a project in an environment says to a rule on the fleet, and where that is written; `facts` are plain data."""

    project: str
    environment: str
    pointer: Pointer
    at: Location
    facts: Mapping[str, Any]


class FleetRule(NamedTuple):
    """A rule on all projects together: what it asks each one for, and what it says of all that they say."""

    claims: Callable[[Project], Iterator[Claim]]
    judge: Callable[[Sequence[Claim], Mapping[str, Environment]], Iterator[Finding]]


def claim_at(project: Project, pointer: Pointer, *, key: bool = False, **facts: Any) -> Claim:
    """A claim of a project about one of its fields, or with `key` about that field's key."""
    place = project.spec.key_at if key else project.spec.at
    return Claim(project.name, project.environment.name, pointer, place(pointer), facts)
