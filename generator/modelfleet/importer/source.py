"""One object to read fields from: what stands at the paths that `data/fields.yaml` names for a field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from modelfleet.importer.given import GivenObject
from modelfleet.kubernetes.objects import Object, mapping
from modelfleet.records import dataclass
from modelfleet.resolve.environment import Environment
from modelfleet.spec.fields import WorkloadKind, decided_metadata, fields

Connections = Mapping[str, Mapping[str, Any]]
"""The connections of the spec by name, as they are written there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSource:
    """A workload as it was given, and what its fields are understood with.

    `tokens` are the names of those that open it, `callers` accounts and groups that are let in with tokens of their own;
    `model_ref` is the MaaSModelRef of its name, `runtime` the ServingRuntime that it names.
    """

    given: GivenObject
    workload: WorkloadKind
    environment: Environment
    connections: Connections
    tokens: tuple[str, ...] = ()
    callers: tuple[Mapping[str, str], ...] = ()
    model_ref: GivenObject | None = None
    runtime: GivenObject | None = None

    @property
    def item(self) -> Object:
        """The object itself."""
        return self.given.object

    @property
    def own_program(self) -> bool:
        """Whether a container of its own serves it, and no runtime."""
        predictor = mapping(mapping(self.item.get("spec")).get("predictor"))
        return self.given.kind == "InferenceService" and "containers" in predictor and "model" not in predictor

    def all_of(self, field: str) -> Iterator[Any]:
        """Every value that stands where the field ends up, in the order of its paths."""
        for path in fields()[field].paths:
            if path.kind == self.given.kind and path.serves(self.workload):
                yield from values_at(self.item, path.steps)

    def first(self, field: str) -> Any:
        """The first of them; None where there is none."""
        return next(self.all_of(field), None)

    def value_of(self, field: str) -> Any:
        """What the spec says where that is the first of them."""
        return fields()[field].value_of(self.first(field))

    def named(self, field: str, step: str) -> Any:
        """The value at the path of the field whose last step is this."""
        for path in fields()[field].paths:
            if path.kind == self.given.kind and path.steps[-1] == step:
                return next(values_at(self.item, path.steps), None)
        return None

    def offered(self, field: str) -> bool:
        """Whether the release has the field."""
        needs = fields()[field].needs
        return not needs or bool(self.environment.can(needs))

    @property
    def in_mesh(self) -> bool:
        """Whether an annotation takes its pods into the service mesh."""
        of_mesh = set(decided_metadata("advanced")) - set(decided_metadata("standard"))
        return any(self.annotation(steps[1]) is not None for steps, _ in of_mesh if steps[0] == "annotations")

    def annotation(self, key: str) -> str | None:
        """An annotation of the object."""
        found = mapping(self.item["metadata"].get("annotations")).get(key)
        return None if found is None else str(found)


def undecided(item: Object, part: str, decided: Iterable[tuple[tuple[str, ...], str]]) -> dict[str, str] | None:
    """Labels or annotations (`part`) of an object that nothing else in a spec decides; None where there are none."""
    patterns = [steps[1] for steps, _ in decided if steps[0] == part]
    there = mapping(item["metadata"].get(part)).items()
    return {key: text for key, text in there if not any(fnmatchcase(key, one) for one in patterns)} or None


def values_at(value: Any, steps: Sequence[str]) -> Iterator[Any]:
    """The values at a path in which a step may stand for several."""
    if not steps:
        yield value
    elif isinstance(value, dict):
        for key, child in value.items():
            if fnmatchcase(str(key), steps[0]):
                yield from values_at(child, steps[1:])
    elif isinstance(value, list):
        for index, child in enumerate(value):
            if fnmatchcase(str(index), steps[0]):
                yield from values_at(child, steps[1:])
