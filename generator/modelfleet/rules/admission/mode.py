"""The deployment mode of an InferenceService: which word the release knows, which it can serve, and that it stays.

kserve: pkg/apis/serving/v1beta1/inference_service_validation.go, validateDeploymentMode, and the controller;
odh-model-controller: internal/webhook/serving/defaulters.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.finding import Severity
from modelfleet.kubernetes.objects import mapping
from modelfleet.rules import Problem, lacking
from modelfleet.rules.admission.manifest import ANNOTATIONS, MODE, MODEL_MESH, SERVICE, Manifest, rule, shown
from modelfleet.wording import listed


@rule(
    code="ADM013",
    title="The deployment mode is one that the release knows",
    stage="webhook",
    kinds=SERVICE,
    where=ANNOTATIONS,
    when=lambda capabilities: capabilities["unknownMode"] == "refused",
)
def unknown_mode(manifest: Manifest) -> Iterator[Problem]:
    """The odh-model-controller asks when the object is created."""
    written = manifest.annotations.get(MODE)
    known = manifest.capabilities["deploymentModes"]
    if written is not None and written not in known and manifest.live is None:
        yield Problem(
            pointer=(*ANNOTATIONS, MODE),
            message=f"{shown(written)} is no deployment mode of this release",
            hint=f"one of {listed(known)}; for an ordinary Deployment write {manifest.terms['modeStandard']}",
        )


@rule(
    code="ADM014",
    title="A deployment mode that the release does not know cannot be kept",
    stage="reconcile",
    kinds=SERVICE,
    where=ANNOTATIONS,
    when=lambda capabilities: capabilities["unknownMode"] == "default",
)
def mode_falls_back(manifest: Manifest) -> Iterator[Problem]:
    """The default mode is recorded in the status, from which the annotation then differs at every update."""
    written = manifest.annotations.get(MODE)
    if written is not None and written not in manifest.capabilities["deploymentModes"]:
        yield Problem(
            pointer=(*ANNOTATIONS, MODE),
            message=f"{shown(written)} is no deployment mode of this release, which takes its default "
            f"{manifest.capabilities['defaultMode']} and then refuses every change of the object",
            hint=f"write {manifest.terms['modeStandard']}",
            severity=Severity.WARNING,
        )


@rule(
    code="ADM015",
    title="Serverless needs a release that has Knative",
    stage="reconcile",
    kinds=SERVICE,
    when=lacking("serverless"),
)
def no_serverless(manifest: Manifest) -> Iterator[Problem]:
    """The controller gives up for good (ServerlessModeRejected)."""
    if manifest.mode == manifest.terms["modeAdvanced"]:
        yield Problem(
            pointer=(*ANNOTATIONS, MODE),
            message="this release has no Knative, so nothing serves a model in serverless mode",
            hint=f"write {manifest.terms['modeStandard']}; a live model must be deleted and made anew for that",
        )


@rule(
    code="ADM016",
    title="ModelMesh needs a release that has it",
    stage="reconcile",
    kinds=SERVICE,
    when=lacking("modelMesh"),
)
def no_model_mesh(manifest: Manifest) -> Iterator[Problem]:
    """KServe leaves such objects to a controller that is not there."""
    if manifest.mode == MODEL_MESH:
        yield Problem(
            pointer=(*ANNOTATIONS, MODE),
            message="this release has no ModelMesh, so the model is never loaded",
            hint=f"give the model a server of its own: {manifest.terms['modeStandard']}",
            severity=Severity.WARNING,
        )


@rule(
    code="ADM040",
    title="The deployment mode of a live model does not change",
    stage="webhook",
    kinds=SERVICE,
    update=True,
)
def mode_changed(manifest: Manifest) -> Iterator[Problem]:
    """Compared with what the controller recorded; where no status is known, with what the live object asks for."""
    live = manifest.live or {}
    recorded = mapping(live.get("status")).get("deploymentMode")
    asked = mapping(mapping(live.get("metadata")).get("annotations")).get(MODE, manifest.capabilities["defaultMode"])
    before = manifest.spelt(recorded or asked)
    if MODE not in manifest.annotations and manifest.mode == manifest.terms["modeAdvanced"]:
        return  # the defaulter writes the default mode down, but not where it is this one
    if manifest.mode != before:
        yield Problem(
            pointer=(*ANNOTATIONS, MODE),
            message=f"the deployment mode cannot change from {shown(before)} to {shown(manifest.mode)}",
            hint="delete the InferenceService and make it anew, or give the new one another name",
        )
