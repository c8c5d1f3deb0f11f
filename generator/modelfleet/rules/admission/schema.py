"""What the schema of a kind refuses of an object, in words for people.

jsonschema-rs finds it, in microseconds. A field that is null counts as absent, as the API server drops it. Nothing here
repeats what could be a secret: what is of the wrong type is named by its type, and of a Secret no value is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.kubernetes.objects import mapping
from modelfleet.kubernetes.shape import without_nulls
from modelfleet.rules import Violation
from modelfleet.rules.admission.request import display
from modelfleet.schema_errors import error_pointers
from modelfleet.wording import closest, listed

MOST = 100
"""How many problems of one object are said."""

Phrase = Callable[[Mapping[str, Any], Any], tuple[str, str]]

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
}


SchemaCheck = Callable[[Mapping[str, Any]], Iterator[Violation]]
"""What a schema finds in an object."""


def schema_check(schema: Mapping[str, Any]) -> SchemaCheck:
    """The check that a JSON schema stands for, compiled once. Its references lead nowhere outside of it."""
    import jsonschema_rs

    validator = jsonschema_rs.validator_for(dict(schema))

    def check(item: Mapping[str, Any]) -> Iterator[Violation]:
        if not validator.is_valid(item):
            hidden = item.get("kind") == "Secret"
            judged = without_nulls(item)
            errors = validator.iter_errors(judged)
            found = dict.fromkeys(found for error in errors for found in _problems(error, schema, judged, hidden))
            yield from islice(found, MOST)

    return check


def _problems(error: Any, schema: Mapping[str, Any], item: Any, hidden: bool) -> Iterator[Violation]:
    for pointer in error_pointers(item, error):
        yield from _problems_at(pointer, error, schema, item, hidden)


def _problems_at(
    pointer: Pointer, error: Any, schema: Mapping[str, Any], item: Any, hidden: bool
) -> Iterator[Violation]:
    facts = error.kind.as_dict()
    if error.kind.name == "additionalProperties":
        known = _known(schema, error.schema_path)
        for name in facts["unexpected"]:
            meant = closest(str(name), known)
            hint = f"did you mean {meant}?" if meant else (f"known are {listed(known)}" if known else "remove it")
            yield Violation(pointer=(*pointer, name), key=True, message=f"unknown field {display(name)}", hint=hint)
    elif error.kind.name == "required":
        name = facts["property"]
        yield Violation(pointer=(*pointer, name), message=f"the field {display(name)} is missing", hint=f"write {name}")
    elif error.kind.name in ("anyOf", "oneOfNotValid"):
        yield from _of_branches(pointer, error, schema, item, hidden)
    else:
        hide = hidden and error.kind.name != "type"
        message, hint = _PHRASES.get(error.kind.name, _refused)(facts, None if hide else error.instance)
        yield Violation(pointer=pointer, message=message, hint=hint)


def _of_branches(
    pointer: Pointer, error: Any, schema: Mapping[str, Any], item: Any, hidden: bool
) -> Iterator[Violation]:
    """Of several ways to be right the one that comes nearest; where all ask for a type, the types together."""
    branches = [list(branch) for branch in error.kind.context]
    here = list(error.instance_path)
    mistaken = [one for branch in branches for one in branch if one.kind.name == "type" and one.instance_path == here]
    if len(mistaken) == len(branches) == sum(len(branch) for branch in branches):
        types = [name for one in mistaken for name in one.kind.as_dict()["types"]]
        message, hint = _wrong_type({"types": types}, error.instance)
        yield Violation(pointer=pointer, message=message, hint=hint)
        return
    near = [branch for branch in branches if not any(one in mistaken for one in branch)]
    for one in min(near or branches, key=len):
        yield from _problems(one, schema, item, hidden)


def _known(schema: Any, path: list[str | int]) -> list[str]:
    for step in path[:-1]:
        schema = schema[int(step)] if isinstance(schema, list) else mapping(schema).get(str(step))
    return sorted(mapping(mapping(schema).get("properties")))


def _wrong_type(facts: Mapping[str, Any], value: Any) -> tuple[str, str]:
    types = [name for name in facts["types"] if name != "null"]
    wanted = " or ".join(dict.fromkeys(_TYPES.get(name, name) for name in types))
    if isinstance(value, bool | int | float) and "string" in types:
        return f"{wanted} is wanted here, found {_kind(value)}", "put it in quotes"
    return (
        f"{wanted} is wanted here, found {_kind(value)}",
        f"write {wanted}" if value is not None else "write it, or remove it",
    )


def _kind(value: Any) -> str:
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "text" if isinstance(value, str) else ("a mapping" if isinstance(value, dict) else "a list")


def _not_listed(facts: Mapping[str, Any], value: Any) -> tuple[str, str]:
    options = [str(option) for option in facts["options"]]
    meant = closest(value, options) if isinstance(value, str) else None
    found = "the value" if value is None else display(value)
    return f"{found} is not allowed here", f"did you mean {meant}?" if meant else f"one of {listed(options)}"


def _not_like(facts: Mapping[str, Any], value: Any) -> tuple[str, str]:
    found = "the value" if value is None else display(value)
    return f"{found} has not the right form", f"it must match {facts['pattern']}"


def _out_of_bounds(word: str) -> Phrase:
    def phrase(facts: Mapping[str, Any], value: Any) -> tuple[str, str]:
        found = "the value" if value is None else display(value)
        return f"{found} is out of bounds", f"{word} {facts['limit']}"

    return phrase


def _sized(word: str) -> Phrase:
    return lambda facts, value: ("it has the wrong size", f"{word} {facts['limit']}")


def _not_unique(facts: Mapping[str, Any], value: Any) -> tuple[str, str]:
    return "an item is there twice", "remove one of them"


def _refused(facts: Mapping[str, Any], value: Any) -> tuple[str, str]:
    return "it is refused by the schema of its kind", "see `oc explain` for what is allowed"


_PHRASES: Mapping[str, Phrase] = {
    "type": _wrong_type,
    "enum": _not_listed,
    "pattern": _not_like,
    "minimum": _out_of_bounds("at least"),
    "maximum": _out_of_bounds("at most"),
    "exclusiveMinimum": _out_of_bounds("more than"),
    "exclusiveMaximum": _out_of_bounds("less than"),
    "minLength": _sized("at least this many characters:"),
    "maxLength": _sized("at most this many characters:"),
    "minItems": _sized("at least this many items:"),
    "maxItems": _sized("at most this many items:"),
    "minProperties": _sized("at least this many fields:"),
    "maxProperties": _sized("at most this many fields:"),
    "uniqueItems": _not_unique,
}
