"""The deployment mode of an InferenceService: which word the release knows, which it can serve, and that it stays.

kserve: pkg/apis/serving/v1beta1/inference_service_validation.go, validateDeploymentMode, and the controller;
odh-model-controller: internal/webhook/serving/defaulters.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.finding import Severity
from modelfleet.kubernetes.names import DEPLOYMENT_MODE
from modelfleet.kubernetes.objects import mapping
from modelfleet.rules import Violation, lacking
from modelfleet.rules.admission.request import (
    ANNOTATIONS,
    MODEL_MESH,
    SERVICE_KINDS,
    AdmissionRequest,
    admission_rule,
    display,
)
from modelfleet.wording import listed


@admission_rule(
    code="ADM013",
    title="The deployment mode is one that the release knows",
    stage="webhook",
    kinds=SERVICE_KINDS,
    where=ANNOTATIONS,
    when=lambda capabilities: capabilities["unknownMode"] == "refused",
)
def unknown_mode(request: AdmissionRequest) -> Iterator[Violation]:
    """The odh-model-controller asks when the object is created."""
    written = request.annotations.get(DEPLOYMENT_MODE)
    known = request.capabilities["deploymentModes"]
    if written is not None and written not in known and request.old_object is None:
        yield Violation(
            pointer=(*ANNOTATIONS, DEPLOYMENT_MODE),
            message=f"{display(written)} is not a deployment mode of this release",
            hint=f"one of {listed(known)}; for an ordinary Deployment write {request.terms['modeStandard']}",
        )


@admission_rule(
    code="ADM014",
    title="A deployment mode that the release does not know cannot be kept",
    stage="reconcile",
    kinds=SERVICE_KINDS,
    where=ANNOTATIONS,
    when=lambda capabilities: capabilities["unknownMode"] == "default",
)
def mode_falls_back(request: AdmissionRequest) -> Iterator[Violation]:
    """The default mode is recorded in the status, from which the annotation then differs at every update."""
    written = request.annotations.get(DEPLOYMENT_MODE)
    if written is not None and written not in request.capabilities["deploymentModes"]:
        yield Violation(
            pointer=(*ANNOTATIONS, DEPLOYMENT_MODE),
            message=f"{display(written)} is not a deployment mode of this release, which takes its default "
            f"{request.capabilities['defaultMode']} and then refuses every change of the object",
            hint=f"write {request.terms['modeStandard']}",
            severity=Severity.WARNING,
        )


@admission_rule(
    code="ADM015",
    title="Serverless needs a release that has Knative",
    stage="reconcile",
    kinds=SERVICE_KINDS,
    when=lacking("serverless"),
)
def serverless_mode(request: AdmissionRequest) -> Iterator[Violation]:
    """The controller gives up for good (ServerlessModeRejected)."""
    if request.mode == request.terms["modeAdvanced"]:
        yield Violation(
            pointer=(*ANNOTATIONS, DEPLOYMENT_MODE),
            message="this release has no Knative, so nothing serves a model in serverless mode",
            hint=f"write {request.terms['modeStandard']}; a live model must be deleted and recreated for that",
        )


@admission_rule(
    code="ADM016",
    title="ModelMesh needs a release that has it",
    stage="reconcile",
    kinds=SERVICE_KINDS,
    when=lacking("modelMesh"),
)
def model_mesh_mode(request: AdmissionRequest) -> Iterator[Violation]:
    """KServe leaves such objects to a controller that is not there."""
    if request.mode == MODEL_MESH:
        yield Violation(
            pointer=(*ANNOTATIONS, DEPLOYMENT_MODE),
            message="this release has no ModelMesh, so the model is never loaded",
            hint=f"give the model a server of its own: {request.terms['modeStandard']}",
            severity=Severity.WARNING,
        )


@admission_rule(
    code="ADM040",
    title="The deployment mode of a live model does not change",
    stage="webhook",
    kinds=SERVICE_KINDS,
    update=True,
)
def mode_changed(request: AdmissionRequest) -> Iterator[Violation]:
    """Compared with what the controller recorded; where no status is known, with what the live object asks for."""
    live = request.old_object or {}
    recorded = mapping(live.get("status")).get("deploymentMode")
    asked = mapping(mapping(live.get("metadata")).get("annotations")).get(
        DEPLOYMENT_MODE, request.capabilities["defaultMode"]
    )
    before = request.spelt(recorded or asked)
    if DEPLOYMENT_MODE not in request.annotations and request.mode == request.terms["modeAdvanced"]:
        return  # the defaulter writes the default mode down, but not where it is this one
    if request.mode != before:
        yield Violation(
            pointer=(*ANNOTATIONS, DEPLOYMENT_MODE),
            message=f"the deployment mode cannot change from {display(before)} to {display(request.mode)}",
            hint="delete and recreate the InferenceService, or give the new one another name",
        )
