"""What the hand-written files may hold: applies the JSON Schemas, and says in words what is wrong and where.

jsonschema-rs finds the errors; its own messages are never shown. Each keyword has a phrase in `phrases`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from modelfleet.finding import Finding, Location, Pointer, dotted
from modelfleet.packaged import kept_beside, packaged
from modelfleet.schema_errors import ErrorPlaces
from modelfleet.spec.phrases import (
    MAX_SHOWN,
    MAX_TOLD,
    PHRASES,
    SchemaCase,
    SchemaProblem,
    followed_reference,
    value_inside,
)
from modelfleet.spec.secret_names import naming
from modelfleet.spec.secret_shapes import HIDDEN
from modelfleet.spec.secrets import redacted
from modelfleet.wording import closest

if TYPE_CHECKING:
    from modelfleet.spec.load import Document


MISSING_KEY = "SPEC003"
"""The code of a finding about a key that is missing."""

TITLES: Mapping[str, str] = {
    "SPEC001": "The value has the wrong type",
    "SPEC002": "The key is unknown",
    MISSING_KEY: "A key is missing",
    "SPEC004": "The value is not a valid choice",
    "SPEC005": "The text does not have the right form",
    "SPEC006": "The text is too long or too short",
    "SPEC007": "The number is too large or too small",
    "SPEC008": "An item is listed twice",
    "SPEC009": "The fields do not go together",
    "SPEC010": "There are too many entries or too few",
    "SPEC011": "There are more errors than are shown",
}
"""The codes of the findings that are made here."""

_MOST_SOUGHT = 1000
_LOWEST = "environment without null"
_NOTES = ("title", "description", "examples", "$comment")


class SchemaPlaces(Protocol):
    """Where the values and the keys of some data were written: a document, or several in layers."""

    def at(self, pointer: Pointer) -> Location:
        """Where a value stands, or the nearest thing around it."""

    def key_at(self, pointer: Pointer) -> Location:
        """Where a key stands."""


def validate(document: Document, name: str) -> list[Finding]:
    """What is wrong with a file as it is written, in the order of the file.

    `name` is that of a schema: "project", "environment" or "custom-runtime". In base.yaml, the lowest layer of every
    environment, null is refused: there is nothing that it could remove.
    """
    lowest = name == "environment" and document.file.rpartition("/")[2] == "base.yaml"
    holds_null = lowest and any(value is None for value in _scalars(document.data))
    return explain(document.data, _LOWEST if holds_null else name, document, document.raw)


def explain(data: Any, name: str, places: SchemaPlaces, raw: Mapping[Pointer, str] | None = None) -> list[Finding]:
    """What is wrong with data, such as merged data, in the order of the files that it was written in.

    `raw` has numbers and truth values as they were typed.
    """
    merged = name.startswith("merged-")  # of files in each of which fractions were looked for
    validator, compared = _validator(name), data if merged else _comparable(data)
    if validator.is_valid(compared):
        return []
    part = _beginning(compared)
    searched = compared if validator.is_valid(part) else part
    errors, found_at = islice(validator.iter_errors(searched), _MOST_SOUGHT), ErrorPlaces(searched)
    cases = (
        _case(error, pointer, _schema(name), data, raw or {})
        for error in errors
        for pointer in found_at.pointers(error)
    )
    problems = _plainest(problem for case in cases for problem in _problems(case))
    findings = sorted({_finding(problem, places) for problem in problems}, key=lambda finding: finding.order)
    if len(findings) <= MAX_SHOWN:
        return findings
    more = Finding(
        at=findings[MAX_SHOWN].at,
        code="SPEC011",
        message="there are more errors from here on",
        hint="fix the others first",
    )
    return [*findings[:MAX_SHOWN], more]


# ---- the validator ---------------------------------------------------------------------------------------------------


@cache
def _schema(name: str) -> dict[str, Any]:
    import json

    if name == _LOWEST:
        return {**_schema("environment"), "$ref": "#/$defs/given"}
    schema: dict[str, Any] = json.loads((packaged("schemas") / f"{name}.schema.json").read_bytes())
    return schema


@cache
def _validator(name: str) -> Any:
    from modelfleet.json_schema import jsonschema_rs

    patterns = jsonschema_rs.RegexOptions()  # an engine whose time grows with the text alone
    schema = _schema(name) if name == _LOWEST else bare_schema(name)
    return jsonschema_rs.Draft202012Validator(schema, pattern_options=patterns, offline=True)


def bare_schema(name: str) -> str:
    """The text of a schema with nothing in it that is only for readers: it is read and compiled in two thirds of the time."""
    path = packaged("schemas") / f"{name}.schema.json"
    text: str = kept_beside(path, path.read_bytes(), _bare)
    return text


def _bare(content: bytes) -> str:
    import json

    return json.dumps(_without_notes(json.loads(content)), separators=(",", ":"))


def _without_notes(schema: Any) -> Any:
    """A schema without its notes; a field may have the name of one, and is a schema and no text."""
    if isinstance(schema, list):
        return [_without_notes(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value if key in ("const", "enum") else _without_notes(value)
        for key, value in schema.items()
        if not key.startswith("x-") and (isinstance(value, dict) or key not in _NOTES)
    }


def _comparable(data: Any) -> Any:
    """The data with 0.5 for every fraction: to JSON Schema 1.0 is an integer, and here no fraction is one."""
    return _halved(data) if any(isinstance(value, float) for value in _scalars(data)) else data


def _beginning(data: Any) -> Any:
    """The data with no more entries in a mapping or list than errors are sought; the library makes all errors at once."""
    if isinstance(data, dict):
        return {key: _beginning(value) for key, value in islice(data.items(), _MOST_SOUGHT)}
    if isinstance(data, list):
        return [_beginning(value) for value in data[:_MOST_SOUGHT]]
    return data


def _scalars(data: Any) -> Iterator[Any]:
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        else:
            yield value


def _halved(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _halved(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_halved(value) for value in data]
    return 0.5 if isinstance(data, float) else data


# ---- from errors to findings -----------------------------------------------------------------------------------------


def _case(error: Any, pointer: Pointer, schema: Mapping[str, Any], data: Any, raw: Mapping[Pointer, str]) -> SchemaCase:
    in_key = getattr(error.kind, "error", None)  # of propertyNames: what is wrong with one key
    *steps, keyword = (in_key or error).schema_path
    around = value_inside(schema, steps)
    value = in_key.instance if in_key else value_inside(data, pointer)
    told = redacted(value) if in_key else redacted(value, _called(data, pointer))
    typed = raw.get(pointer, "")
    return SchemaCase(
        keyword=keyword,
        wanted=around[keyword],
        schema=followed_reference(around, schema) if keyword == "type" and pointer else around,
        root=schema,
        value=value,
        pointer=(*pointer, value) if in_key else pointer,
        is_key=in_key is not None,
        raw=typed if told != HIDDEN and 0 < len(typed) <= MAX_TOLD else None,
        told=told,
    )


def _called(data: Any, pointer: Pointer) -> str:
    """What names a value and may tell that it is a secret: its field, or the variable or option beside it."""
    beside = naming(value_inside(data, pointer[:-1]), pointer[-1]) if pointer else None
    return beside if beside is not None else next((step for step in reversed(pointer) if isinstance(step, str)), "")


def _problems(case: SchemaCase) -> Iterator[SchemaProblem]:
    code, phrase = PHRASES[case.keyword]
    rank = list(PHRASES).index(case.keyword)
    for problem in phrase(case):
        yield replace(problem, code=code, rank=rank)


def _plainest(problems: Iterable[SchemaProblem]) -> list[SchemaProblem]:
    """One problem a cause: of one value the plainest, and no key missing that stands there misspelt."""
    best: dict[tuple[Pointer, bool, tuple[str, ...]], SchemaProblem] = {}
    unknown: dict[Pointer, list[SchemaProblem]] = {}
    for problem in problems:
        place = (problem.pointer, problem.at_key, problem.lacks)
        best[place] = min(best.get(place, problem), problem, key=lambda item: item.rank)
        if problem.unknown:
            unknown.setdefault(problem.pointer[:-1], []).append(problem)
    return [problem for problem in best.values() if not _explained(problem, unknown.get(problem.pointer, ()))]


def _explained(problem: SchemaProblem, unknown: Iterable[SchemaProblem]) -> bool:
    """Whether keys are missing because others are unknown."""
    return bool(problem.lacks) and any(
        other.foreign or any(closest(key, problem.lacks) for key in other.unknown) for other in unknown
    )


def _finding(problem: SchemaProblem, places: SchemaPlaces) -> Finding:
    at = places.key_at(problem.pointer) if problem.at_key else places.at(problem.pointer)
    path = dotted(tuple(step if isinstance(step, int) else _step(step) for step in problem.pointer))
    return Finding(at=at, code=problem.code, path=path, message=problem.message, hint=problem.hint)


def _step(key: str) -> str:
    """A key for a path: not too long, and no secret."""
    if redacted(key) == HIDDEN:
        return HIDDEN
    return key if len(key) <= MAX_TOLD else f"{key[: MAX_TOLD - 3]}..."
