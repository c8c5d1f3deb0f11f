"""What webhooks of the platform's operator refuse, beside those of KServe.

rhods-operator: internal/webhook/kueue, internal/webhook/dashboard.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.finding import Severity
from modelfleet.kubernetes.names import HARDWARE_PROFILE
from modelfleet.kubernetes.objects import mapping, text
from modelfleet.rules import Violation, having
from modelfleet.rules.admission.request import (
    LLM_KIND,
    SERVICE_KINDS,
    AdmissionRequest,
    admission_rule,
    display,
    own_namespace,
)

QUEUE = "kueue.x-k8s.io/queue-name"
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
    if not text(own.get(QUEUE)):
        yield Violation(
            pointer=("metadata", "labels", QUEUE),
            message=f"where Kueue is on, it is refused without a queue: its namespace has the label {managed}",
            hint=f"write the label {QUEUE}: with the name of a LocalQueue of {display(request.namespace)}",
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
            message=f"{written} is not supported any more",
            hint=f"write {request.capabilities['replacedKinds'][written]}",
        )
