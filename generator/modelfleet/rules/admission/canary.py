"""Rules for canaries: further predictors of one InferenceService that get a share of its requests.

kserve: pkg/apis/serving/v1beta1/inference_service_validation.go, validateCanarySpecs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.kubernetes.objects import items, mappings, number, text
from modelfleet.rules import Violation, having
from modelfleet.rules.admission.request import (
    FRAMEWORKS,
    PREDICTOR,
    SERVICE_KINDS,
    AdmissionRequest,
    admission_rule,
    display,
)

CANARY: Pointer = ("spec", "canary")
_FIXED = ("scaleTarget", "scaleMetric", "autoScaling")


def _canaries(request: AdmissionRequest) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
    for index, entry in mappings(request.spec.get("canary")):
        predictor = entry.get("predictor")
        if isinstance(predictor, dict):
            yield (*CANARY, index, "predictor"), predictor


@admission_rule(
    code="ADM090",
    title="Canaries go beside a model in a Deployment",
    stage="webhook",
    kinds=SERVICE_KINDS,
    where=CANARY,
    when=having("canary"),
)
def canary_beside(request: AdmissionRequest) -> Iterator[Violation]:
    """The Route shares the requests out between Services of Deployments."""
    if not items(request.spec.get("canary")):
        return
    if not request.raw:
        mode = request.terms["modeStandard"]
        yield Violation(
            pointer=CANARY,
            key=True,
            message=f"canary does not go with deployment mode {display(request.mode)}",
            hint=f"write the annotation serving.kserve.io/deploymentMode: {mode}, or remove canary",
        )
    if request.model is None:
        yield Violation(
            pointer=PREDICTOR, message="canary needs a predictor with a model", hint="write spec.predictor.model"
        )


@admission_rule(
    code="ADM091",
    title="Each canary has a name of its own",
    stage="webhook",
    kinds=SERVICE_KINDS,
    where=CANARY,
    when=having("canary"),
)
def canary_names(request: AdmissionRequest) -> Iterator[Violation]:
    """It becomes part of the names of its Deployment and Service."""
    taken = {text(request.predictor.get("name"))}
    for pointer, predictor in _canaries(request):
        name = text(predictor.get("name"))
        if not name:
            yield Violation(
                pointer=(*pointer, "name"), message="the canary has no name", hint="write predictor.name, such as v2"
            )
        elif name in taken:
            yield Violation(
                pointer=(*pointer, "name"),
                message=f"the name {display(name)} belongs to another predictor of this InferenceService",
                hint="give each predictor a name of its own",
            )
        taken.add(name)


@admission_rule(
    code="ADM092",
    title="The canaries' shares add up to at most 100 %",
    stage="webhook",
    kinds=SERVICE_KINDS,
    where=CANARY,
    when=having("canary"),
)
def canary_traffic(request: AdmissionRequest) -> Iterator[Violation]:
    """What they leave goes to the stable predictor."""
    total = 0
    for index, entry in mappings(request.spec.get("canary")):
        share = number(entry.get("trafficPercent")) or 0
        total += share
        if not 0 <= share <= 100:
            yield Violation(
                pointer=(*CANARY, index, "trafficPercent"),
                message=f"trafficPercent is {share}",
                hint="write a number from 0 to 100",
            )
    if total > 100:
        yield Violation(
            pointer=CANARY,
            key=True,
            message=f"the canaries' trafficPercent adds up to {total}",
            hint="keep the sum at 100 or less",
        )


@admission_rule(
    code="ADM093",
    title="A canary is one model server of fixed size",
    stage="webhook",
    kinds=SERVICE_KINDS,
    where=CANARY,
    when=having("canary"),
)
def canary_size(request: AdmissionRequest) -> Iterator[Violation]:
    """It is not scaled, has no workers, and is not larger than the stable predictor."""
    stable = number(request.predictor.get("minReplicas", 1))
    for pointer, predictor in _canaries(request):
        extra = [field for field in ("workerSpec", *_FIXED) if predictor.get(field) is not None]
        extra += ["maxReplicas"] if (number(predictor.get("maxReplicas")) or 0) > 0 else []
        for field in extra:
            yield Violation(
                pointer=(*pointer, field),
                key=True,
                message=f"a canary has no {field}",
                hint="remove it from the canary",
            )
        least = number(predictor.get("minReplicas"))
        if least is not None and stable is not None and least > stable:
            yield Violation(
                pointer=(*pointer, "minReplicas"),
                message=f"minReplicas {least} of the canary is more than the stable predictor's {stable}",
                hint=f"write {stable} or less",
            )


@admission_rule(
    code="ADM094",
    title="A canary holds exactly one implementation",
    stage="webhook",
    kinds=SERVICE_KINDS,
    where=CANARY,
    when=having("canary"),
)
def canary_implementation(request: AdmissionRequest) -> Iterator[Violation]:
    """As every predictor does; nothing is turned into `model` here."""
    for pointer, predictor in _canaries(request):
        found = [name for name in (*FRAMEWORKS, "model") if predictor.get(name) is not None]
        if not found and items(predictor.get("containers")):
            continue
        if len(found) != 1:
            yield Violation(
                pointer=pointer,
                message="the canary's predictor has " + (" and ".join(found) if found else "no model"),
                hint="write exactly one, preferably model",
            )


@admission_rule(
    code="ADM095",
    title="A Route can split requests among a few canaries",
    stage="webhook",
    kinds=SERVICE_KINDS,
    where=CANARY,
    when=having("canaryMax"),
)
def canary_count(request: AdmissionRequest) -> Iterator[Violation]:
    """OpenShift Routes have a limited number of alternate backends."""
    most, count = request.capabilities["canaryMax"], len(items(request.spec.get("canary")))
    if count > most:
        yield Violation(
            pointer=(*CANARY, most),
            message=f"there are {count} canaries, and a Route takes {most}",
            hint=f"keep at most {most}",
        )
