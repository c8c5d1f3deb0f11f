"""What the hand-written files may hold: applies the JSON Schemas, and says in words what is wrong and where.

jsonschema-rs finds the errors; its own messages are never shown. Each keyword has a phrase here, and the schemas bring the
words that only they can know, beside the keywords that they belong to:

    x-message    what is wrong with a value that `pattern` or `not` refuses; it follows the value
    x-hint       what to do about a wrong value
    x-wants      what belongs there, where the names of the types say too little
    x-elsewhere  for keys that people try here: where they belong
    x-missing    for required keys: what to add
    x-unknown    what to do about any other unknown key
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from generator.finding import Finding, Location, Pointer, dotted, listed, nearest
from generator.packaged import packaged

if TYPE_CHECKING:
    from generator.load import Document


class Places(Protocol):
    """Where the values and the keys of some data were written: a document, or several in layers."""

    def at(self, pointer: Pointer) -> Location:
        """Where a value stands, or the nearest thing around it."""

    def key_at(self, pointer: Pointer) -> Location:
        """Where a key stands."""


TITLES: Mapping[str, str] = {
    "SPEC001": "The value is of another type",
    "SPEC002": "The key is not known here",
    "SPEC003": "A key is missing",
    "SPEC004": "The value is not among the choices",
    "SPEC005": "The text is not of the right form",
    "SPEC006": "The text is too long or too short",
    "SPEC007": "The number is too large or too small",
    "SPEC008": "An item is listed twice",
    "SPEC009": "The fields do not go together",
    "SPEC010": "There are too many entries or too few",
    "SPEC011": "There is more wrong than is shown",
}
"""The codes of the findings that are made here."""

MOST_SHOWN = 100
"""Most findings of one file; a file that is wrong through and through gets no better by the thousandth."""

_MOST_SOUGHT = 1000

_LOWEST = "environment without null"


def validate(document: Document, name: str) -> list[Finding]:
    """What is wrong with a file as it is written, in the order of the file.

    `name` is that of a schema: "project", "environment", "custom-runtime" and so on. In base.yaml, the lowest layer of every
    environment, null is refused: there is nothing that it could remove.
    """
    lowest = name == "environment" and document.file.rpartition("/")[2] == "base.yaml"
    return explain(document.data, _LOWEST if lowest else name, document, document.raw)


def explain(data: Any, name: str, places: Places, raw: Mapping[Pointer, str] | None = None) -> list[Finding]:
    """What is wrong with data, such as merged data, in the order of the files that it was written in.

    `raw` has numbers and truth values as they were typed.
    """
    compared = _comparable(data)
    validator = _validator(name)
    if validator.is_valid(compared):
        return []
    schema = _schema(name)
    errors = islice(validator.iter_errors(compared), _MOST_SOUGHT)
    problems = _merged(problem for error in errors for problem in _problems(_case(error, schema, data, raw or {})))
    findings = sorted({_finding(problem, places) for problem in problems}, key=lambda item: item.order)
    if len(findings) <= MOST_SHOWN:
        return findings
    last = findings[MOST_SHOWN]
    rest = Finding(at=last.at, code="SPEC011", message="more is wrong from here on", hint="mend the rest first")
    return [*findings[:MOST_SHOWN], rest]


def shown(value: object, key: str = "") -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    if re.search("secret|password|token$", key, re.I):
        return "(hidden)"
    return text if len(text) <= 40 else text[:37] + "..."


# ---- the validator ---------------------------------------------------------------------------------------------------


@cache
def _schema(name: str) -> Mapping[str, Any]:
    import json

    if name == _LOWEST:
        return {**_schema("environment"), "$ref": "#/$defs/given"}
    schema: dict[str, Any] = json.loads((packaged("schemas") / f"{name}.schema.json").read_bytes())
    return schema


@cache
def _validator(name: str) -> Any:
    import jsonschema_rs

    patterns = jsonschema_rs.RegexOptions()  # an engine whose time grows with the text alone
    return jsonschema_rs.Draft202012Validator(_schema(name), pattern_options=patterns, offline=True)


def _comparable(data: Any) -> Any:
    """The data with 0.5 for every fraction: to JSON Schema 1.0 is an integer, and here no fraction is one."""
    return _halved(data) if _fractions(data) else data


def _fractions(data: Any) -> bool:
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, float):
            return True
    return False


def _halved(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _halved(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_halved(value) for value in data]
    return 0.5 if isinstance(data, float) else data


# ---- from errors to problems -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A keyword that does not hold: what it wants, the schema around it, and the value. `named`: the value is a key."""

    keyword: str
    wanted: Any
    schema: Mapping[str, Any]
    value: Any
    pointer: Pointer
    named: bool
    raw: str | None

    @property
    def what(self) -> str:
        """The value for a message; what stands under a telling key stays hidden."""
        key = next((step for step in reversed(self.pointer) if isinstance(step, str)), "")
        return shown(self.value, "" if self.named else key)

    @property
    def name(self) -> str:
        """What the value is called."""
        return str(self.pointer[-1]) if self.pointer else "the file"

    @property
    def hint(self) -> str:
        """What the schema says is to be done."""
        return str(self.schema.get("x-hint", ""))

    def problem(self, message: str, **more: Any) -> _Problem:
        """A problem at the value, or at the key where the key is what is wrong."""
        return _Problem(**{"pointer": self.pointer, "message": message, "hint": self.hint, "key": self.named} | more)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Problem:
    """Something wrong. `lacks` and `unknown` name keys, by which a misspelt key and its absence are told to be one.

    `foreign`: the map of the unknown key has no key at all that is known, so what it lacks says nothing.
    """

    pointer: Pointer
    message: str
    hint: str
    key: bool
    code: str = ""
    rank: int = 0
    lacks: tuple[str, ...] = ()
    unknown: str = ""
    foreign: bool = False


