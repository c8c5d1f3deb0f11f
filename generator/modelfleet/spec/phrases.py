"""The phrases for what a JSON Schema refuses, a keyword each: of the hand-written files, and of Kubernetes objects.

The schemas of the hand-written files bring the words that only they can know, beside the keywords that they belong to:

    x-message    what is wrong with a value that `pattern` or `not` refuses; it follows the value
    x-hint       what to do about a wrong value
    x-wants      what belongs there, where the names of the types say too little
    x-longest    why a text may not be longer
    x-elsewhere  for keys that people try here: where they belong
    x-instead    for values that people try here: what they are called; a value may be a pattern, of whose first group
                 the hint takes the text for {}
    x-empty      at the top, for keys without a value: what is wrong, and what to do
    x-of-model   at an environment of a project: what to do about a key that is a model's
    x-missing    for required keys: what to add
    x-workload   the kind of workload that is described: fields.yaml says why it does not take the fields of others
    x-unknown    what to do about any other unknown key
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from modelfleet.finding import Pointer, dotted
from modelfleet.records import dataclass
from modelfleet.spec.fields import refused_fields
from modelfleet.spec.secret_shapes import HIDDEN
from modelfleet.spec.secrets import redacted
from modelfleet.wording import choices, closest, did_you_mean, either, plural

MAX_SHOWN = 100
"""Most findings of one file; a file that is wrong through and through gets no better by the thousandth."""

MAX_TOLD = 40
"""Characters of a value in a message."""

_MOST_LISTED = 20


def value_inside(data: Any, pointer: Iterable[str | int]) -> Any:
    """What stands at a pointer of some data."""
    for step in pointer:
        data = data[step]
    return data


def followed_reference(part: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """A part of a schema with what it refers to."""
    where = part.get("$ref")
    return part if where is None else {**value_inside(root, where.removeprefix("#/").split("/")), **part}


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaCase:
    """A keyword that does not hold: what it wants, the schema around it, and the value.

    `is_key`: the value is a key. `raw` is a number as it was typed, `told` the value as a message may show it; `root` is
    the whole schema, to which parts of it refer; `entry` is what a key is called: a key of a file, a field of an object.
    """

    keyword: str
    wanted: Any
    schema: Mapping[str, Any]
    root: Mapping[str, Any]
    value: Any
    pointer: Pointer
    is_key: bool
    raw: str | None
    told: str
    entry: str = "key"

    @property
    def name(self) -> str:
        """What the value is called."""
        return str(self.pointer[-1]) if self.pointer else "the file"

    def words(self, keyword: str, otherwise: str = "") -> str:
        """What the schema says of it."""
        return str(self.schema.get(keyword, otherwise))

    def inner(self, keyword: str) -> Mapping[str, Any]:
        """What the schema says of each item or entry; nothing where it takes none, or any."""
        said = self.schema.get(keyword)
        return followed_reference(said, self.root) if isinstance(said, dict) else {}

    def problem(self, message: str, hint: str | None = None) -> SchemaProblem:
        """A problem with the value; without a hint of its own it has the schema's."""
        hint = self.words("x-hint") if hint is None else hint
        return SchemaProblem(pointer=self.pointer, message=message, hint=hint, at_key=self.is_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaProblem:
    """Something wrong. `lacks` and `unknown` name keys, by which a misspelt key and its absence are told to be one.

    `foreign`: the map of the unknown keys has no key at all that is known, so what it lacks says nothing.
    """

    pointer: Pointer
    message: str
    hint: str
    at_key: bool
    code: str = ""
    rank: int = 0
    lacks: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    foreign: bool = False


# ---- types -----------------------------------------------------------------------------------------------------------

_KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a map",
    "array": "a list",
}


def _types(case: SchemaCase) -> list[str]:
    wanted = [case.wanted] if isinstance(case.wanted, str) else case.wanted
    return [name for name in wanted if name != "null"]


