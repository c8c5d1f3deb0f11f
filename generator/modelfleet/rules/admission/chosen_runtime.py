"""What the runtime that a model names must be, known where the ServingRuntime comes along or is in the cluster.

KServe's controller gives up on what is wrong here, in this order, after the object was admitted (kserve:
pkg/controller/v1beta1/inferenceservice/components/predictor.go, reconcileModel). ModelMesh is another controller's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.finding import Pointer, Severity
from modelfleet.kubernetes.objects import items, mapping, mappings, text
from modelfleet.rules import Violation
from modelfleet.rules.admission.request import (
    MODEL_MESH,
    PREDICTOR,
    SERVICE_KINDS,
    AdmissionRequest,
    admission_rule,
    display,
    peer,
)
from modelfleet.wording import listed

MODEL: Pointer = (*PREDICTOR, "model")
RUNTIME_NAME: Pointer = (*MODEL, "runtime")


def _chosen(request: AdmissionRequest) -> Mapping[str, Any] | None:
    """The spec of the runtime; None where it is not known."""
    if request.mode == MODEL_MESH:
        return None
    found = peer(request, "ServingRuntime", mapping(request.predictor["model"])["runtime"])
    return None if found is None else mapping(found.get("spec"))


@admission_rule(
    code="ADM051", title="A model's runtime is not disabled", stage="reconcile", kinds=SERVICE_KINDS, where=RUNTIME_NAME
)
def disabled(request: AdmissionRequest) -> Iterator[Violation]:
    """Admitted, and then never ready."""
    spec = _chosen(request)
    if spec is not None and spec.get("disabled") is True:
        yield Violation(
            pointer=RUNTIME_NAME,
            message=f"the runtime {display(request.predictor['model']['runtime'])} is disabled",
            hint="name another runtime, or remove disabled from this one",
            severity=Severity.WARNING,
        )


@admission_rule(
    code="ADM052",
    title="A model's runtime serves its format",
    stage="reconcile",
    kinds=SERVICE_KINDS,
    where=RUNTIME_NAME,
)
def unknown_format(request: AdmissionRequest) -> Iterator[Violation]:
    """By the name, and by the version where the model has one; a format without a version is of none."""
    spec = _chosen(request)
    wanted = mapping(request.predictor["model"].get("modelFormat"))
    name, version = text(wanted.get("name")), text(wanted.get("version"))
    if spec is None or not name:
        return
    formats = [item for _, item in mappings(spec.get("supportedModelFormats"))]
    of_name = [item for item in formats if item.get("name") == name]
    runtime = display(request.predictor["model"]["runtime"])
    if not of_name:
        known = list(dict.fromkeys(text(item.get("name")) for item in formats if item.get("name")))
        yield Violation(
            pointer=(*MODEL, "modelFormat", "name"),
            message=f"the runtime {runtime} does not serve the format {display(name)}",
            hint=f"it serves {listed(known)}" if known else "name another runtime",
            severity=Severity.WARNING,
        )
    elif version and all(item.get("version") != version for item in of_name):
        versions = [text(item.get("version")) for item in of_name if item.get("version")]
        yield Violation(
            pointer=(*MODEL, "modelFormat", "version"),
            message=f"the runtime {runtime} does not serve version {display(version)} of the format {display(name)}",
            hint=f"it serves {listed(versions)}" if versions else "leave out the version, since the runtime has none",
            severity=Severity.WARNING,
        )


@admission_rule(
    code="ADM053",
    title="A model's runtime speaks its protocol",
    stage="reconcile",
    kinds=SERVICE_KINDS,
    where=(*MODEL, "protocolVersion"),
)
def protocol_not_served(request: AdmissionRequest) -> Iterator[Violation]:
    """A runtime that lists no protocol is taken at the model's word."""
    model = mapping(request.predictor["model"])
    spec = _chosen(request) if "runtime" in model else None
    protocols = [text(protocol) for protocol in items(spec.get("protocolVersions"))] if spec is not None else []
    protocol = text(model["protocolVersion"])
    if protocol and protocols and protocol not in protocols:
        yield Violation(
            pointer=(*MODEL, "protocolVersion"),
            message=f"the runtime {display(model['runtime'])} does not speak protocol {display(protocol)}",
            hint=f"it speaks {listed(protocols)}",
            severity=Severity.WARNING,
        )
