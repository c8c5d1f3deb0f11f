"""Makes JSON Schemas for kubeconform: of CRDs, and of the schemas of the core kinds that kubernetes-validate brings."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelfleet.finding import Finding, Location, MachineFailed, Rejected
from modelfleet.kubernetes.yaml import UnreadableYaml, yaml_documents

_SCHEMA_FILE = "{kind}-{group}-{version}.json"
SCHEMA_LOCATION = "{{.ResourceKind}}-{{.Group}}-{{.ResourceAPIVersion}}.json"  # kubeconform's words for the same
CONVERTER = "3"  # part of the name of what is converted: another conversion, another name
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}

_METADATA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "generateName": {"type": "string"},
        "namespace": {"type": "string"},
        "labels": _TEXTS,
        "annotations": _TEXTS,
        "finalizers": {"type": "array", "items": {"type": "string"}},
        "ownerReferences": {"type": "array", "items": {"type": "object"}},
        # What the API server owns: an exported object has it, and what is written is overwritten.
        "creationTimestamp": {"type": "string"},
        "deletionGracePeriodSeconds": {"type": "integer"},
        "deletionTimestamp": {"type": "string"},
        "generation": {"type": "integer"},
        "managedFields": {"type": "array", "items": {"type": "object"}},
        "resourceVersion": {"type": "string"},
        "selfLink": {"type": "string"},
        "uid": {"type": "string"},
    },
    "additionalProperties": False,
}

_PARTS = ("allOf", "anyOf", "oneOf")
_WORDS = ("description", "example", "externalDocs", "title")  # nothing that is checked; most of the size


def convert_crds(folder: Path, target: Path) -> None:
    """The CRDs that a user exported (`oc get crd -o yaml`: one a file, a List, or several documents) as schemas.

    Raises Rejected where a file is not valid YAML or no CRD is in the folder.
    """
    found = [(path, crd) for path in crd_files(folder) for crd in crds_in(_exported(path))]
    if not found:
        raise Rejected([_not_crds(folder, "no CustomResourceDefinition is in it")])
    for path, crd in found:
        try:
            write_schemas(crd, target, ())
        except (KeyError, TypeError, AttributeError) as error:
            raise Rejected([_not_crds(path, "a CustomResourceDefinition in it is not complete")]) from error


def read_crds(root: Path, files: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """The CRDs in files below the root, each of which can be converted. Raises Rejected."""
    for file in files:
        path = Path(file)
        try:
            found = list(crds_in(yaml_documents((root / file).read_bytes())))
        except UnreadableYaml as error:
            raise Rejected([replace(_not_crds(path, error.message), at=error.at(file))]) from error
        if not found:
            raise Rejected([_not_crds(path, "no CustomResourceDefinition is in it")])
        for crd in found:
            try:
                list(crd_schemas(crd))
            except (KeyError, TypeError, AttributeError) as error:
                raise Rejected([_not_crds(path, "a CustomResourceDefinition in it is not complete")]) from error
            yield crd


def _exported(path: Path) -> list[Any]:
    try:
        return yaml_documents(path.read_bytes())
    except UnreadableYaml as error:
        raise Rejected([replace(_not_crds(path, error.message), at=error.at(str(path)))]) from error


def _not_crds(path: Path, message: str) -> Finding:
    hint = "export them with `oc get crd -o yaml` into a .yaml file of this folder"
    return Finding(at=Location(str(path)), code="VER030", message=message, hint=hint)


def crd_files(folder: Path) -> list[Path]:
    """The files with exported CRDs. Raises Rejected where there is no such folder."""
    if not folder.is_dir():
        raise Rejected([_not_crds(folder, "there is no such folder")])
    return sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml", ".json"))


def crds_in(documents: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    """The CRDs among objects and in lists of objects."""
    for document in documents:
        if not isinstance(document, dict):
            continue
        if document.get("kind") == "CustomResourceDefinition":
            yield document
        elif str(document.get("kind", "")).endswith("List"):
            yield from crds_in(document.get("items") or ())


def write_schemas(crd: Mapping[str, Any], target: Path, versions: Sequence[str]) -> None:
    """Writes the schemas of these API versions of a CRD into a folder; of those that are served, where none is named."""
    for version, schema in crd_schemas(crd, versions):
        spec = crd["spec"]
        name = _SCHEMA_FILE.format(kind=spec["names"]["kind"].lower(), group=spec["group"], version=version)
        (target / name).write_text(json.dumps(_interned(schema), separators=(",", ":")), "utf-8")


def crd_schemas(crd: Mapping[str, Any], versions: Sequence[str] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
    """The API versions of a CRD with their schemas; those that are served, where none is named."""
    spec = crd["spec"]
    for version in spec["versions"]:
        if version["name"] not in versions if versions else not version["served"]:
            continue
        given = version["schema"]["openAPIV3Schema"]
        schema = _partial(given, {}) if spec.get("preserveUnknownFields") else _closed(given)
        _as_root(schema, spec["names"]["kind"], f"{spec['group']}/{version['name']}")
        yield version["name"], schema


def _closed(node: Mapping[str, Any]) -> dict[str, Any]:
    """A CRD's structural schema as JSON Schema of draft 4, which is the one kubeconform reads.

    Closed where the API server would drop an unknown field silently. Rules in CEL stay in it, though kubeconform
    ignores them.
    """
    found = _partial(node, node)
    if "properties" in found:
        found["properties"] = {name: _closed(child) for name, child in node["properties"].items()}
    for word in ("items", "additionalProperties"):
        if isinstance(node.get(word), dict):
            found[word] = _closed(node[word])
    if node.get("x-kubernetes-embedded-resource"):
        beside = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, **found.get("properties", {})}
        found["properties"] = {**beside, "metadata": _METADATA}
    opened = node.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in node
    if node.get("type") == "object" and not opened:
        found["additionalProperties"] = False
    if node.get("x-kubernetes-int-or-string"):
        found.pop("type", None)
        found.setdefault("anyOf", [{"type": "integer"}, {"type": "string"}])
    return {"anyOf": [{"type": "null"}, found]} if node.get("nullable") else found


def _partial(part: Mapping[str, Any], structure: Mapping[str, Any]) -> dict[str, Any]:
    """What is below allOf, anyOf, oneOf and not: it speaks of a part of a value and stays open.

    The API server puts in the defaults of `structure` before it looks, so a field that has one is never missing to it.
    """
    found = {key: value for key, value in part.items() if key not in _WORDS and value is not None}
    if found.get("format") == "duration":
        del found["format"]  # kubeconform 0.7 panics at it where the value is not a string
    for word in _PARTS:
        if word in found:
            found[word] = [_partial(each, structure) for each in found[word]]
    if "not" in found:
        found["not"] = _partial(found["not"], structure)
    fields = structure.get("properties", {})
    required = {name for name in found.pop("required", ()) if "default" not in fields.get(name, {})}
    if "properties" in found and part is not structure:
        for name, child in found["properties"].items():
            if "default" in fields.get(name, {}) and not _allows(child, fields[name]["default"]):
                required.add(name)  # to leave it out is to write its default, which does not pass
        found["properties"] = {
            name: _partial(child, fields.get(name, {})) for name, child in found["properties"].items()
        }
    return found | ({"required": sorted(required)} if required else {})


def _allows(schema: Mapping[str, Any], value: Any) -> bool:
    from jsonschema import Draft4Validator

    return bool(Draft4Validator(schema).is_valid(value))


def _as_root(schema: dict[str, Any], kind: str, api_version: str) -> None:
    properties = schema.setdefault("properties", {})
    own = properties.get("metadata", {}).get("properties", {})
    names = {**_METADATA["properties"]}
    for name, narrower in own.items():  # a CRD may narrow metadata.name
        names[name] = {"allOf": [names[name], narrower]} if name in names else narrower
    properties |= {
        "apiVersion": {"type": "string", "enum": [api_version]},
        "kind": {"type": "string", "enum": [kind]},
        "metadata": {**_METADATA, "properties": names},
    }
    schema["required"] = sorted({"apiVersion", "kind", "metadata", *schema.get("required", ())})


def _interned(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with equal parts written once: a fifth of the size, and of the time that kubeconform compiles it."""
    definitions: dict[str, tuple[str, dict[str, Any]]] = {}

    def shared(node: dict[str, Any]) -> dict[str, Any]:
        found = dict(node)
        if "properties" in found:
            found["properties"] = {name: shared(child) for name, child in found["properties"].items()}
        for word in ("items", "additionalProperties"):
            if isinstance(found.get(word), dict):
                found[word] = shared(found[word])
        for word in _PARTS:
            if word in found:
                found[word] = [shared(child) for child in found[word]]
        if "properties" not in found:
            return found
        text = json.dumps(found, sort_keys=True)
        name, _ = definitions.setdefault(text, (str(len(definitions)), found))
        return {"$ref": f"#/definitions/{name}"}

    top = shared(dict(schema))
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "allOf": [top],
        "definitions": dict(definitions.values()),
    }


