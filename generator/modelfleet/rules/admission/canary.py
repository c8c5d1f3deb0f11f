"""Rules for canaries: further predictors of one InferenceService that get a share of its requests.

kserve: pkg/apis/serving/v1beta1/inference_service_validation.go, validateCanarySpecs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.kubernetes.objects import items, mappings, number, text
from modelfleet.rules import Problem, having
from modelfleet.rules.admission.manifest import FRAMEWORKS, PREDICTOR, SERVICE, Manifest, rule, shown

CANARY: Pointer = ("spec", "canary")


_FIXED = ("scaleTarget", "scaleMetric", "autoScaling")


def _canaries(manifest: Manifest) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
    for index, entry in mappings(manifest.spec.get("canary")):
        predictor = entry.get("predictor")
        if isinstance(predictor, dict):
            yield (*CANARY, index, "predictor"), predictor


@rule(
    code="ADM090",
    title="Canaries go beside a model in a Deployment",
    stage="webhook",
    kinds=SERVICE,
    where=CANARY,
    when=having("canary"),
)
def canary_beside(manifest: Manifest) -> Iterator[Problem]:
    """The Route shares the requests out between Services of Deployments."""
    if not items(manifest.spec.get("canary")):
        return
    if not manifest.raw:
        mode = manifest.terms["modeStandard"]
        yield Problem(
            pointer=CANARY,
            key=True,
            message=f"canary does not go with deployment mode {shown(manifest.mode)}",
            hint=f"write the annotation serving.kserve.io/deploymentMode: {mode}, or remove canary",
        )
    if manifest.model is None:
        yield Problem(
            pointer=PREDICTOR, message="canary needs a predictor with a model", hint="write spec.predictor.model"
        )


@rule(
    code="ADM091",
    title="Each canary has a name of its own",
    stage="webhook",
    kinds=SERVICE,
    where=CANARY,
    when=having("canary"),
)
def canary_names(manifest: Manifest) -> Iterator[Problem]:
    """It becomes part of the names of its Deployment and Service."""
    taken = {text(manifest.predictor.get("name"))}
    for pointer, predictor in _canaries(manifest):
        name = text(predictor.get("name"))
        if not name:
            yield Problem(
                pointer=(*pointer, "name"), message="the canary has no name", hint="write predictor.name, such as v2"
            )
        elif name in taken:
            yield Problem(
                pointer=(*pointer, "name"),
                message=f"the name {shown(name)} belongs to another predictor of this InferenceService",
                hint="give each predictor a name of its own",
            )
        taken.add(name)


@rule(
    code="ADM092",
    title="Canaries share at most all requests",
    stage="webhook",
    kinds=SERVICE,
    where=CANARY,
    when=having("canary"),
)
def canary_traffic(manifest: Manifest) -> Iterator[Problem]:
    """What they leave goes to the stable predictor."""
    total = 0
    for index, entry in mappings(manifest.spec.get("canary")):
        share = number(entry.get("trafficPercent")) or 0
        total += share
        if not 0 <= share <= 100:
            yield Problem(
                pointer=(*CANARY, index, "trafficPercent"),
                message=f"trafficPercent is {share}",
                hint="write a number from 0 to 100",
            )
    if total > 100:
        yield Problem(
            pointer=CANARY,
            key=True,
            message=f"the canaries' trafficPercent is {total} in sum",
            hint="let the sum be 100 at most",
        )


@rule(
    code="ADM093",
    title="A canary is one model server of fixed size",
    stage="webhook",
    kinds=SERVICE,
    where=CANARY,
    when=having("canary"),
)
def canary_size(manifest: Manifest) -> Iterator[Problem]:
    """It is not scaled, has no workers, and is not larger than the stable predictor."""
    stable = number(manifest.predictor.get("minReplicas", 1))
    for pointer, predictor in _canaries(manifest):
        extra = [field for field in ("workerSpec", *_FIXED) if predictor.get(field) is not None]
        extra += ["maxReplicas"] if (number(predictor.get("maxReplicas")) or 0) > 0 else []
        for field in extra:
            yield Problem(
                pointer=(*pointer, field),
                key=True,
                message=f"a canary has no {field}",
                hint="remove it from the canary",
            )
        least = number(predictor.get("minReplicas"))
        if least is not None and stable is not None and least > stable:
            yield Problem(
                pointer=(*pointer, "minReplicas"),
                message=f"minReplicas {least} of the canary is more than the stable predictor's {stable}",
                hint=f"write {stable} or less",
            )


@rule(
    code="ADM094",
    title="A canary holds exactly one implementation",
    stage="webhook",
    kinds=SERVICE,
    where=CANARY,
    when=having("canary"),
)
def canary_implementation(manifest: Manifest) -> Iterator[Problem]:
    """As every predictor does; nothing is turned into `model` here."""
    for pointer, predictor in _canaries(manifest):
        found = [name for name in (*FRAMEWORKS, "model") if predictor.get(name) is not None]
        if not found and items(predictor.get("containers")):
            continue
        if len(found) != 1:
            yield Problem(
                pointer=pointer,
                message="the canary's predictor has " + (" and ".join(found) if found else "no model"),
                hint="write exactly one, best model",
            )


@rule(
    code="ADM095",
    title="A Route can share requests out to a few canaries",
    stage="webhook",
    kinds=SERVICE,
    where=CANARY,
    when=having("canaryMax"),
)
def canary_count(manifest: Manifest) -> Iterator[Problem]:
    """OpenShift Routes have a limited number of alternate backends."""
    most, count = manifest.capabilities["canaryMax"], len(items(manifest.spec.get("canary")))
    if count > most:
        yield Problem(
            pointer=(*CANARY, most),
            message=f"there are {count} canaries, a Route takes {most}",
            hint=f"keep {most} at most",
        )