def _other_type(case: SchemaCase) -> Iterator[SchemaProblem]:
    wanted = case.words("x-wants") or either(case.schema.get("enum") or [_KINDS[name] for name in _types(case)])
    if case.value is None and (empty := case.root.get("x-empty", {}).get(dotted(case.pointer))) is not None:
        yield case.problem(*empty)
    elif case.value is None:
        yield case.problem("there is no value", case.words("x-hint", f"write {wanted}"))
    else:
        yield case.problem(f"expected {wanted}, found {_described(case)}", _retyped(case))


def _described(case: SchemaCase) -> str:
    if isinstance(case.value, dict | list):
        return "a map" if isinstance(case.value, dict) else "a list"
    if isinstance(case.value, bool):
        return case.told
    return f"the text {case.told}" if isinstance(case.value, str) else f"the number {case.raw or case.told}"


def _retyped(case: SchemaCase) -> str:
    """How the same thing is written in the right type, where it only wants quotes, or wants none."""
    types, value = _types(case), case.value
    if case.raw is not None and (said := _by_pattern(case, case.raw)):
        return said
    if isinstance(value, bool | int | float) and "string" in types:
        return _quoted(case)
    if isinstance(value, str) and case.told != HIDDEN:
        number = "integer" in types and re.fullmatch(r"0|[1-9][0-9]{0,17}", value, re.ASCII)
        if number or ("boolean" in types and value in ("true", "false")):
            return f"remove the quotes: {value}"
    if types == ["array"] and isinstance(value, str):
        return _listed(case)
    if types == ["object"] and isinstance(value, list) and value and case.told != HIDDEN:
        return _keyed(case, value[0])
    return case.words("x-hint")


def _by_pattern(case: SchemaCase, written: str) -> str:
    """The hint for what people try in place of the right value."""
    for pattern, hint in case.schema.get("x-instead", {}).items():
        if (found := re.fullmatch(pattern, written, re.ASCII)) is not None:
            return str(hint).replace("{}", found[1] if found.groups() else "")
    return ""


def _listed(case: SchemaCase) -> str:
    """A text as a list of one, where that is what its items look like."""
    pattern = str(case.inner("items").get("pattern", "^$"))
    sayable = len(case.value) <= MAX_TOLD and case.told != HIDDEN
    fits = sayable and re.fullmatch(pattern.removesuffix("$"), case.value, re.ASCII)
    return f"write [{case.value}]" if fits else case.words("x-hint")


def _keyed(case: SchemaCase, first: Any) -> str:
    """A list as the map that it should be, by its first item."""
    if isinstance(first, dict):
        return "write each entry under its name, without a dash: <name>: ..."
    wanted = case.inner("additionalProperties").get("type", ())
    if isinstance(first, str) and "object" in wanted and "string" not in wanted:
        name = redacted(first).strip("'")
        return f"write each name as a key, without a dash: {name}: {{}}"
    return case.words("x-hint")


def _quoted(case: SchemaCase) -> str:
    if case.raw is None:
        return case.words("x-hint", "put it in quotes")
    fits = re.fullmatch(case.words("pattern", ".*").removesuffix("$"), case.raw, re.ASCII)
    known = case.raw in case.schema.get("enum", [case.raw])
    return f'put it in quotes: "{case.raw}"' if fits and known else case.words("x-hint")


# ---- keys ------------------------------------------------------------------------------------------------------------


def _unknown_keys(case: SchemaCase) -> Iterator[SchemaProblem]:
    known, elsewhere = case.schema.get("properties", {}), _elsewhere(case)
    foreign = known.keys().isdisjoint(case.value)
    strays = [key for key in case.value if key not in known]
    for key in strays[: MAX_SHOWN + 1]:
        told = elsewhere.get(key, _of_model(key, case))
        alike = [other for other in strays if elsewhere.get(other) == told] if key in elsewhere else [key]
        if key == alike[0]:
            yield SchemaProblem(
                pointer=(*case.pointer, key),
                message=f"unknown {case.entry}{'s' if len(alike) > 1 else ''} {', '.join(map(redacted, alike))}",
                hint=_instead(key, list(known), case) if told is None else str(told),
                at_key=True,
                unknown=tuple(alike),
                foreign=foreign,
            )


