"""What is refused of an InferenceService as a whole: its name and place, its model server, its environment.

Messages say in our words what the webhooks say in theirs (kserve:
pkg/apis/serving/v1beta1/inference_service_validation.go; odh-model-controller: internal/webhook/serving/v1beta1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.kubernetes.names import AUTOSCALER_CLASS
from modelfleet.kubernetes.objects import env_named, items, mapping, mappings, text
from modelfleet.patterns import lazy_pattern
from modelfleet.rules import Violation, having
from modelfleet.rules.admission.request import (
    ANNOTATIONS,
    MODEL_MESH,
    PREDICTOR,
    SERVICE_KINDS,
    AdmissionRequest,
    admission_rule,
    display,
    frameworks_of,
)
from modelfleet.wording import listed

SERVER = "kserve-container"
TRANSFORMER = "transformer-container"
PROTOCOLS = ("v1", "v2")
_PODS = frozenset({"containers", "initContainers", "workerSpec"})
_NAME = lazy_pattern(r"[a-z](?:[-a-z0-9]*[a-z0-9])?", re.ASCII)


@admission_rule(
    code="ADM010", title="The name of an InferenceService is a DNS label", stage="webhook", kinds=SERVICE_KINDS
)
def service_name_form(request: AdmissionRequest) -> Iterator[Violation]:
    """KServe puts the name into Services, so it allows less than Kubernetes does."""
    if request.name and not _NAME.fullmatch(request.name):
        yield Violation(
            pointer=("metadata", "name"),
            message=f"{display(request.name)} is not a valid name for an InferenceService",
            hint="use lower-case letters, digits and '-'; begin with a letter, do not end with '-', and use no dots",
        )


@admission_rule(
    code="ADM011",
    title="The name of an InferenceService has a maximum length",
    stage="webhook",
    kinds=SERVICE_KINDS,
    when=having("nameLimit"),
)
def name_length(request: AdmissionRequest) -> Iterator[Violation]:
    """Asked when the object is created; a longer name from an older release goes on working."""
    limit = request.capabilities["nameLimit"]
    if len(request.name) > limit and request.old_object is None:
        yield Violation(
            pointer=("metadata", "name"),
            message=f"the name is {len(request.name)} characters long, and at most {limit} are allowed",
            hint=f"shorten it to {limit} characters; longer display names go into openshift.io/display-name",
        )


@admission_rule(
    code="ADM012",
    title="Models are not served from the platform's own namespaces",
    stage="webhook",
    kinds=SERVICE_KINDS,
)
def protected_namespace(request: AdmissionRequest) -> Iterator[Violation]:
    """Asked when the object is created."""
    if request.namespace in request.capabilities["protectedNamespaces"] and request.old_object is None:
        yield Violation(
            pointer=("metadata", "namespace"),
            message=f"namespace {display(request.namespace)} is protected",
            hint="serve the model from a project of its own",
        )


@admission_rule(
    code="ADM017",
    title="The autoscaler class is one that the release knows",
    stage="webhook",
    kinds=SERVICE_KINDS,
    where=ANNOTATIONS,
)
def autoscaler_class(request: AdmissionRequest) -> Iterator[Violation]:
    """`kpa` is never among them: Knative's autoscaler is what runs where nothing is written."""
    written = request.annotations.get(AUTOSCALER_CLASS)
    known = request.capabilities["autoscalerClasses"]
    if written is not None and written not in known:
        yield Violation(
            pointer=(*ANNOTATIONS, AUTOSCALER_CLASS),
            message=f"{display(written)} is not an autoscaler class of this release",
            hint=f"one of {listed(known)}, or no annotation",
        )


@admission_rule(
    code="ADM018",
    title="Some environment variables are not allowed",
    stage="webhook",
    kinds=SERVICE_KINDS,
    when=having("blockedEnv"),
)
def service_blocked_env(request: AdmissionRequest) -> Iterator[Violation]:
    """Variables by which code could be slipped into a model server, in every container."""
    blocked = request.capabilities["blockedEnv"]
    for pointer, container in _containers(request):
        for index, name in env_named(container, blocked):
            yield Violation(
                pointer=(*pointer, "env", index, "name"),
                message=f"the environment variable {name} is not allowed",
                hint="build what it adds into the image",
            )


def _containers(request: AdmissionRequest) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
    for name, component in request.components:
        if not _PODS.isdisjoint(component):
            yield from _of_pod(("spec", name), component)
            yield from _of_pod(("spec", name, "workerSpec"), mapping(component.get("workerSpec")))
    if request.model:
        yield request.model
    if explainer := mapping(mapping(request.spec.get("explainer")).get("art")):
        yield ("spec", "explainer", "art"), explainer


def _of_pod(pointer: Pointer, pod: Mapping[str, Any]) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
    for key in ("containers", "initContainers"):
        for index, container in mappings(pod.get(key)):
            yield (*pointer, key, index), container