def bundled_schemas(kubernetes: str) -> Path:
    """kubernetes-validate's folder of strict schemas of the core kinds. Raises MachineFailed where it has none."""
    from importlib.util import find_spec

    spec = find_spec("kubernetes_validate")  # its import takes longer than all that is read from it
    places = [Path(place) for place in spec.submodule_search_locations or ()] if spec else []
    found = [path for place in places for path in place.glob(f"kubernetes-json-schema/v{kubernetes}.*-local-strict")]
    if not found:
        message = f"kubernetes-validate has no schemas of Kubernetes {kubernetes}; install a version that has them"
        raise MachineFailed(message)
    return max(found)


def convert_core(kubernetes: str, optional: Mapping[str, Sequence[str]], target: Path) -> None:
    """The bundled schemas under kubeconform's names, with references that do not lead to the network.

    `optional` are fields of definitions that only the OpenAPI requires.
    """
    source = bundled_schemas(kubernetes)
    for path in source.iterdir():
        text = path.read_text("utf-8").replace('"/api/_definitions.json#', '"_definitions.json#')
        schema = json.loads(text)
        for word in ("$schema", "$id"):
            schema.pop(word, None)
        if path.name == "_definitions.json":
            for name, definition in schema["$defs"].items():
                dropped = name.endswith("Status")  # the API server drops the status of what it is given
                _without_required(
                    definition,
                    definition["required"] if dropped and "required" in definition else optional.get(name, ()),
                )
            (target / path.name).write_text(json.dumps(schema, separators=(",", ":")), "utf-8")
        for named in schema.get("x-kubernetes-group-version-kind", ()):
            _without_required(schema, optional.get(_definition_of(named), ()))
            name = _SCHEMA_FILE.format(
                kind=named["kind"].lower(), group=named["group"] or named["version"], version=named["version"]
            )
            (target / name).write_text(json.dumps(schema, separators=(",", ":")), "utf-8")


