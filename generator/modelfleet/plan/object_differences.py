"""The differences of objects, each once for all environments in which it is the same."""

from __future__ import annotations

from modelfleet.plan.effects import ObjectChange
from modelfleet.plan.result import Plan
from modelfleet.records import dataclass

MAX_LINES_OF_OBJECT = 40
"""Of a longer difference only the beginning is shown."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How one object of a project changes, and in which environments it changes in the same way."""

    project: str
    change: ObjectChange
    environments: tuple[str, ...]


def object_differences(found: Plan) -> list[Difference]:
    """Each change of an object once, those with the heaviest effects first."""
    rows = [(row, one.name) for one in found.environments for row in one.rows]
    together: dict[tuple[str, str], list[tuple[ObjectChange, list[str]]]] = {}
    ordered: list[tuple[str, ObjectChange, list[str]]] = []
    for row, environment in sorted(rows, key=lambda item: -item[0].effect.weight):
        for change in row.objects:
            known = together.setdefault((row.project, f"{change.key[0]}/{change.key[1]}"), [])
            places = next((where for other, where in known if _alike(other, change)), None)
            if places is None:
                places = []
                known.append((change, places))
                ordered.append((row.project, change, places))
            if environment not in places:
                places.append(environment)
    return [Difference(project, change, tuple(sorted(places))) for project, change, places in ordered]


def _alike(one: ObjectChange, other: ObjectChange) -> bool:
    """Whether the same fields change in the same way; what stays may be different."""
    return one.state == other.state and one.steps == other.steps
