"""A project from the objects of a namespace: the spec, the runtimes and the objects beside it, and what is left out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import chain, count
from typing import Any

from modelfleet.finding import Finding, Severity
from modelfleet.importer.connections import token_account
from modelfleet.importer.definitions import DEFINITION, of_cluster
from modelfleet.importer.draft import SpecDraft, draft_of, namespace_of
from modelfleet.importer.frameworks import with_model
from modelfleet.importer.given import GivenObject
from modelfleet.importer.lenient import Workshop, runtime_file
from modelfleet.importer.patches import patch_again
from modelfleet.importer.refused import entry_length, left_out, pointer_to, take_out_of_spec
from modelfleet.importer.residue import unlike_given
from modelfleet.importer.result import ImportDifference, ProjectImport
from modelfleet.importer.runtimes import choose_runtimes, with_runtimes
from modelfleet.kubernetes import emit
from modelfleet.kubernetes.kinds import cluster_kinds
from modelfleet.kubernetes.objects import Object, with_namespace
from modelfleet.layout import file_name, project_file
from modelfleet.render.objects import RenderedObject
from modelfleet.spec.load import parse
from modelfleet.spec.schema import MISSING_KEY, validate

SERVING = frozenset({"InferenceService", "LLMInferenceService", "ServingRuntime", "LLMInferenceServiceConfig"})
"""Kinds that are rendered from a spec and cannot stand beside it."""


def import_project(
    name: str, given: Sequence[GivenObject], workshop: Workshop, used_elsewhere: Collection[str] = ()
) -> ProjectImport:
    """The project that these objects are. Raises Rejected where they cannot be written as a spec at all."""
    namespace = namespace_of(given, name)
    result = ProjectImport(name=name, namespace=namespace, spec={})
    for one in given:
        if one.kind == DEFINITION:
            result.definitions.take(one)
    here = _as_served([one for one in given if _belongs(one, namespace, result)], result)
    fit = [one for one in here if one.kind != "ServingRuntime" or _is_valid(one, result)]
    draft = _valid(draft_of(name, namespace, fit, workshop.environment), result)
    chosen = choose_runtimes(draft, workshop, used_elsewhere)
    result.spec, result.runtimes = with_runtimes(draft, chosen), chosen.files
    _keep_stores(result, here, workshop)
    patch_again(result, here, workshop)
    _place(result, here, workshop.with_runtimes(result.runtimes.items()).rendered(result.spec))
    return result


def _keep_stores(result: ProjectImport, here: Sequence[GivenObject], workshop: Workshop) -> None:
    """Leaves to an ExternalSecret of another make the Secret that it makes: it is carried as it is."""
    made = workshop.with_runtimes(result.runtimes.items()).rendered(result.spec)
    stores = {str(one.object["metadata"]["name"]): one.object for one in made if one.object["kind"] == "ExternalSecret"}
    for one in here:
        if one.kind != "ExternalSecret" or one.name not in stores:
            continue
        rendered = with_namespace(stores[one.name], result.namespace)
        if unlike_given(one, rendered):
            for section in ("connections", "secrets"):
                if (entry := result.spec.get(section, {}).get(one.name)) is not None:
                    entry.pop("credentials", None)
                    entry["existing"] = True


def _as_served(here: Sequence[GivenObject], result: ProjectImport) -> list[GivenObject]:
    """The objects as KServe makes them: predictors of the older form have a model."""
    runtimes = {one.name: one for one in here if one.kind == "ServingRuntime"}
    served = [with_model(one, runtimes) for one in here]
    result.older.extend(one.label for one, new in zip(here, served, strict=True) if new is not one)
    return served


def _is_valid(one: GivenObject, result: ProjectImport) -> bool:
    """Whether a runtime could be a file in runtimes/; one that could not stays in the cluster, as it is."""
    document = parse(emit.dump(runtime_file(one.name, one)).encode(), one.at.file)
    wrong = next((found for found in validate(document, "custom-runtime") if found.severity is Severity.ERROR), None)
    if wrong is not None:
        result.differences.append(ImportDifference(label=one.label, sentence=left_out(wrong, wrong.path)))
    return wrong is None


def _valid(draft: SpecDraft, result: ProjectImport) -> SpecDraft:
    """The draft without what its schema refuses. What is missing is not: a model has its runtime only later."""
    result.spec = draft.spec
    file = project_file(result.name)
    for _ in range(_ROUNDS):
        document = parse(emit.dump(draft.spec).encode(), file)
        wrong = [one for one in validate(document, "project") if not _waits(one, draft.spec)]
        if not take_out_of_spec(result, wrong):
            break
    known = {entry for entry in draft.runtimes if entry[1] in draft.spec.get(entry[0], {})}
    return replace(
        draft,
        runtimes={entry: one for entry, one in draft.runtimes.items() if entry in known},
        absent={entry: one for entry, one in draft.absent.items() if entry[1] in draft.spec.get(entry[0], {})},
    )


def _waits(finding: Finding, spec: dict[str, Any]) -> bool:
    """Whether an entry lacks a key, which may come later."""
    pointer = pointer_to(spec, finding.path)
    return finding.code == MISSING_KEY and (not pointer or len(pointer) <= entry_length(pointer))


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


_ROUNDS = 60
_LONGEST = 150
"""Letters of a name that go into the name of a file."""


def beside_object(one: GivenObject) -> Object:
    """An object beside the models as its file holds it: the overlay decides the namespace."""
    metadata = {key: value for key, value in one.object["metadata"].items() if key != "namespace"}
    return {**one.object, "metadata": metadata}