def _definition_of(named: Mapping[str, str]) -> str:
    group = named["group"].partition(".")[0] or "core"
    return f"io.k8s.api.{group}.{named['version']}.{named['kind']}"


def core_schema(kubernetes: str, group: str, version: str, kind: str) -> dict[str, Any] | None:
    """The bundled schema of a core kind, whose references lead to `core_definitions`; None where there is none."""
    short = group.partition(".")[0]
    path = bundled_schemas(kubernetes) / f"{'-'.join(filter(None, (kind.lower(), short, version)))}.json"
    if not path.is_file():
        return None
    schema: dict[str, Any] = json.loads(path.read_bytes())
    for word in ("$schema", "$id"):
        schema.pop(word, None)
    named = schema.get("x-kubernetes-group-version-kind", ())
    return schema if {"group": group, "version": version, "kind": kind} in named else None


def core_definitions(kubernetes: str, optional: Mapping[str, Sequence[str]]) -> Mapping[str, Any]:
    """What the schemas of the core kinds refer to. `optional` are fields of definitions that only the OpenAPI requires."""
    found: dict[str, Any] = json.loads((bundled_schemas(kubernetes) / "_definitions.json").read_bytes())["$defs"]
    for name, fields in optional.items():
        if name in found:
            _without_required(found[name], fields)
    return found


def _without_required(schema: dict[str, Any], names: Collection[str]) -> None:
    if "required" in schema:
        schema["required"] = [name for name in schema["required"] if name not in names]
