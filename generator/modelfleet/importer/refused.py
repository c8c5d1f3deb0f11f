"""What `check` refuses of an import is taken out of it, a value at a time, so that the rest comes along and each loss is named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from modelfleet.finding import Finding, Pointer, dotted
from modelfleet.importer.definitions import DEFINITION
from modelfleet.importer.given import GivenObject, backwards
from modelfleet.importer.result import ImportDifference, ProjectImport
from modelfleet.layout import project_file
from modelfleet.pipeline.beside import UNKNOWN_KIND

_SECTIONS = ("models", "servers", "runtimes", "connections", "secrets")


def take_out(result: ProjectImport, findings: Iterable[Finding], defined: Iterable[str]) -> bool:
    """Takes out what findings speak of; says whether there was anything. `defined` are the files in crds/ that are there."""
    found = list(findings)
    taken = [_object(result, one, defined) or _runtime(result, one) for one in found]
    in_spec = [one for one in found if one.at.file == project_file(result.name)]
    return take_out_of_spec(result, in_spec) or any(taken)


# ---- objects beside the models, and runtimes -------------------------------------------------------------------------


def _object(result: ProjectImport, finding: Finding, defined: Iterable[str]) -> bool:
    """Defines the kind of an object beside the models if nothing is known of it, else leaves the object out."""
    if not finding.at.file.startswith("objects/"):
        return False
    one = result.beside.get(_stem(finding.at.file))
    if one is None:
        return False
    if finding.code == UNKNOWN_KIND and not _without_namespace(one, result):
        definition = result.definitions.define(one.object, list(defined))
        if definition is not None:
            told = f"{DEFINITION}/{definition.name}"
            result.differences = [each for each in result.differences if each.label != told]
            return True
    del result.beside[_stem(finding.at.file)]
    result.wanted.pop((one.kind, one.name), None)
    result.differences.append(ImportDifference(label=one.label, sentence=left_out(finding)))
    return True


def _without_namespace(one: GivenObject, result: ProjectImport) -> bool:
    """Whether a cluster gave it out without a namespace, and others with one."""
    others = [each for each in result.wanted.values() if each.live and each.kind != "Namespace" and each is not one]
    return one.live and one.namespace is None and bool(others) and all(each.namespace for each in others)


def _stem(file: str) -> str:
    return file.rpartition("/")[2].removesuffix(".yaml")


def _runtime(result: ProjectImport, finding: Finding) -> bool:
    """Leaves a runtime in the cluster, where it is already, if its file is not to be."""
    name = _stem(finding.at.file)
    if not finding.at.file.startswith("runtimes/") or name not in result.runtimes:
        return False
    del result.runtimes[name]
    shared = result.spec.setdefault("runtimes", {})
    kept = [key for key, entry in shared.items() if entry.get("runtime") == name]
    for key, model in result.spec.get("models", {}).items():
        if model.get("runtime") == name and name not in shared:
            model["runtime"] = key
            kept.append(key)
    for key in kept:
        _keep_in_cluster(result, key, finding)
    return True


def _keep_in_cluster(result: ProjectImport, name: str, finding: Finding) -> None:
    """Makes a shared runtime one that is there already."""
    entry = result.spec["runtimes"].get(name, {})
    result.spec["runtimes"][name] = {"existing": True}
    result.differences.append(ImportDifference(label=f"ServingRuntime/{name}", sentence=left_out(finding)))
    result.runtimes.pop(str(entry.get("runtime")), None)


# ---- values of the spec ----------------------------------------------------------------------------------------------


def take_out_of_spec(result: ProjectImport, findings: Iterable[Finding]) -> bool:
    """Takes values out of the spec; says whether there was one. What a patch can say instead becomes one."""
    told = {pointer: finding for finding in findings if (pointer := _value_of(result.spec, finding.path))}
    causes = {pointer: finding for pointer, finding in told.items() if pointer[0] in ("runtimes", "connections")}
    for pointer in sorted(causes or told, key=backwards):
        if _is_patch(pointer):
            result.refused_steps.add(_step_of(result.spec, pointer))
        else:
            # A setting comes from a Secret, and may be in the wrong place there.
            reason = _reason(told[pointer]) if pointer[0] != "connections" else f"not valid ({told[pointer].code})"
            result.unsaid.append(ImportDifference(label=dotted(pointer), sentence=reason))
        if pointer[0] == "connections":
            _keep_connection(result.spec, str(pointer[1]))
            continue
        if (
            pointer[0] == "runtimes"
            and len(pointer) == _ENTRY
            and "existing" not in result.spec["runtimes"][pointer[1]]
        ):
            _keep_in_cluster(result, str(pointer[1]), told[pointer])
        else:
            _remove(result.spec, pointer)
    return bool(told)


def left_out(finding: Finding, path: str = "") -> str:
    """What is said of a thing that is left out for a finding; `path` is where in it."""
    return f"is left out: {path + ': ' if path else ''}{_reason(finding)}"


def _reason(finding: Finding) -> str:
    return f"{finding.message} ({finding.code})"


_UNKNOWN_BUCKET = {"s3": {}, "existing": True}


def _keep_connection(spec: dict[str, Any], name: str) -> None:
    """Makes a connection one that is there already and of which nothing is known, else takes it out."""
    entry = spec["connections"].get(name, {})
    if "s3" in entry and entry != _UNKNOWN_BUCKET:
        spec["connections"][name] = dict(_UNKNOWN_BUCKET)
    else:
        spec["connections"].pop(name, None)


def _value_of(spec: Mapping[str, Any], path: str) -> Pointer:
    """What is taken out for a finding with this path: the step of a patch, a value of an entry, or the entry itself."""
    pointer = pointer_to(spec, path)
    if pointer[:1] and (pointer[0] not in _SECTIONS or len(pointer) < _ENTRY):
        return pointer if pointer[0] in _OPTIONAL else ()
    return pointer[: entry_length(pointer) + 3] if _is_patch(pointer) else pointer


_ENTRY, _SERVED = 2, 4
_OPTIONAL = ("displayName", "description", "namespaceLabels", "namespaceAnnotations")


def entry_length(pointer: Pointer) -> int:
    """The length of the way to the model, the server or the like in which a value is."""
    return _SERVED if pointer[0] == "servers" and pointer[2:3] == ("models",) and len(pointer) >= _SERVED else _ENTRY


def _is_patch(pointer: Pointer) -> bool:
    return bool(pointer) and pointer[entry_length(pointer) :][:1] == ("patch",)


def pointer_to(spec: Any, path: str) -> Pointer:
    """The value of a spec that a path as people write it means, as far as it is there; keys may have dots."""
    found: list[str | int] = []
    while path:
        key: str | int | None = None
        if isinstance(spec, dict):
            key = max(
                (key for key in spec if path == key or path.startswith((f"{key}.", f"{key}["))), key=len, default=None
            )
            path = path[len(str(key)) :]
        elif isinstance(spec, list) and path.startswith("["):
            index, _, path = path[1:].partition("]")
            key = int(index) if index.isdecimal() and int(index) < len(spec) else None
        if key is None:
            break
        found.append(key)
        spec, path = spec[key], path.removeprefix(".")
    return tuple(found)


def _step_of(spec: Any, pointer: Pointer) -> tuple[Pointer, str, str | None]:
    """The entry, the kind and the path of a patch's step; no path stands for all steps."""
    at = entry_length(pointer)
    kind, index = (*pointer[at + 1 :], None, None)[:2]
    path = None
    if isinstance(index, int):
        step = spec
        for key in pointer:
            step = step[key]
        path = str(step["path"])
    return pointer[:at], str(kind), path


def _remove(spec: Any, pointer: Pointer) -> None:
    """Removes a value, with the value of an option behind it, and maps and lists that are empty then."""
    holders = [spec]
    for step in pointer[:-1]:
        try:
            holders.append(holders[-1][step])
        except (KeyError, IndexError):
            return  # gone with something around it
    holder, step = holders[-1], pointer[-1]
    if isinstance(holder, list) and isinstance(step, int):
        behind = holder[step + 1 : step + 2]
        has_value = "args" in pointer and "=" not in str(holder[step]) and behind and not str(behind[0]).startswith("-")
        del holder[step : step + (2 if has_value else 1)]
    else:
        holder.pop(step, None)
    if not holder and len(pointer) > _ENTRY:
        _remove(spec, pointer[:-1])
