"""Models-as-a-Service: who may call a published model, as far as the environment says what the platform grants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modelfleet.finding import Severity
from modelfleet.resolve.maas import EVERYBODY, MaasGrant
from modelfleet.rules import Violation, having
from modelfleet.rules.spec.subjects import OfModel, spec_rule
from modelfleet.wording import listed

_ANYBODY = f"group {EVERYBODY}"


@spec_rule("MAAS001", "Tokens open no published model", when=having("maas"))
def tokens_beside(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    if not model.published:
        return
    for field in ("tokens", "callers"):
        if subject.written.get(field):
            yield Violation(
                pointer=(*model.pointer, field),
                key=True,
                message="the gateway of Models-as-a-Service requires an API key, and admits only those whom its policies name",
                hint=f"remove {field}, and have the platform team grant it in a policy and a subscription",
            )


@spec_rule("MAAS002", "A published model is granted to nobody", when=having("maas"))
def granted_to_nobody(subject: OfModel) -> Iterator[Violation]:
    """A model is ready once a policy and a subscription have it; who calls it has to be in both."""
    facts = subject.environment.maas
    if not subject.model.published or facts.policies is None or facts.subscriptions is None:
        return
    policies, subscriptions = _with(subject, facts.policies), _with(subject, facts.subscriptions)
    message, hint = "", ""
    if not policies or not subscriptions:
        missing = " and ".join([*([] if policies else ["policy"]), *([] if subscriptions else ["subscription"])])
        message = f"no {missing} of the environment names {_name(subject)}: it stays pending, and nobody can call it"
        hint = "add it to maas in the environment's file once the platform team has granted it"
    elif not _both(policies, subscriptions):
        message = f"{listed(_subjects(policies))} may call it, and have it in no subscription"
        hint = "a caller has to be in a policy and in a subscription: the platform team adds one of them"
    if message:
        yield Violation(
            pointer=(*subject.model.pointer, "maas"), key=True, message=message, hint=hint, severity=Severity.WARNING
        )


@spec_rule("MAAS003", "Policies add up: the widest counts", when=having("maas"))
def widest_policy(subject: OfModel) -> Iterator[Violation]:
    policies = _with(subject, subject.environment.maas.policies or {}) if subject.model.published else {}
    open_ones = [name for name, grant in policies.items() if _ANYBODY in grant.subjects]
    closed = [name for name in policies if name not in open_ones]
    if open_ones and closed:
        yield Violation(
            pointer=(*subject.model.pointer, "maas"),
            key=True,
            message=f"{listed(open_ones)} admits everybody who has logged in, so {listed(closed)} restricts nothing",
            hint="policies add up: keep the narrow ones alone, where they are meant",
            severity=Severity.WARNING,
        )


def _name(subject: OfModel) -> str:
    return f"{subject.project.namespace}/{subject.model.name}"


def _with(subject: OfModel, grants: Mapping[str, MaasGrant]) -> dict[str, MaasGrant]:
    return {name: grant for name, grant in grants.items() if _name(subject) in grant.models}


def _subjects(grants: Mapping[str, MaasGrant]) -> list[str]:
    return sorted({subject for grant in grants.values() for subject in grant.subjects})


def _both(policies: Mapping[str, MaasGrant], subscriptions: Mapping[str, MaasGrant]) -> bool:
    """Whether anybody may be in both; who is in a group is not known, so that a user may be in any."""
    may, has = set(_subjects(policies)), set(_subjects(subscriptions))
    return bool(may & has) or _ANYBODY in may | has or any(one.startswith("user ") for one in may | has)
