"""What changed, in a few words for people: fields by the names that `data/fields.yaml` gives them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from modelfleet.kubernetes.differences import ABSENT, FieldDifference, FieldPath
from modelfleet.plan.consequences import replicas_text
from modelfleet.plan.effect import Effect
from modelfleet.plan.effects import Impact, ObjectChange, code, rule_for
from modelfleet.plan.values import both_texts, masked, value_text
from modelfleet.serving.knowledge import knowledge
from modelfleet.serving.workloads import RunningWorkload, ServingMode
from modelfleet.spec.fields import FieldWords, phrases, words_for

_MOST_NAMED = 5
_MOST_ITEMS = 3


def said(changes: Sequence[ObjectChange], mode: ServingMode | None) -> tuple[str, ...]:
    """What changed, in a few words each: what has a name of its own first, and of that what matters to the pods."""
    found: dict[str, tuple[tuple[bool, bool, int], str]] = {}
    unnamed: dict[str, int] = {}
    for change in changes:
        for step in change.steps:
            words = words_for(change.key[0], mode, step.path)
            label, word = _named(words, step.path) or _label(step.path), step.path[1] if len(step.path) > 2 else ""
            if not words.says and word in ("annotations", "labels"):
                unnamed[word] = unnamed.get(word, 0) + 1
                label = word if unnamed[word] > 1 else label
                if unnamed[word] == 2:
                    found = {key: item for key, item in found.items() if not key.startswith(word.removesuffix("s"))}
            text = f"{unnamed[label]} {label}" if label in unnamed else _worded(label, step, words)
            effect = rule_for(change.key[0], mode, step.path).effect
            order = (not words.first, not words.says, -effect.weight)
            old = found.get(label)
            whole = text if old is None or label in unnamed else _together(label, old[1], text)
            found[label] = (min(order, old[0]) if old else order, whole)
    ordered = [text for _, text in sorted(found.values(), key=lambda item: item[0])]
    rest = len(ordered) - _MOST_NAMED
    return tuple(ordered) if rest <= 1 else (*ordered[:_MOST_NAMED], f"{rest} more fields")


def _named(words: FieldWords, path: FieldPath) -> str:
    return words.says.replace("{}", code(path[-1])) if path else words.says


def _together(label: str, one: str, other: str) -> str:
    """Two fields of one name: both values where they are the same, as for the least and the most replicas."""
    ends = {text.removeprefix(label).strip() for text in (one, other)}
    return one if len(ends) == 1 else label


def _label(path: FieldPath) -> str:
    """A field that has no name of its own: by its last steps."""
    named = [step for step in path if step not in ("metadata", "spec", "predictor", "model")]
    if named and named[0] in ("annotations", "labels") and len(named) > 1:
        return f"{named[0].removesuffix('s')} {code(named[1])}"
    if len(named) > 1 and named[-2] in knowledge()["lists"]:
        return f"{named[-2].removesuffix('s')} {code(named[-1])}"
    if len(named) > 1 and "env" in named[:-1]:
        return f"env {code(named[named.index('env') + 1])}"
    return " ".join(code(step) if index else step for index, step in enumerate(named[-2:])) or "all of it"


def _worded(label: str, step: FieldDifference, words: FieldWords) -> str:
    if step.before == "" and isinstance(step.after, str):
        return _worded(label, FieldDifference(step.pointer, ABSENT, step.after), words)
    if step.after == "" and isinstance(step.before, str):
        return _worded(label, FieldDifference(step.pointer, step.before, ABSENT), words)
    for value, phrase in words.values:
        if step.after == value:
            return phrase
    if words.added and step.before is ABSENT:
        return words.added
    if words.removed and step.after is ABSENT:
        return words.removed
    if step.reordered:
        return f"{label} in another order"
    if isinstance(step.before, list) or isinstance(step.after, list):
        return f"{label} {items}" if (items := _items(step)) else label
    name = next((each for each in reversed(step.path) if each != "value"), "")
    old, new = both_texts(step.before, step.after, name)
    if step.before is ABSENT:
        return f"{label} {code(new)} added" if new else f"{label} added"
    if step.after is ABSENT:
        return f"{label} {code(old)} removed" if old else f"{label} removed"
    return f"{label} {code(old)} → {code(new)}" if old and new else label


def _items(step: FieldDifference) -> str:
    """The items of a list of plain values that came and went; of an option with another value, both values."""
    old, new = (masked(each) if isinstance(each, list) else [] for each in (step.before, step.after))
    if any(isinstance(item, dict | list) for item in (*old, *new)):
        return ""
    lost, found = ([item for item in one if item not in other] for one, other in ((old, new), (new, old)))
    gone, come = ([value_text(item) for item in items] for items in (lost, found))
    if len(lost) == len(found) == 1:
        (option, sign, before), (other, _, after) = str(lost[0]).partition("="), str(found[0]).partition("=")
        if sign and option == other and before and after:
            was, now = both_texts(before, after, option)
            return f"{code(value_text(option))} {code(was)} → {code(now)}"
        gone, come = ([text] for text in both_texts(lost[0], found[0]))
    words = [*(f"−{code(item)}" for item in gone), *(f"+{code(item)}" for item in come)]
    return " ".join(words) if 0 < len(words) <= _MOST_ITEMS else ""


_MOST_LISTED = 6

MAX_URLS = 2
"""Of more addresses than these only the first is named."""


def names(found: Iterable[str]) -> str:
    """Names for a text, not too many of them."""
    words = [code(name) for name in found]
    rest = len(words) - _MOST_LISTED
    return ", ".join(words[:_MOST_LISTED]) + (f" and {rest} more" if rest > 0 else "")


def objects_named(objects: Iterable[ObjectChange]) -> str:
    """Objects for a text."""
    return ", ".join(f"{item.key[0]} {code(item.key[1])}" for item in objects)


def what_changed(objects: Sequence[ObjectChange], old: RunningWorkload, new: RunningWorkload) -> tuple[str, ...]:
    """What changed in a few words; least and most replicas are spoken of together, where they are others."""
    both = (replicas_text(old), replicas_text(new))
    same = both[0] == both[1] or (old.server is None) != (new.server is None)
    ranges = () if same else (f"replicas {code(both[0])} → {code(both[1])}",)
    changed = said([item for item in objects if item.steps], new.mode)
    words = [(word,) for word in changed if not _as_before(word, old, new)]
    if changed and not words:
        words = [("written differently",)]
    found = [*(part for word in words for part in (ranges if word[0].startswith("replicas") else word))]
    return (*found, *came_and_went(objects)) or ("replicas",)


def _as_before(word: str, old: RunningWorkload, new: RunningWorkload) -> bool:
    """Whether the word speaks of a route or of tokens that are there, or not there, on both sides.

    Each mode has a label of its own for its route, and what one release takes for granted another has to be told.
    """
    if old.address and new.address and word in phrases("token authorization"):
        return old.address.guarded == new.address.guarded
    routed = [bool(one.address and one.address.external) for one in (old, new)]
    return old.mode != new.mode and routed[0] == routed[1] and word in phrases("route")


def came_and_went(objects: Sequence[ObjectChange]) -> tuple[str, ...]:
    """The kinds of objects that are new, and of those that are gone; Secrets by their names, for there may be several."""
    words = []
    for state, word in (("added", "new"), ("removed", "removed")):
        here = [item.key for item in objects if item.state == state]
        kinds = [f"{kind} {code(name)}" if kind == "Secret" else kind for kind, name in here]
        if kinds:
            words.append(f"{word}: {', '.join(dict.fromkeys(kinds))}")
    return tuple(words)


def ordered(found: Iterable[Impact]) -> tuple[Impact, ...]:
    """The heaviest first, each once."""
    return tuple(sorted(dict.fromkeys(found), key=lambda item: -item.effect.weight)) or (Impact(Effect.NOTHING),)


def few(found: Iterable[Impact]) -> Iterator[Impact]:
    """Of many consequences with the same effect the first, and how many more there are."""
    by_effect: dict[Effect, list[Impact]] = {}
    for one in dict.fromkeys(found):
        by_effect.setdefault(one.effect, []).append(one)
    for effect, here in by_effect.items():
        if len(here) > MAX_URLS:
            yield Impact(effect, f"{here[0].text}, and so for {len(here) - 1} more")
        else:
            yield from here
