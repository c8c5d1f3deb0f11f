"""How the CRDs of a release differ from the upstream ones: data, applied to a CRD before its schemas are made.

A difference names kinds, places (`spec.volumes[].image`; `*` is what a map holds, a last `**` the place and all that is
below it) and a JSON merge patch (RFC 7396) for the schema at each of them: null removes a keyword or a field. In a
patch, a schema with `$ref` begins as a copy of the one that it refers to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

SchemaDifference = Mapping[str, Any]


def with_differences(crd: Mapping[str, Any], differences: Iterable[SchemaDifference]) -> Mapping[str, Any]:
    """The CRD as the release has it, one difference after the other. Raises KeyError where one finds no place."""
    kind = crd["spec"]["names"]["kind"]
    of_kind = [difference for difference in differences if kind in difference["kinds"]]
    if not of_kind:
        return crd
    changed: dict[str, Any] = deepcopy(dict(crd))
    for version in changed["spec"]["versions"]:
        for difference in of_kind:
            if version["name"] in difference.get("versions", (version["name"],)):
                _apply(difference, version["schema"]["openAPIV3Schema"])
    return changed


def _apply(difference: SchemaDifference, root: dict[str, Any]) -> None:
    for place in difference["at"]:
        for schema in _schemas_at(root, place.split(".")):
            _merge(schema, difference["patch"], root)


def _schemas_at(schema: dict[str, Any], steps: Sequence[str]) -> Iterator[dict[str, Any]]:
    for index, step in enumerate(steps):
        if step == "**":
            yield from _with_all_below(schema)
            return
        if step == "*":
            schema = schema["additionalProperties"]
            continue
        try:
            schema = schema["properties"][step.removesuffix("[]")]
        except KeyError:
            raise KeyError(".".join(steps[: index + 1])) from None
        if step.endswith("[]"):
            schema = schema["items"]
    yield schema


def _with_all_below(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    inside = list(schema.get("properties", {}).values())
    inside += [schema[word] for word in ("items", "additionalProperties") if isinstance(schema.get(word), dict)]
    for each in inside:
        yield from _with_all_below(each)


def _merge(target: dict[str, Any], patch: Mapping[str, Any], root: Mapping[str, Any]) -> None:
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict) and "$ref" in value:
            target[key] = deepcopy(_referred(root, value["$ref"]))
            _merge(target[key], {word: part for word, part in value.items() if word != "$ref"}, root)
        elif isinstance(value, dict):
            _merge(target.setdefault(key, {}), value, root)
        else:
            target[key] = value


def _referred(root: Mapping[str, Any], reference: str) -> Any:
    found: Any = root
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found
