"""A project from the objects of a namespace: the spec, the runtimes and the objects beside it, and what is left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from itertools import chain, count
from typing import Any

from modelfleet.importer.connections import token_account
from modelfleet.importer.definitions import DEFINITION, Definitions, of_cluster
from modelfleet.importer.draft import draft_of, namespace_of
from modelfleet.importer.given import GivenObject
from modelfleet.importer.lenient import Workshop
from modelfleet.importer.residue import patches_for
from modelfleet.importer.runtimes import choose_runtimes, with_runtimes
from modelfleet.kubernetes.kinds import cluster_kinds
from modelfleet.kubernetes.objects import Object
from modelfleet.layout import file_name
from modelfleet.records import dataclass
from modelfleet.render.objects import RenderedObject

SERVING = frozenset({"InferenceService", "LLMInferenceService", "ServingRuntime", "LLMInferenceServiceConfig"})
"""Kinds that are rendered from a spec and cannot stand beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportDifference:
    """What of an object will not be as it was given: the object, the field (empty for all of it), and why or how."""

    label: str
    path: str = ""
    sentence: str = ""


@dataclass(slots=True, kw_only=True)
class ProjectImport:
    """What an import makes: a spec, files of runtimes and of objects by name; and what it leaves out.

    `kept` are Secrets whose values stay in the cluster, `wanted` the given objects that the project is held against.
    """

    name: str
    namespace: str
    spec: dict[str, Any]
    runtimes: dict[str, Object] = field(default_factory=dict)
    beside: dict[str, GivenObject] = field(default_factory=dict)
    wanted: dict[tuple[str, str], GivenObject] = field(default_factory=dict)
    differences: list[ImportDifference] = field(default_factory=list)
    kept: list[GivenObject] = field(default_factory=list)
    definitions: Definitions = field(default_factory=Definitions)


def import_project(
    name: str, given: Sequence[GivenObject], workshop: Workshop, used_elsewhere: Collection[str] = ()
) -> ProjectImport:
    """The project that these objects are. Raises Rejected where they cannot be written as a spec at all."""
    namespace = namespace_of(given, name)
    result = ProjectImport(name=name, namespace=namespace, spec={})
    for one in given:
        if one.kind == DEFINITION:
            result.definitions.take(one)
    here = [one for one in given if _belongs(one, namespace, result)]
    draft = draft_of(name, namespace, here, workshop.environment)
    chosen = choose_runtimes(draft, workshop, used_elsewhere)
    result.spec, result.runtimes = with_runtimes(draft, chosen), chosen.files
    workshop = workshop.with_runtimes(result.runtimes.items())
    rendered = workshop.rendered(result.spec)
    by_key = {(one.kind, one.name): one for one in here}
    add_patches(result.spec, patches_for(rendered, by_key))
    _place(result, here, rendered)
    return result


def _belongs(one: GivenObject, namespace: str, result: ProjectImport) -> bool:
    """Whether an object is a matter of the project; what is not, and would be missed, is told."""
    if one.of_cluster:
        return False
    if one.unfit:
        result.differences.append(ImportDifference(label=one.label, sentence=f"is left out: {one.unfit}"))
        return False
    if one.kind == "Namespace":
        return one.name == namespace
    if one.kind in cluster_kinds() or of_cluster(one, result.definitions.given):
        sentence = "is left out: it belongs to the cluster, and a project is one namespace"
        result.differences.append(ImportDifference(label=one.label, sentence=sentence))
        return False
    if one.namespace not in (None, namespace):
        sentence = f"is left out: it is in namespace {one.namespace}, and the project's is {namespace}"
        result.differences.append(ImportDifference(label=one.label, sentence=sentence))
        return False
    return True


def add_patches(spec: dict[str, Any], patches: Mapping[Any, Mapping[str, Any]]) -> None:
    """Writes patches under the entries that they belong to."""
    for pointer, kinds in patches.items():
        entry = spec
        for step in pointer:
            entry = entry[step]
        entry["patch"] = {kind: list(steps) for kind, steps in kinds.items()}


def _place(result: ProjectImport, here: Sequence[GivenObject], rendered: Sequence[RenderedObject]) -> None:
    """Each given object is rendered, stands beside the models, stays in the cluster, or is told as left out."""
    made = {(str(one.object["kind"]), str(one.object["metadata"]["name"])) for one in rendered}
    made |= {("Secret", name) for kind, name in made if kind == "ExternalSecret"}
    made |= {("Namespace", result.namespace) for kind, _ in made if kind == "Namespace"}
    for one in here:
        key = (one.kind, one.name)
        if key in made:
            result.wanted[key] = one
        elif one.owned and not (one.kind in SERVING or one.kind == "Secret"):
            continue  # its owner makes it
        elif one.kind == "SealedSecret" or (one.kind == "Secret" and (token_account(one) is None or one.owned)):
            result.kept.append(one)
        elif one.kind in SERVING or one.kind == "Namespace":
            result.wanted[key] = one
        else:
            result.wanted[key] = one
            result.beside[_free_stem(one, result.beside)] = one
        for pointer in one.hidden:
            path = "/" + "/".join(map(str, pointer))
            sentence = "is left out: it looks like a secret, which belongs in the secret store"
            result.differences.append(ImportDifference(label=one.label, path=path, sentence=sentence))


def _free_stem(one: GivenObject, taken: Collection[str]) -> str:
    """The name of an object's file without its suffix, which no other object has."""
    letters = (
        letter if (letter.isascii() and letter.isalnum()) or letter in "-." else "-" for letter in one.name.lower()
    )
    stem = file_name(one.kind, "".join(letters).strip("-.")[:_LONGEST]).removesuffix(".yaml")
    return next(name for name in chain([stem], (f"{stem}-{number}" for number in count(2))) if name not in taken)


_LONGEST = 150
"""Letters of a name that go into the name of a file."""


def beside_object(one: GivenObject) -> Object:
    """An object beside the models as its file holds it: the overlay decides the namespace."""
    metadata = {key: value for key, value in one.object["metadata"].items() if key != "namespace"}
    return {**one.object, "metadata": metadata}