def _elsewhere(case: SchemaCase) -> Mapping[str, str]:
    """Where keys belong that people try here."""
    workload = case.schema.get("x-workload")
    reasons = {field.name: reason for field, reason in refused_fields(workload)} if workload else {}
    return {**reasons, **case.schema.get("x-elsewhere", {})}


def _of_model(key: str, case: SchemaCase) -> str | None:
    """Where a field of a model belongs that stands directly below an environment."""
    words = case.schema.get("x-of-model")
    fields = case.root.get("$defs", {}).get("model", {}).get("properties", {}) if words else {}
    return str(words).replace("{}", key) if key in fields else None


def _instead(key: str, known: list[str], case: SchemaCase) -> str:
    return did_you_mean(key, known, case.words("x-unknown", choices(known) if len(known) <= _MOST_LISTED else ""))


def _missing_keys(case: SchemaCase) -> Iterator[SchemaProblem]:
    for key in case.wanted:
        if key not in case.value:
            yield replace(case.problem(f"{key!r} is missing", _added(key, case)), lacks=(key,))


def _added(key: str, case: SchemaCase) -> str:
    """How a missing key is added: in the schema's own words, or by its example."""
    import json

    if (told := case.schema.get("x-missing", {}).get(key)) is not None:
        return str(told)
    examples = case.schema.get("properties", {}).get(key, {}).get("examples", [None])
    simple = isinstance(examples[0], str | int)
    return f"add it, such as {key}: {json.dumps(examples[0])}" if simple else f"add {key}: ..."


def _missing_partners(case: SchemaCase) -> Iterator[SchemaProblem]:
    for key, partners in case.wanted.items():
        for partner in partners if key in case.value else ():
            if partner not in case.value:
                problem = case.problem(f"{partner!r} is missing, which is needed with {key!r}", _added(partner, case))
                yield replace(problem, lacks=(partner,))


def _missing_choice(case: SchemaCase) -> Iterator[SchemaProblem]:
    """The alternatives of `anyOf` are keys of which one must be there."""
    keys = tuple(key for alternative in case.wanted for key in alternative["required"])
    yield replace(case.problem(f"{either(map(repr, keys))} is missing"), lacks=keys)


# ---- values ----------------------------------------------------------------------------------------------------------


def _refused(case: SchemaCase) -> Iterator[SchemaProblem]:
    message = case.words("x-message", "does not belong here")
    if case.wanted == {}:
        yield replace(case.problem(f"{case.name} {message}"), at_key=True)
    else:
        yield case.problem(f"{case.name if isinstance(case.value, dict | list) else case.told} {message}")


def _other_value(case: SchemaCase) -> Iterator[SchemaProblem]:
    yield case.problem(f"expected {redacted(case.wanted)}, found {case.told}")


def _no_choice(case: SchemaCase) -> Iterator[SchemaProblem]:
    words = [word for word in case.wanted if word is not None]
    written = case.value if isinstance(case.value, str) else ""
    near = closest(written, words)
    hint = f"did you mean {near!r}? it is {either(words)}" if near else f"write {either(words)}"
    yield case.problem(f"{case.told} is not a valid value", _by_pattern(case, written) or hint)


def _wrong_form(case: SchemaCase) -> Iterator[SchemaProblem]:
    odd = _odd_character(case.value)
    message = f"{case.told} {f'holds {odd}' if odd else case.words('x-message', 'does not have the right form')}"
    instead = "" if odd or case.told == HIDDEN else _by_pattern(case, case.value)
    yield case.problem(message, instead or case.words("x-hint", f"it must match {case.wanted}"))


def _odd_character(text: str) -> str:
    """The first character that no identifier has, a control character before others, by code point and name."""
    import unicodedata

    odd = sorted((char for char in text if not " " <= char <= "~"), key=lambda char: unicodedata.category(char) != "Cc")
    if not odd:
        return ""
    name = {"\n": "a line break", "\t": "a tab"}.get(odd[0]) or unicodedata.name(odd[0], "no printable character")
    return f"U+{ord(odd[0]):04X} ({name})"


