"""Rules for objects of every kind: what the API server asks before any webhook is."""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.kubernetes.objects import mapping, text
from modelfleet.rules import Problem, lacking
from modelfleet.rules.admission.manifest import Manifest, rule, shown

LLM_KINDS = frozenset({"LLMInferenceService", "LLMInferenceServiceConfig"})


@rule(code="ADM001", title="An object names its version, its kind and itself", stage="schema")
def incomplete(manifest: Manifest) -> Iterator[Problem]:
    """Without these the API server cannot tell what it is given."""
    for field in ("apiVersion", "kind"):
        if not text(manifest.object.get(field)):
            yield Problem(
                pointer=(field,),
                message=f"{field} is missing",
                hint="an object needs apiVersion, kind and metadata.name",
            )
    if not manifest.name:
        metadata = mapping(manifest.object.get("metadata"))
        if not text(metadata.get("generateName")):
            yield Problem(
                pointer=("metadata", "name"),
                message="metadata.name is missing",
                hint="an object needs apiVersion, kind and metadata.name",
            )


@rule(code="ADM002", title="An object follows the schema of its kind", stage="schema")
def against_schema(manifest: Manifest) -> Iterator[Problem]:
    """Unknown fields, wrong types, values outside of a list: whatever the schema that comes with the manifest finds."""
    if manifest.schema is not None:
        yield from manifest.schema(manifest.object)


@rule(
    code="ADM003",
    title="LLMInferenceService exists from RHOAI 2.25 on",
    stage="schema",
    kinds=LLM_KINDS,
    when=lacking("llm"),
)
def unknown_kind(manifest: Manifest) -> Iterator[Problem]:
    """The release does not install the CRD."""
    yield Problem(
        pointer=("kind",),
        message=f"this release has no kind {manifest.object['kind']}",
        hint="use an InferenceService with a vLLM runtime, or a release that has it",
    )


@rule(code="ADM007", title="A kind is served in certain versions", stage="schema")
def unknown_version(manifest: Manifest) -> Iterator[Problem]:
    """Known of LLMInferenceServices, and where the schemas hold the kind in another version."""
    kind = manifest.object.get("kind")
    if manifest.schema is not None or not (manifest.versions or text(kind) in LLM_KINDS):
        return
    api_version = text(manifest.object.get("apiVersion"))
    group = api_version.rpartition("/")[0]
    served: list[str] = [f"{group}/{version}" for version in manifest.versions]
    if text(kind) in LLM_KINDS:
        served = manifest.capabilities["llmApiVersions"]
    if served and api_version not in served:
        yield Problem(
            pointer=("apiVersion",),
            message=f"{kind} is not served as {shown(api_version)} here",
            hint=f"write {' or '.join(served)}",
        )