def _case(error: Any, schema: Mapping[str, Any], data: Any, raw: Mapping[Pointer, str]) -> _Case:
    pointer: Pointer = tuple(error.instance_path)
    of_name = getattr(error.kind, "error", None)  # what is wrong with the name of a key is told inside
    *steps, keyword = (of_name or error).schema_path
    around = _inside(schema, steps)
    return _Case(
        keyword=keyword,
        wanted=around[keyword],
        schema=around,
        value=of_name.instance if of_name else _inside(data, pointer),
        pointer=(*pointer, of_name.instance) if of_name else pointer,
        named=of_name is not None,
        raw=raw.get(pointer),
    )


def _inside(data: Any, steps: Iterable[str | int]) -> Any:
    for step in steps:
        data = data[step]
    return data


def _problems(case: _Case) -> Iterator[_Problem]:
    code, phrase = PHRASES[case.keyword]
    rank = list(PHRASES).index(case.keyword)
    for problem in phrase(case):
        yield replace(problem, code=code, rank=rank)


def _merged(problems: Iterable[_Problem]) -> list[_Problem]:
    """One problem a cause: of one value the plainest, and no key missing that stands there misspelt."""
    best: dict[tuple[Pointer, bool, tuple[str, ...]], _Problem] = {}
    unknown: dict[Pointer, list[_Problem]] = {}
    for problem in problems:
        place = (problem.pointer, problem.key, problem.lacks)
        best[place] = min(best.get(place, problem), problem, key=lambda item: item.rank)
        if problem.unknown:
            unknown.setdefault(problem.pointer[:-1], []).append(problem)
    return [problem for problem in best.values() if not _explains(unknown.get(problem.pointer, ()), problem.lacks)]


def _explains(unknown: Iterable[_Problem], lacks: tuple[str, ...]) -> bool:
    """Whether keys are missing because others are unknown."""
    return bool(lacks) and any(other.foreign or nearest(other.unknown, lacks) for other in unknown)


def _finding(problem: _Problem, places: Places) -> Finding:
    at = places.key_at(problem.pointer) if problem.key else places.at(problem.pointer)
    path = dotted(tuple(step if isinstance(step, int) else _bare(step) for step in problem.pointer))
    return Finding(at=at, code=problem.code, path=path, message=problem.message, hint=problem.hint)


def _bare(key: str) -> str:
    """A key for a path: as a value is shown, without the quotes."""
    text = shown(key)
    return text[1:-1] if text[:1] == text[-1:] == "'" else text


# ---- the phrases: one for every keyword that the schemas use ---------------------------------------------------------

_KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a map",
    "array": "a list",
}


def _either(words: Iterable[Any]) -> str:
    """Choices as people say them: `a, b or c`."""
    *first, last = [str(word) for word in words if word is not None]
    return f"{', '.join(first)} or {last}" if first else last