@admission_rule(
    code="ADM019",
    title="The transformer does not fetch the model",
    stage="webhook",
    kinds=SERVICE_KINDS,
    where=(*PREDICTOR, "containers"),
)
def transformer_with_storage(request: AdmissionRequest) -> Iterator[Violation]:
    """Of a predictor and a transformer in one pod only the predictor has a model."""
    for index, container in mappings(request.predictor.get("containers")):
        if container.get("name") == TRANSFORMER:
            for place, name in env_named(container, ("STORAGE_URI",)):
                yield Violation(
                    pointer=(*PREDICTOR, "containers", index, "env", place, "name"),
                    message=f"{name} is not allowed in {TRANSFORMER}",
                    hint="give the model's location to the predictor",
                )


@admission_rule(
    code="ADM030",
    title="A model is not given a container name",
    stage="webhook",
    kinds=SERVICE_KINDS,
    where=PREDICTOR,
    when=having("modelNameRefused"),
)
def model_name(request: AdmissionRequest) -> Iterator[Violation]:
    """The field of the container; an empty string, as the dashboard writes it, is fine."""
    for framework in ("model", *frameworks_of(request.predictor)):
        model = request.predictor.get(framework)
        if isinstance(model, dict) and model.get("name"):
            yield Violation(
                pointer=(*PREDICTOR, framework, "name"),
                message=f"the name {display(model['name'])} is not allowed in {framework}",
                hint="remove it; the model is served under the name of the InferenceService",
            )


@admission_rule(
    code="ADM031",
    title="A component holds exactly one implementation",
    stage="webhook",
    kinds=SERVICE_KINDS,
)
def one_implementation(request: AdmissionRequest) -> Iterator[Violation]:
    """A predictor is served by one model server; transformers and explainers are containers."""
    found = ["model"] if _simple(request.predictor) else _implementations(request)
    if len(found) != 1:
        allowed = ", ".join(request.capabilities["predictorImplementations"])
        yield Violation(
            pointer=PREDICTOR,
            message=f"exactly one of [{allowed}] must be specified in the predictor, "
            + (f"found {listed(found)}" if found else "found none"),
            hint=f"keep model and rename or remove {SERVER}" if found else "write spec.predictor.model",
        )
    for name, component in request.components:
        if name != "predictor" and not items(component.get("containers")) and not component.get("art"):
            yield Violation(
                pointer=("spec", name),
                message=f"the {name} has no container",
                hint=f"write spec.{name}.containers, or remove the {name}",
            )


def _simple(predictor: Mapping[str, Any]) -> bool:
    """Whether a predictor is a model and nothing else, as nearly all are."""
    return "containers" not in predictor and predictor.get("model") is not None and not frameworks_of(predictor)


def _implementations(request: AdmissionRequest) -> list[str]:
    predictor = request.predictor
    named = [name for name in frameworks_of(predictor) if predictor[name] is not None]
    model = predictor.get("model") is not None
    if named and request.mode != MODEL_MESH:  # the defaulter turns the first into `model`, whatever stood there
        named, model = named[1:], True
    found = [*named, "model"] if model else named
    containers = [text(container.get("name")) for _, container in mappings(predictor.get("containers"))]
    if containers and request.capabilities["predictorSidecars"]:
        found += [f"container {SERVER}" for name in containers if name == SERVER]
        return found or ["containers"]
    return [*found, "containers"] if containers else found


@admission_rule(
    code="ADM032",
    title="A custom predictor speaks a protocol that KServe knows",
    stage="webhook",
    kinds=SERVICE_KINDS,
    where=(*PREDICTOR, "containers"),
)
def custom_protocol(request: AdmissionRequest) -> Iterator[Violation]:
    """The variable PROTOCOL of the first container, where containers are all that there is."""
    containers = items(request.predictor.get("containers"))
    if not containers or _implementations(request)[:1] not in (["containers"], [f"container {SERVER}"]):
        return
    for index, entry in mappings(mapping(containers[0]).get("env")):
        if entry.get("name") == "PROTOCOL":
            if entry.get("value") not in PROTOCOLS:
                yield Violation(
                    pointer=(*PREDICTOR, "containers", 0, "env", index, "value"),
                    message=f"{display(entry.get('value'))} is not a protocol of a predictor",
                    hint=f"one of {listed(PROTOCOLS)}",
                )
            return


@admission_rule(
    code="ADM041",
    title="A predictor gets another name only with another model",
    stage="webhook",
    kinds=SERVICE_KINDS,
    when=having("canary"),
    update=True,
)
def predictor_renamed(request: AdmissionRequest) -> Iterator[Violation]:
    """`predictor.name` came with canary releases; a rename alone would start the same model twice."""
    before = mapping(mapping(mapping(request.old_object).get("spec")).get("predictor"))
    if text(before.get("name")) == text(request.predictor.get("name")):
        return
    if _storage_uri(before) == _storage_uri(request.predictor):
        yield Violation(
            pointer=(*PREDICTOR, "name"),
            message="the predictor's name changes, its model does not",
            hint="keep the name, or change storageUri too",
        )


def _storage_uri(predictor: Mapping[str, Any]) -> str:
    for name in ("model", *frameworks_of(predictor)):
        if uri := text(mapping(predictor.get(name)).get("storageUri")):
            return uri
    return ""
