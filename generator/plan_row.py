"""A row of a plan, and the words that rows are made of."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from generator.argocd import application_name, line
from generator.plan_change import ProjectChange, Successor
from generator.plan_effects import Consequence, Effect, ObjectChange, code, replicas_text
from generator.plan_words import phrases, said
from generator.plan_workloads import LLM_CONFIG, MODELS, RUNTIME, Key, Serving

State = Literal["added", "changed", "removed", "moved"]

PROJECT = "Project"
"""Stands for a kind in the row of a project as a whole."""

SET = "ApplicationSet"
"""The kind that says to which cluster an environment is synced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing that changes. `consequences` begin with the heaviest; `what` says which fields, in a few words.

    `destroys` is set where a model or server goes or is made anew; `command` removes by hand what Argo CD leaves. `models`
    are those that change in a row that is of several.
    """

    project: str
    key: Key
    state: State
    what: tuple[str, ...]
    consequences: tuple[Consequence, ...]
    objects: tuple[ObjectChange, ...]
    destroys: bool = False
    command: str | None = None
    models: tuple[Key, ...] = ()

    @property
    def effect(self) -> Effect:
        """The heaviest effect."""
        return self.consequences[0].effect if self.consequences else Effect.NOTHING

    @property
    def label(self) -> str:
        """Kind and name, as acknowledgements spell them."""
        return f"{self.key[0]}/{self.key[1]}"


_MOST_LISTED = 6
MOST_URLS = 2
"""Of more addresses than these only the first is named."""


def names(found: Iterable[str]) -> str:
    """Names for a text, not too many of them."""
    words = [code(name) for name in found]
    rest = len(words) - _MOST_LISTED
    return ", ".join(words[:_MOST_LISTED]) + (f" and {rest} more" if rest > 0 else "")


def objects_named(objects: Iterable[ObjectChange]) -> str:
    """Objects for a text."""
    return ", ".join(f"{item.key[0]} {code(item.key[1])}" for item in objects)


def what_changed(objects: Sequence[ObjectChange], old: Serving, new: Serving) -> tuple[str, ...]:
    """What changed in a few words; least and most replicas are spoken of together, where they are others."""
    both = (replicas_text(old), replicas_text(new))
    same = both[0] == both[1] or (old.server is None) != (new.server is None)
    ranges = () if same else (f"replicas {code(both[0])} → {code(both[1])}",)
    words = [
        (word,) for word in said([item for item in objects if item.steps], new.mode) if not _as_before(word, old, new)
    ]
    found = [*(part for word in words for part in (ranges if word[0].startswith("replicas") else word))]
    return (*found, *came_and_went(objects)) or ("replicas",)


def _as_before(word: str, old: Serving, new: Serving) -> bool:
    """Whether the word speaks of a route that is there, or not there, in either mode: each mode has a label of its own."""
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


def ordered(found: Iterable[Consequence]) -> tuple[Consequence, ...]:
    """The heaviest first, each once."""
    return tuple(sorted(dict.fromkeys(found), key=lambda item: -item.effect.weight)) or (Consequence(Effect.NOTHING),)


def deletion(change: ProjectChange, objects: Sequence[ObjectChange], *, again: bool = False) -> str | None:
    """The command that removes objects from the namespace in which they are; `again`: Argo CD is to make them anew.

    Argo CD tries a commit whose sync failed a few times and then no more, so it has to be told. What another project has
    there from now on is handed over to it instead; and with a Namespace everything in it would go.
    """
    side = change.before
    if side is None:
        return None
    there = [item.key for item in objects if item.before is not None]
    commands = []
    if gone := [key for key in there if key not in change.passed_on and key[0] != "Namespace"]:
        commands.append(shlex.join(["oc", "delete", "-n", side.namespace, *_listed(gone)]))
        commands += [_sync(side.environment.name, change.name)] if again else []
    if change.successor is not None and (shared := [key for key in there if key in change.passed_on]):
        commands.append(handover(shared, change.successor))
    return " && ".join(commands) or None


def handover(keys: Iterable[Key], to: Successor) -> str:
    """The command by which objects of one project become those of another's Application, which else may not touch them."""
    environment = to.side.environment
    words = ["-n", to.side.namespace, *_listed(keys)]
    if line(str(environment.get("argocd", "version"))).tracking == "label":
        application = application_name(environment.name, to.name)
        command = ["oc", "label", "--overwrite", *words, f"app.kubernetes.io/instance={application}"]
    else:
        command = ["oc", "annotate", *words, "argocd.argoproj.io/tracking-id-"]
    return f"{shlex.join(command)} && {_sync(environment.name, to.name)}"


def passed_on(change: ProjectChange) -> Iterator[Consequence]:
    """What becomes of the objects that another project has from now on."""
    if change.successor is not None and change.passed_on:
        text = (
            f"what {code(change.successor.name)} has there, too, becomes its own: Argo CD refuses to sync it as long as it is "
            "marked as this project's"
        )
        yield Consequence(Effect.NOTHING, text)


def application_left(change: ProjectChange) -> Iterator[Consequence]:
    """The Application of a project that leaves an environment: no ApplicationSet deletes it."""
    if change.before is None or change.environment_goes:
        return
    environment = change.before.environment
    command = ["oc", "delete", "application", application_name(environment.name, change.name)]
    if namespace := environment.get("argocd", "namespace"):
        command += ["-n", str(namespace)]
    text = f"its Application stays, too, and no longer finds its folder: then {code(shlex.join(command))} where Argo CD runs"
    yield Consequence(Effect.NOTHING, text)


def _listed(keys: Iterable[Key]) -> list[str]:
    """Objects for a command, the models first."""
    order = {kind: index for index, kind in enumerate((*MODELS, RUNTIME, LLM_CONFIG))}
    return [f"{kind.lower()}/{name}" for kind, name in sorted(keys, key=lambda key: order.get(key[0], len(order)))]


def _sync(environment: str, project: str) -> str:
    return shlex.join(["argocd", "app", "sync", application_name(environment, project)])


def few(found: Iterable[Consequence]) -> Iterator[Consequence]:
    """Of many consequences with the same effect the first, and how many more there are."""
    by_effect: dict[Effect, list[Consequence]] = {}
    for one in dict.fromkeys(found):
        by_effect.setdefault(one.effect, []).append(one)
    for effect, here in by_effect.items():
        if len(here) > MOST_URLS:
            yield Consequence(effect, f"{here[0].text}, and so for {len(here) - 1} more")
        else:
            yield from here
