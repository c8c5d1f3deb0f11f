"""Objects as teams have them, held against those that a spec renders: what may differ stands in the set's `set.yaml`.

owned     patterns `[Kind[/name]] [/pointer]` of what a server writes. `*` is any text in a name or a step, and a pointer stands
          for all below it. Without one the whole object is the server's, and is not written.
expect    `equal`, or a list of `object`, `path` and `why`: what may remain different. Without a path the object may be left out.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from modelfleet.kubernetes.quantity import NotAQuantity, canonical_quantity

Objects = dict[str, Any]
"""Objects by `Kind/name`."""

_AMOUNTS = ("limits", "requests")


def read_objects(files: Iterable[Path]) -> Objects:
    """All objects of files, those of lists too."""
    found: Objects = {}
    for file in files:
        for document in yaml.safe_load_all(file.read_bytes()):
            for item in document["items"] if document and "items" in document else [document] if document else []:
                found[f"{item['kind']}/{item['metadata']['name']}"] = item
    return found


def unlike(given: Objects, rendered: Iterable[Any], rules: Mapping[str, Any]) -> list[str]:
    """A line for everything that is otherwise and must not be."""
    expected = [] if rules["expect"] == "equal" else rules["expect"]
    allowed = [*rules["owned"], *(f"{one['object']} {one['path']}" for one in expected if "path" in one)]
    absent = [one["object"] for one in expected if "path" not in one]
    whole = [pattern for pattern in rules["owned"] if "/" in pattern and " " not in pattern and pattern[0] != "/"]
    whole += [pattern for pattern in rules["owned"] if "/" not in pattern]
    built = _as_secrets({f"{one['kind']}/{one['metadata']['name']}": one for one in rendered}, given)
    lines = []
    for name in [*given, *(name for name in built if name not in given)]:
        servers = any(fnmatchcase(name, pattern if "/" in pattern else f"{pattern}/*") for pattern in whole)
        if servers:
            lines += [f"{name} belongs to the server, and was rendered"] if name in built else []
        elif name not in built:
            stays = name.startswith("Secret/") and not _is_token(given[name])
            lines += [] if stays or any(fnmatchcase(name, one) for one in absent) else [f"{name} is not rendered"]
        elif name not in given:
            lines.append(f"{name} was not given")
        else:
            lines += [
                line for path, line in _differing(given[name], built[name]) if not _is_allowed(allowed, name, path)
            ]
    return lines


def _is_token(secret: Any) -> bool:
    return not (secret.get("data") or secret.get("stringData")) or "service-account-token" in secret.get("type", "")


def _as_secrets(built: Objects, given: Objects) -> Objects:
    """An ExternalSecret counts as the Secret that it makes; the values are the store's, and so as they are wanted."""
    found: Objects = {}
    for name, item in built.items():
        if item["kind"] != "ExternalSecret":
            found[name] = item
            continue
        target = item["spec"]["target"]
        template = target.get("template", {})
        wanted = given.get(f"Secret/{target['name']}", {"metadata": {}})
        values = {key: base64.b64encode(text.encode()).decode() for key, text in template.get("data", {}).items()}
        stored = wanted.get("data", {}) if "dataFrom" in item["spec"] else {}
        found[f"Secret/{target['name']}"] = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": template.get("type", "Opaque"),
            "metadata": {
                "name": target["name"],
                "namespace": item["metadata"].get("namespace"),
                **template.get("metadata", {}),
            },
            "data": {**stored, **values},
        }
    return found


def _differing(given: Any, built: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    if "namespace" not in given["metadata"]:
        built = {**built, "metadata": {key: value for key, value in built["metadata"].items() if key != "namespace"}}
    name = f"{given['kind']}/{given['metadata']['name']}"
    before, after = dict(_leaves(_plain(given))), dict(_leaves(_plain(built)))
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            shown = "/".join(step.replace("/", "~1") for step in path)
            yield path, f"{name} /{shown}: {before.get(path, 'nothing')!r} became {after.get(path, 'nothing')!r}"


def _plain(item: Any) -> Any:
    """The object as an API server would keep it."""
    item = dict(item)
    if item["kind"] == "Secret":
        plain = {
            key: base64.b64encode(text.encode()).decode() for key, text in (item.pop("stringData", None) or {}).items()
        }
        item["data"] = (item.get("data") or {}) | plain or None
        item.setdefault("type", "Opaque")
    if item["kind"] == "RoleBinding":
        here = item["metadata"].get("namespace")
        item["subjects"] = [
            {key: value for key, value in subject.items() if key != "namespace" or value != here}
            for subject in item.get("subjects") or ()
        ]
    return item


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value that holds no others, by its path: amounts in one spelling, variables by their names where order says nothing."""
    if isinstance(value, dict) and (value or path == ("metadata",)):
        for key, child in value.items():
            if child is None or (path == ("metadata",) and child == {}):
                continue
            amount = (
                (path and path[-1] in _AMOUNTS) or key == "sizeLimit" or (path[-1:] == ("target",) and key == "value")
            )
            yield from _leaves(_amount(child) if amount else child, (*path, str(key)))
    elif isinstance(value, list) and value:
        named = path[-1] == "env" and all(isinstance(one, dict) and "$(" not in str(one) for one in value)
        ordered = sorted(value, key=lambda one: str(one.get("name"))) if named else value
        for index, child in enumerate(ordered):
            yield from _leaves(child, (*path, str(index)))
    else:
        yield path, value


def _amount(value: Any) -> Any:
    try:
        return canonical_quantity(str(value))
    except NotAQuantity:
        return value


def _is_allowed(patterns: Iterable[str], name: str, path: tuple[str, ...]) -> bool:
    for pattern in patterns:
        who, _, pointer = ("*", "", pattern) if pattern.startswith("/") else pattern.partition(" ")
        steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/") if step]
        of_it = fnmatchcase(name, who if "/" in who or who == "*" else f"{who}/*")
        if of_it and steps and len(path) >= len(steps) and all(map(fnmatchcase, path, steps)):
            return True
    return False
