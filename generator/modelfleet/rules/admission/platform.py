"""What webhooks of the platform's operator refuse, beside those of KServe.

rhods-operator: internal/webhook/kueue, internal/webhook/dashboard, internal/webhook/hardwareprofile;
odh-model-controller: internal/webhook/serving (tiers, and the profiles from 3.5 on).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from modelfleet.finding import Severity
from modelfleet.kubernetes.names import HARDWARE_PROFILE, QUEUE_NAME
from modelfleet.kubernetes.objects import items, mapping, text
from modelfleet.rules import Violation, having
from modelfleet.rules.admission.llm import MAIN, main_container
from modelfleet.rules.admission.request import (
    ANNOTATIONS,
    LLM_KIND,
    SERVICE_KINDS,
    AdmissionRequest,
    admission_rule,
    display,
    own_namespace,
)

TIERS = "alpha.maas.opendatahub.io/tiers"
MANAGED = ("kueue.openshift.io/managed", "kueue-managed")


@admission_rule(
    code="ADM150",
    title="A model in a namespace of Kueue's names its queue",
    stage="webhook",
    kinds=SERVICE_KINDS | LLM_KIND,
    when=having("queueKinds"),
)
def without_queue(request: AdmissionRequest) -> Iterator[Violation]:
    """Known where the Namespace comes along. A hardware profile may set the label before this webhook looks."""
    kind = request.object["kind"]
    labels = mapping(mapping(mapping(own_namespace(request)).get("metadata")).get("labels"))
    managed = next((label for label in MANAGED if labels.get(label) == "true"), None)
    if kind not in request.capabilities["queueKinds"] or managed is None or request.annotations.get(HARDWARE_PROFILE):
        return
    own = mapping(mapping(request.object.get("metadata")).get("labels"))
    if not text(own.get(QUEUE_NAME)):
        yield Violation(
            pointer=("metadata", "labels", QUEUE_NAME),
            message=f"where Kueue is on, it is refused without a queue: its namespace has the label {managed}",
            hint=f"write the label {QUEUE_NAME}: with the name of a LocalQueue of {display(request.namespace)}",
            severity=Severity.WARNING,
        )


@admission_rule(
    code="ADM151",
    title="Profiles are not those of an earlier dashboard",
    stage="webhook",
    when=having("replacedKinds"),
)
def replaced_kind(request: AdmissionRequest) -> Iterator[Violation]:
    """Those that are live stay as they are: none is made or changed."""
    written = f"{text(request.object.get('apiVersion'))} {text(request.object.get('kind'))}"
    if written in request.capabilities["replacedKinds"]:
        yield Violation(
            pointer=("kind",),
            message=f"{written} is no longer supported",
            hint=f"write {request.capabilities['replacedKinds'][written]}",
        )


@admission_rule(
    code="ADM152",
    title="The tiers of a model are a JSON list",
    stage="webhook",
    kinds=LLM_KIND,
    where=(*ANNOTATIONS, TIERS),
    when=having("llmTiers"),
)
def tiers_form(request: AdmissionRequest) -> Iterator[Violation]:
    """Which tiers the cluster has cannot be seen from here."""
    written = text(request.annotations[TIERS])
    if written and not _is_list_of_texts(written):
        yield Violation(
            pointer=(*ANNOTATIONS, TIERS),
            message=f"{display(written)} is not a JSON list of names",
            hint="write, for example, '[\"free\", \"premium\"]', or '[]' for all tiers",
        )


def _is_list_of_texts(written: str) -> bool:
    try:
        found = json.loads(written)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, list) and all(isinstance(item, str) for item in found)


@admission_rule(
    code="ADM153",
    title="A hardware profile is applied to the container main",
    stage="run",
    kinds=LLM_KIND,
    where=(*ANNOTATIONS, HARDWARE_PROFILE),
    when=having("profileNeedsMain"),
)
def profile_passed_over(request: AdmissionRequest) -> Iterator[Violation]:
    """Where there are containers and none is called so, the webhook warns and applies nothing of the profile."""
    containers = items(mapping(request.spec.get("template")).get("containers"))
    if containers and not main_container(request.spec):
        yield Violation(
            pointer=("spec", "template", "containers"),
            key=True,
            message=f"no container is called {MAIN}, so nothing of the hardware profile is applied",
            hint=f"name the container of the model server {MAIN}",
            severity=Severity.WARNING,
        )
