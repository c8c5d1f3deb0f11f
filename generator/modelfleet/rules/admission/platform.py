"""What webhooks of the platform's operator refuse, beside those of KServe.

rhods-operator: internal/webhook/kueue, internal/webhook/dashboard.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.finding import Severity
from modelfleet.kubernetes.objects import mapping, text
from modelfleet.rules import Problem, having
from modelfleet.rules.admission.manifest import LLM, SERVICE, Manifest, own_namespace, rule, shown

QUEUE = "kueue.x-k8s.io/queue-name"


MANAGED = ("kueue.openshift.io/managed", "kueue-managed")


PROFILE = "opendatahub.io/hardware-profile-name"


@rule(
    code="ADM150",
    title="A model in a namespace of Kueue's names its queue",
    stage="webhook",
    kinds=SERVICE | LLM,
    when=having("queueKinds"),
)
def without_queue(manifest: Manifest) -> Iterator[Problem]:
    """Known where the Namespace comes along. A hardware profile may set the label before this webhook looks."""
    kind = manifest.object["kind"]
    labels = mapping(mapping(mapping(own_namespace(manifest)).get("metadata")).get("labels"))
    managed = next((label for label in MANAGED if labels.get(label) == "true"), None)
    if kind not in manifest.capabilities["queueKinds"] or managed is None or manifest.annotations.get(PROFILE):
        return
    own = mapping(mapping(manifest.object.get("metadata")).get("labels"))
    if not text(own.get(QUEUE)):
        yield Problem(
            pointer=("metadata", "labels", QUEUE),
            message=f"where Kueue is on, it is refused without a queue: its namespace has the label {managed}",
            hint=f"write the label {QUEUE}: with the name of a LocalQueue of {shown(manifest.namespace)}",
            severity=Severity.WARNING,
        )


@rule(
    code="ADM151",
    title="Profiles are not those of an earlier dashboard",
    stage="webhook",
    when=having("replacedKinds"),
)
def replaced_kind(manifest: Manifest) -> Iterator[Problem]:
    """Those that are live stay as they are: none is made or changed."""
    written = f"{text(manifest.object.get('apiVersion'))} {text(manifest.object.get('kind'))}"
    if written in manifest.capabilities["replacedKinds"]:
        yield Problem(
            pointer=("kind",),
            message=f"{written} is not supported any more",
            hint=f"write {manifest.capabilities['replacedKinds'][written]}",
        )
