"""Rules for objects of every kind: what the API server asks before any webhook is."""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.kubernetes.objects import mapping, text
from modelfleet.rules import Problem
from modelfleet.rules.admission.manifest import GROUP, Manifest, rule, shown
from modelfleet.wording import listed, meant

_INSTEAD = {
    "LLMInferenceService": "use an InferenceService with a vLLM runtime, or a release that has it",
    "ClusterServingRuntime": "put a ServingRuntime into each namespace",
}


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


@rule(code="ADM003", title="A kind of serving.kserve.io is one that the release has", stage="schema")
def unknown_kind(manifest: Manifest) -> Iterator[Problem]:
    """The release does not install the CRD, or takes it away."""
    kind = text(manifest.object.get("kind"))
    kinds = manifest.capabilities["servingKinds"]
    if kind and text(manifest.object.get("apiVersion")).startswith(GROUP) and kind not in kinds:
        yield Problem(
            pointer=("kind",),
            message=f"this release has no kind {shown(kind)}",
            hint=_INSTEAD.get(kind) or meant(kind, kinds, f"known are {listed(kinds)}"),
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