def _too_long(case: SchemaCase) -> Iterator[SchemaProblem]:
    length = len(case.value)
    message = f"{case.told} has {length} characters, and at most {case.wanted} are allowed"
    why = case.words("x-longest")
    yield case.problem(message, f"shorten it by {length - case.wanted}" + (f"; {why}" if why else ""))


def _too_short(case: SchemaCase) -> Iterator[SchemaProblem]:
    short = f"{case.told} has fewer than {case.wanted} characters"
    yield case.problem(short if case.value else "the text is empty")


def _too_small(case: SchemaCase) -> Iterator[SchemaProblem]:
    yield case.problem(f"{case.told} is less than {case.wanted}", case.words("x-hint", f"write {case.wanted} or more"))


def _too_large(case: SchemaCase) -> Iterator[SchemaProblem]:
    yield case.problem(f"{case.told} is more than {case.wanted}", case.words("x-hint", f"write {case.wanted} or less"))


def _not_above(case: SchemaCase) -> Iterator[SchemaProblem]:
    yield case.problem(
        f"{case.told} is not more than {case.wanted}", case.words("x-hint", f"write more than {case.wanted}")
    )


def _not_below(case: SchemaCase) -> Iterator[SchemaProblem]:
    yield case.problem(
        f"{case.told} is not less than {case.wanted}", case.words("x-hint", f"write less than {case.wanted}")
    )


def _too_few(case: SchemaCase) -> Iterator[SchemaProblem]:
    kind = "map" if isinstance(case.value, dict) else "list"
    few = f"the {kind} has {plural(len(case.value), 'entry', 'entries')}, and at least {case.wanted} are needed"
    yield case.problem(few if case.value else f"the {kind} is empty")


def _too_many(case: SchemaCase) -> Iterator[SchemaProblem]:
    entries = plural(len(case.value), "entry", "entries")
    problem = case.problem(
        f"there are {entries}, and at most {case.wanted} are allowed".replace("at most 1 are", "only 1 is")
    )
    at_first_surplus = isinstance(case.value, list)
    yield replace(problem, pointer=(*case.pointer, case.wanted)) if at_first_surplus else problem


def _listed_twice(case: SchemaCase) -> Iterator[SchemaProblem]:
    seen: set[str] = set()
    for index, item in enumerate(case.value):
        if (text := repr(item)) in seen:
            shown = case.told if case.told == HIDDEN else redacted(item)
            problem = case.problem(f"{shown} is listed twice", "remove it here")
            yield replace(problem, pointer=(*case.pointer, index))
        seen.add(text)


PHRASES: Mapping[str, tuple[str, Callable[[SchemaCase], Iterator[SchemaProblem]]]] = {
    "type": ("SPEC001", _other_type),
    "additionalProperties": ("SPEC002", _unknown_keys),
    "required": ("SPEC003", _missing_keys),
    "dependentRequired": ("SPEC003", _missing_partners),
    "anyOf": ("SPEC003", _missing_choice),
    "not": ("SPEC009", _refused),
    "const": ("SPEC004", _other_value),
    "enum": ("SPEC004", _no_choice),
    "maxLength": ("SPEC006", _too_long),
    "minLength": ("SPEC006", _too_short),
    "pattern": ("SPEC005", _wrong_form),
    "minimum": ("SPEC007", _too_small),
    "maximum": ("SPEC007", _too_large),
    "exclusiveMinimum": ("SPEC007", _not_above),
    "exclusiveMaximum": ("SPEC007", _not_below),
    "uniqueItems": ("SPEC008", _listed_twice),
    "minItems": ("SPEC010", _too_few),
    "minProperties": ("SPEC010", _too_few),
    "maxItems": ("SPEC010", _too_many),
    "maxProperties": ("SPEC010", _too_many),
}
"""Every keyword that the schemas use, with its code and its phrase; of several that one value fails, the first is said."""
