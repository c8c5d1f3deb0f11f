"""Rules for objects of every kind: what the API server asks before any webhook is."""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.kubernetes.names import SERVING_GROUP
from modelfleet.kubernetes.objects import mapping, text
from modelfleet.rules import Violation
from modelfleet.rules.admission.request import AdmissionRequest, admission_rule, display
from modelfleet.wording import did_you_mean, either, listed

_INSTEAD = {
    "LLMInferenceService": "use an InferenceService with a vLLM runtime, or a release that has it",
    "ClusterServingRuntime": "put a ServingRuntime into each namespace",
}

LLM_KINDS = frozenset({"LLMInferenceService", "LLMInferenceServiceConfig"})


@admission_rule(code="ADM001", title="An object names its version, its kind and itself", stage="schema")
def incomplete(request: AdmissionRequest) -> Iterator[Violation]:
    """Without these the API server cannot tell what it is given."""
    for field in ("apiVersion", "kind"):
        if not text(request.object.get(field)):
            yield Violation(
                pointer=(field,),
                message=f"{field} is missing",
                hint="an object needs apiVersion, kind and metadata.name",
            )
    if not request.name:
        metadata = mapping(request.object.get("metadata"))
        if not text(metadata.get("generateName")):
            yield Violation(
                pointer=("metadata", "name"),
                message="metadata.name is missing",
                hint="an object needs apiVersion, kind and metadata.name",
            )


@admission_rule(code="ADM002", title="An object follows the schema of its kind", stage="schema")
def against_schema(request: AdmissionRequest) -> Iterator[Violation]:
    """Unknown fields, wrong types, values outside of a list: whatever the schema that comes with the manifest finds."""
    if request.schema is not None:
        yield from request.schema(request.object)


@admission_rule(code="ADM003", title="A kind of serving.kserve.io is one that the release has", stage="schema")
def unknown_kind(request: AdmissionRequest) -> Iterator[Violation]:
    """The release does not install the CRD, or removes it."""
    kind = text(request.object.get("kind"))
    kinds = request.capabilities["servingKinds"]
    if kind and text(request.object.get("apiVersion")).startswith(f"{SERVING_GROUP}/") and kind not in kinds:
        yield Violation(
            pointer=("kind",),
            message=f"this release has no kind {display(kind)}",
            hint=_INSTEAD.get(kind) or did_you_mean(kind, kinds, f"it has {listed(kinds)}"),
        )


@admission_rule(code="ADM007", title="A kind is served in certain versions", stage="schema")
def unknown_version(request: AdmissionRequest) -> Iterator[Violation]:
    """Known of LLMInferenceServices, and where the schemas hold the kind in another version."""
    kind = request.object.get("kind")
    if request.schema is not None or not (request.versions or text(kind) in LLM_KINDS):
        return
    api_version = text(request.object.get("apiVersion"))
    group = api_version.rpartition("/")[0]
    served: list[str] = [f"{group}/{version}" for version in request.versions]
    if text(kind) in LLM_KINDS:
        served = request.capabilities["llmApiVersions"] or served
    if served and api_version not in served:
        yield Violation(
            pointer=("apiVersion",),
            message=f"{kind} is not served as {display(api_version)} here",
            hint=f"write {either(served)}",
        )
