"""The queues of Kueue in which models wait for their accelerators."""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.finding import Severity
from modelfleet.resolve.model import Project
from modelfleet.rules import Violation, having
from modelfleet.rules.spec.subjects import OfEnvironment, OfModel, spec_rule
from modelfleet.wording import choices, did_you_mean


@spec_rule("QUE001", "The environment has no such queue")
def unknown_queue(subject: OfModel) -> Iterator[Violation]:
    queue, queues = subject.model.queue, subject.environment.queues
    if queue is None or queues is None or queue in queues:
        return
    yield Violation(
        pointer=(*subject.model.pointer, "queue"),
        message=f"there is no queue {queue!r}: its pods would wait forever",
        hint=did_you_mean(queue, queues, choices(list(queues)) if queues else "remove queue, or add it to queues"),
        see=subject.environment.facts.key_at(("queues",)),
    )


@spec_rule("QUE002", "The hardware profile puts the pods into another queue", when=having("hardwareProfiles"))
def other_queue_of_profile(subject: OfModel) -> Iterator[Violation]:
    queue, profile = subject.model.queue, subject.model.hardware.profile
    if queue is not None and profile is not None and profile.queue is not None and queue != profile.queue:
        yield Violation(
            pointer=(*subject.model.pointer, "queue"),
            message=f"hardware profile {profile.name!r} puts its pods into queue {profile.queue!r}",
            hint="remove queue, or choose hardware whose profile leads to it",
        )


@spec_rule("QUE003", "Where Kueue manages the namespace, every model names its queue", when=having("queueKinds"))
def without_its_queue(subject: OfModel) -> Iterator[Violation]:
    model, environment = subject.model, subject.environment
    kind = "InferenceService" if model.llm is None else "LLMInferenceService"
    if environment.queues is None or model.waits_in or kind not in environment.can("queueKinds"):
        return
    others = queued(subject.project)
    title = environment.release.title if environment.release else "the release"
    when = f"{others[0]!r} waits in a queue" if others else "Kueue manages the namespace"
    yield Violation(
        pointer=model.pointer,
        message=f"{title} refuses a model without a queue where {when}",
        hint=f"add queue: {next(iter(environment.queues), '...')}",
        severity=Severity.ERROR if others else Severity.WARNING,
    )


def queued(project: Project) -> tuple[str, ...]:
    """The models of a project that wait in a queue."""
    return tuple(model.name for model in project.models if model.waits_in)


@spec_rule("ENV015", "A hardware profile leads to a queue that is not there", when=having("hardwareProfiles"))
def profile_to_unknown_queue(subject: OfEnvironment) -> Iterator[Violation]:
    environment = subject.environment
    queues = environment.queues
    for section, offers in (("sizes", environment.sizes), ("accelerators", environment.accelerators)):
        for name, offer in offers.items():
            profile = offer.hardware_profile
            if queues is not None and profile is not None and profile.queue and profile.queue not in queues:
                yield Violation(
                    pointer=(section, name, "hardwareProfile", "queue"),
                    message=f"queues has no {profile.queue!r}",
                    hint=did_you_mean(profile.queue, queues, choices(list(queues)) if queues else "add it to queues"),
                )