def _types(case: _Case) -> list[str]:
    wanted = [case.wanted] if isinstance(case.wanted, str) else case.wanted
    return [name for name in wanted if name != "null"]


def _other_type(case: _Case) -> Iterator[_Problem]:
    if case.value is None:
        yield case.problem("there is no value", hint=case.hint or f"write {_wants(case)}")
        return
    yield case.problem(f"{_described(case)} stands where {_wants(case)} belongs", hint=_retyped(case))


def _wants(case: _Case) -> str:
    if "x-wants" in case.schema:
        return str(case.schema["x-wants"])
    return _either(case.schema.get("enum") or [_KINDS[name] for name in _types(case)])


def _described(case: _Case) -> str:
    if isinstance(case.value, dict | list):
        return "a map" if isinstance(case.value, dict) else "a list"
    if isinstance(case.value, str):
        return f"the text {case.what}"
    typed = case.raw if case.raw is not None and len(case.raw) <= 40 else case.what
    return typed if isinstance(case.value, bool) else f"the number {typed}"


def _retyped(case: _Case) -> str:
    """How the same thing is written in the right type, where it only wants quotes or wants none."""
    types, pattern = _types(case), case.schema.get("pattern", "")
    if isinstance(case.value, bool | int | float) and "string" in types and case.raw is not None:
        fits = not pattern or re.fullmatch(pattern.removesuffix("$"), case.raw, re.ASCII)
        return f'put it in quotes: "{case.raw}"' if fits and len(case.raw) <= 40 else case.hint
    if isinstance(case.value, str):
        number = "integer" in types and re.fullmatch(r"0|[1-9][0-9]{0,17}", case.value, re.ASCII)
        if number or ("boolean" in types and case.value in ("true", "false")):
            return f"take the quotes away: {case.value}"
    if types == ["object"] and case.value and isinstance(case.value, list) and isinstance(case.value[0], dict):
        return "write each entry under its name, without a dash: <name>: ..."
    return case.hint


def _unknown_keys(case: _Case) -> Iterator[_Problem]:
    known = case.schema.get("properties", {})
    foreign = known.keys().isdisjoint(case.value)
    for key in islice((key for key in case.value if key not in known), MOST_SHOWN + 1):
        yield case.problem(
            f"unknown key {shown(key)}",
            pointer=(*case.pointer, key),
            hint=_meant(key, list(known), case.schema),
            key=True,
            unknown=key,
            foreign=foreign,
        )


def _meant(key: str, known: list[str], schema: Mapping[str, Any]) -> str:
    if (elsewhere := schema.get("x-elsewhere", {}).get(key)) is not None:
        return str(elsewhere)
    if (near := nearest(key, known)) is not None:
        return f"did you mean {near!r}?"
    if "x-unknown" in schema:
        return str(schema["x-unknown"])
    return f"there are {listed(known)}" if len(known) <= 12 else ""


def _missing_keys(case: _Case) -> Iterator[_Problem]:
    described, added = case.schema.get("properties", {}), case.schema.get("x-missing", {})
    for key in case.wanted:
        if key not in case.value:
            hint = added.get(key) or _example(key, described.get(key, {}))
            yield case.problem(f"{key!r} is missing", hint=hint, lacks=(key,))


def _example(key: str, schema: Mapping[str, Any]) -> str:
    import json

    found = schema.get("examples") or [None]
    return f"add it, such as {key}: {json.dumps(found[0])}" if isinstance(found[0], str | int) else f"add {key}: ..."


def _missing_partners(case: _Case) -> Iterator[_Problem]:
    for key, partners in case.wanted.items():
        for partner in partners if key in case.value else ():
            if partner not in case.value:
                yield case.problem(
                    f"{partner!r} is missing, which goes with {key!r}", lacks=(partner,), hint=f"add {partner}: ..."
                )


def _none_of(case: _Case) -> Iterator[_Problem]:
    """The alternatives of `anyOf` are keys of which one must be there."""
    keys = tuple(key for alternative in case.wanted for key in alternative["required"])
    yield case.problem(f"{_either(map(repr, keys))} is missing", lacks=keys)


def _refused(case: _Case) -> Iterator[_Problem]:
    message = case.schema.get("x-message", "does not belong here")
    if case.wanted == {}:
        yield case.problem(f"{case.name} {message}", key=True)
    else:
        named = case.name if isinstance(case.value, dict | list) else case.what
        yield case.problem(f"{named} {message}")


