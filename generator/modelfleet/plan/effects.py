"""What a change does to running models: a closed set of effects, from `data/effects.yaml` and from what models are.

Texts put names and values between backticks; whoever shows them decides what becomes of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

from modelfleet.finding import Severity
from modelfleet.kubernetes.differences import FieldDifference, FieldPath, differences
from modelfleet.kubernetes.objects import Object, Peers, by_name
from modelfleet.plan.effect import EFFECTS_BY_ID, Effect
from modelfleet.plan.meaning import by_meaning
from modelfleet.records import dataclass
from modelfleet.rules.admission.rulebook import Rulebook
from modelfleet.serving.knowledge import knowledge
from modelfleet.serving.workloads import Key, ProjectState, ServingMode
from modelfleet.spec.secret_shapes import HIDDEN, holds_shape
from modelfleet.wording import printable


@dataclass(frozen=True, slots=True)
class Impact:
    """One effect of a change, and in words what it means here."""

    effect: Effect
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRule:
    """What a change of a field does, and why."""

    effect: Effect
    reason: str


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """One object before and after (canonical), and the fields that differ where there is both."""

    key: Key
    before: Object | None
    after: Object | None
    steps: tuple[FieldDifference, ...]

    @property
    def state(self) -> str:
        """`added`, `removed` or `changed`."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


def code(value: object) -> str:
    """A name or a value for a text: printable, without what would end it."""
    text = HIDDEN if holds_shape(str(value)) else printable(str(value))
    return f"`{text.replace('`', chr(39))}`"


def plain_text(text: str) -> str:
    """A text without the marks around names and values."""
    return text.replace("`", "")


# ---- fields ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def rule_for(kind: str, mode: ServingMode | None, path: FieldPath) -> EffectRule:
    """The first rule for a field of a kind."""
    for entry in knowledge()["rules"]:
        if kind not in entry.get("kinds", (kind,)) or ("modes" in entry and mode not in entry["modes"]):
            continue
        if _fits(entry["at"], path):
            return EffectRule(effect=EFFECTS_BY_ID[entry["effect"]], reason=entry["reason"])
    raise AssertionError(path)


def removal(kind: str) -> EffectRule:
    """What it means that Argo CD deletes an object of a kind beside the models."""
    entry = next(one for one in knowledge()["removals"] if kind in one.get("kinds", (kind,)))
    return EffectRule(effect=EFFECTS_BY_ID[entry["effect"]], reason=entry.get("reason", ""))


def _fits(at: Sequence[str], path: FieldPath) -> bool:
    open_end = at[-1] == "**"
    steps = at[:-1] if open_end else at
    if len(path) < len(steps) or (len(path) > len(steps) and not open_end):
        return False
    return all(fnmatchcase(step, wanted) for step, wanted in zip(path, steps, strict=False))


def object_change(key: Key, before: Object | None, after: Object | None) -> ObjectChange | None:
    """The change of one object; None where its meaning stays."""
    if before is None or after is None:
        return ObjectChange(key, before, after, ())
    steps = tuple(step for step in differences(before, after, by_meaning) if step.path != ("metadata", "namespace"))
    return ObjectChange(key, before, after, steps) if steps else None


def field_effect(changes: Sequence[ObjectChange], mode: ServingMode | None) -> Effect:
    """The heaviest that changed fields do to the pods."""
    effects = [rule_for(change.key[0], mode, step.path).effect for change in changes for step in change.steps]
    return max(effects, key=lambda effect: effect.weight, default=Effect.NOTHING)


def effect_reason(changes: Sequence[ObjectChange], mode: ServingMode | None) -> str:
    """Why changed fields do nothing, where it is one reason for all of them."""
    rules = {rule_for(change.key[0], mode, step.path) for change in changes for step in change.steps}
    reasons = {rule.reason for rule in rules}
    return reasons.pop() if len(reasons) == 1 and all(rule.effect is Effect.NOTHING for rule in rules) else ""


# ---- refusals --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Admission:
    """The admission rules of a release, and the objects beside which an object is judged."""

    rules: Rulebook
    peers: Peers


def admission(after: ProjectState, rules: Rulebook) -> Admission:
    """What judges the objects of a project."""
    return Admission(rules, by_name(after.objects.values()))


def refusals(change: ObjectChange, judge: Admission) -> Iterator[Impact]:
    """What the cluster would answer to the update of a live object."""
    if change.before is None or change.after is None:
        return
    manifest = judge.rules.request(change.after, old_object=change.before, peers=judge.peers)
    for rule, violation in judge.rules.check(manifest):
        if rule.update and violation.severity is Severity.ERROR:
            effect = EFFECTS_BY_ID[knowledge()["refusals"].get(rule.code, "refused")]
            yield Impact(effect, code(f"{violation.message} ({rule.code})"))
