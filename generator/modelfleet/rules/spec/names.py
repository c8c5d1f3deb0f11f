"""Names that are derived from the spec's keys, and names that nobody may take."""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.finding import Pointer, Severity
from modelfleet.kubernetes.kinds import owned_name
from modelfleet.resolve.platform import platform_facts
from modelfleet.rules import Violation, having
from modelfleet.rules.spec.subjects import OfModel, OfProject, OfServer, spec_rule
from modelfleet.wording import choices, did_you_mean

LABEL = 63
"""Most characters of a DNS label (RFC 1123), which the host of a Route and the name of a Service must be."""


@spec_rule("NAME001", "A name made of the model's and the namespace is too long")
def host_too_long(subject: OfModel) -> Iterator[Violation]:
    model, namespace = subject.model, subject.project.namespace
    pattern = "{}-{}" if model.llm is not None else "{}-predictor-{}"
    made = pattern.format(model.name, namespace)
    if len(made) > LABEL:
        yield Violation(
            pointer=model.pointer,
            key=True,
            message=f"<name>{pattern[2:-2]}<namespace> is {made!r}, {len(made)} characters; a host name can have {LABEL}",
            hint=f"shorten the name or the namespace, by {len(made) - LABEL} in total",
        )


@spec_rule("NAME002", "A route's host made of the model's name and the namespace is too long", when=having("modelMesh"))
def served_host_too_long(subject: OfServer) -> Iterator[Violation]:
    for model in subject.server.models:
        made = f"{model.name}-{subject.project.namespace}"
        if subject.server.route and len(made) > LABEL:
            yield Violation(
                pointer=model.pointer,
                key=True,
                message=f"the route's host <name>-<namespace> is {made!r}, {len(made)} characters; it takes {LABEL}",
                hint=f"shorten the name or the namespace, by {len(made) - LABEL} in total",
            )


@spec_rule("NAME006", "A consumer calls a model that the project does not have")
def consumer_of_nothing(subject: OfProject) -> Iterator[Violation]:
    known = subject.project.model_names
    for consumer in subject.project.consumers:
        for index, name in enumerate(consumer.models):
            if name not in known:
                yield Violation(
                    pointer=(*consumer.pointer, "models", index),
                    message=f"the project has no model {name!r}",
                    hint=did_you_mean(name, known, choices(known)),
                )


@spec_rule("NAME003", "The dashboard's form accepts shorter names only")
def name_longer_than_form(subject: OfModel) -> Iterator[Violation]:
    release = subject.environment.release
    if release is not None and len(subject.model.name) > release.forms["nameMax"]:
        yield Violation(
            pointer=subject.model.pointer,
            key=True,
            message=f"{subject.model.name!r} has {len(subject.model.name)} characters; "
            f"the dashboard's form accepts {release.forms['nameMax']}",
            hint="the cluster accepts it, but nobody could create it in the dashboard",
            severity=Severity.WARNING,
        )


@spec_rule("NAME004", "A text would be expanded by External Secrets")
def expanded_text(subject: OfProject) -> Iterator[Violation]:
    for connection in subject.project.connections.values():
        written: dict[Pointer, str] = {
            (*connection.pointer, "displayName"): connection.display_name,
            (*connection.pointer, "description"): connection.description,
            **{connection.pointer_to(key): str(text) for key, text in connection.settings.items()},
        }
        for pointer, text in written.items():
            if "{{" in text and connection.secret:
                yield Violation(
                    pointer=pointer,
                    message="'{{' is expanded by External Secrets, which could put a key into the text",
                    hint="write it without braces",
                    policy=True,
                )


@spec_rule("NAME008", "A controller owns the Secret of that name")
def owned_secret(subject: OfProject) -> Iterator[Violation]:
    project = subject.project
    made = [(one.name, one.pointer) for one in project.connections.values() if one.secret]
    made += [(name, ("secrets", name)) for name in project.secrets]
    for name, pointer in made:
        if (owner := owned_name("Secret", name)) is not None:
            yield Violation(
                pointer=pointer,
                key=True,
                message=f"{owner.by} owns the Secret {name!r}: it {owner.does}, replacing whatever is there",
                hint="choose another name",
            )


@spec_rule("OWN001", "The namespace belongs to the system")
def system_namespace(subject: OfProject) -> Iterator[Violation]:
    namespace = subject.project.namespace
    protected, facts = subject.environment.can("protectedNamespaces") or (), platform_facts()
    if namespace in protected or facts.is_system(namespace):
        written = "namespace" in subject.project.spec.data
        yield Violation(
            pointer=("namespace",) if written else (),
            message=f"namespace {namespace!r} belongs to the system",
            hint="choose a namespace of the project's own",
            policy=True,
        )