def _other_value(case: _Case) -> Iterator[_Problem]:
    yield case.problem(f"{case.what} stands where {shown(case.wanted)} belongs")


def _no_choice(case: _Case) -> Iterator[_Problem]:
    words = [word for word in case.wanted if word is not None]
    near = nearest(case.value, words) if isinstance(case.value, str) else None
    choices = f"write {_either(words)}" if near is None else f"did you mean {near!r}? it is {_either(words)}"
    message = f"{case.what} is none of the choices"
    yield case.problem(
        message, hint=f"{choices}; {case.hint}" if case.hint and "x-message" not in case.schema else choices
    )


def _wrong_form(case: _Case) -> Iterator[_Problem]:
    odd = _odd_character(case.value)
    message = f"holds {odd}" if odd else case.schema.get("x-message", "is not of the right form")
    yield case.problem(f"{case.what} {message}")


def _odd_character(text: str) -> str:
    """The first character that no identifier has, a control character before others, by code point and name."""
    import unicodedata

    odd = sorted((char for char in text if not " " <= char <= "~"), key=lambda char: unicodedata.category(char) != "Cc")
    if not odd:
        return ""
    name = {"\n": "a line break", "\t": "a tab"}.get(odd[0]) or unicodedata.name(odd[0], "no printable character")
    return f"U+{ord(odd[0]):04X} ({name})"


def _too_long(case: _Case) -> Iterator[_Problem]:
    length = len(case.value)
    message = f"{case.what} has {length} characters, of which {case.wanted} are allowed"
    yield case.problem(message, hint=f"shorten it by {length - case.wanted}")


def _too_short(case: _Case) -> Iterator[_Problem]:
    empty = "the text is empty" if case.value == "" else f"{case.what} has fewer than {case.wanted} characters"
    yield case.problem(empty)


def _too_small(case: _Case) -> Iterator[_Problem]:
    yield case.problem(f"{case.what} is less than {case.wanted}", hint=case.hint or f"write {case.wanted} or more")


def _too_large(case: _Case) -> Iterator[_Problem]:
    yield case.problem(f"{case.what} is more than {case.wanted}", hint=case.hint or f"write {case.wanted} or less")


def _too_few(case: _Case) -> Iterator[_Problem]:
    if case.value:
        yield case.problem(f"there are {len(case.value)} entries, and {case.wanted} is the least")
    else:
        yield case.problem(f"the {'map' if isinstance(case.value, dict) else 'list'} is empty")


def _too_many(case: _Case) -> Iterator[_Problem]:
    surplus = case.pointer if isinstance(case.value, dict) else (*case.pointer, case.wanted)
    yield case.problem(f"there are {len(case.value)} entries, and {case.wanted} is the most", pointer=surplus)


def _listed_twice(case: _Case) -> Iterator[_Problem]:
    seen: set[str] = set()
    for index, item in enumerate(case.value):
        text = repr(item)
        if text in seen:
            yield case.problem(
                f"{shown(item)} is listed twice", pointer=(*case.pointer, index), hint="take it away here"
            )
        seen.add(text)


PHRASES: Mapping[str, tuple[str, Callable[[_Case], Iterator[_Problem]]]] = {
    "type": ("SPEC001", _other_type),
    "additionalProperties": ("SPEC002", _unknown_keys),
    "required": ("SPEC003", _missing_keys),
    "dependentRequired": ("SPEC003", _missing_partners),
    "anyOf": ("SPEC003", _none_of),
    "not": ("SPEC009", _refused),
    "const": ("SPEC004", _other_value),
    "enum": ("SPEC004", _no_choice),
    "maxLength": ("SPEC006", _too_long),
    "minLength": ("SPEC006", _too_short),
    "pattern": ("SPEC005", _wrong_form),
    "minimum": ("SPEC007", _too_small),
    "maximum": ("SPEC007", _too_large),
    "uniqueItems": ("SPEC008", _listed_twice),
    "minItems": ("SPEC010", _too_few),
    "maxItems": ("SPEC010", _too_many),
    "minProperties": ("SPEC010", _too_few),
    "maxProperties": ("SPEC010", _too_many),
}
"""What is said of each keyword, with the code; of several that one value fails, the first is said."""
