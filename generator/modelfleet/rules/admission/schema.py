"""What the schema of a kind refuses of an object, in the same words as what a schema refuses of a hand-written file.

jsonschema-rs finds it, in microseconds. A field that is null counts as absent, as the API server drops it. Nothing here
repeats what could be a secret, and of a Secret no value is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from modelfleet.finding import Pointer, pointer_in
from modelfleet.kubernetes.shape import without_nulls
from modelfleet.records import dataclass
from modelfleet.rules import Violation
from modelfleet.rules.admission.request import display
from modelfleet.schema_errors import ErrorPlaces
from modelfleet.spec.phrases import PHRASES, SchemaCase, value_inside
from modelfleet.spec.secret_shapes import HIDDEN

MOST = 100
"""How many problems of one object are said."""

_REFUSED = ("it is refused by the schema of its kind", "see `oc explain` for what is allowed")

SchemaCheck = Callable[[Mapping[str, Any]], Iterator[Violation]]
"""What a schema finds in an object."""


def schema_check(schema: Mapping[str, Any]) -> SchemaCheck:
    """The check that a JSON schema stands for, compiled once. Its references lead nowhere outside of it."""
    from modelfleet.json_schema import jsonschema_rs

    validator = jsonschema_rs.validator_for(dict(schema))

    def check(item: Mapping[str, Any]) -> Iterator[Violation]:
        if not validator.is_valid(item):
            plain = without_nulls(item)
            checked = _Checked(schema, ErrorPlaces(plain), hidden=item.get("kind") == "Secret")
            errors = validator.iter_errors(plain)
            found = dict.fromkeys(violation for error in errors for violation in _violations(error, checked))
            yield from islice(found, MOST)

    return check


@dataclass(frozen=True, slots=True)
class _Checked:
    """An object beside the schema that it is held against; `hidden`: none of its values may be shown."""

    schema: Mapping[str, Any]
    places: ErrorPlaces
    hidden: bool

    def case(self, keyword: str, around: Mapping[str, Any], pointer: Pointer, value: Any) -> SchemaCase:
        """A keyword that does not hold for a value of the object."""
        return SchemaCase(
            keyword=keyword,
            wanted=around[keyword],
            schema=around,
            root=self.schema,
            value=value,
            pointer=pointer,
            is_key=False,
            raw=None,
            told=HIDDEN if self.hidden else display(value),
            entry="field",
        )


def _violations(error: Any, checked: _Checked) -> Iterator[Violation]:
    for pointer in checked.places.pointers(error):
        yield from _violations_at(pointer, error, checked)


def _violations_at(pointer: Pointer, error: Any, checked: _Checked) -> Iterator[Violation]:
    if error.kind.name in ("anyOf", "oneOfNotValid"):
        yield from _of_branches(pointer, error, checked)
        return
    *steps, keyword = error.schema_path
    if error.kind.name == "falseSchema" or keyword not in PHRASES:
        yield Violation(pointer=pointer, message=_REFUSED[0], hint=_REFUSED[1])
    else:
        around = value_inside(checked.schema, pointer_in(checked.schema, steps))
        yield from _worded(checked.case(str(keyword), around, pointer, error.instance))


def _worded(case: SchemaCase) -> Iterator[Violation]:
    _, phrase = PHRASES[case.keyword]
    for problem in phrase(case):
        pointer = (*problem.pointer, *problem.lacks)
        yield Violation(pointer=pointer, key=problem.at_key, message=problem.message, hint=problem.hint)


def _of_branches(pointer: Pointer, error: Any, checked: _Checked) -> Iterator[Violation]:
    """Of several ways to be right the one that comes nearest; where all ask for a type, the types together."""
    branches = [list(branch) for branch in error.kind.context]
    here = list(error.instance_path)
    mistaken = [one for branch in branches for one in branch if one.kind.name == "type" and one.instance_path == here]
    if len(mistaken) == len(branches) == sum(len(branch) for branch in branches):
        types = {"type": [name for one in mistaken for name in one.kind.as_dict()["types"]]}
        yield from _worded(checked.case("type", types, pointer, error.instance))
        return
    near = [branch for branch in branches if not any(one in mistaken for one in branch)]
    for one in min(near or branches, key=len):
        yield from _violations(one, checked)
