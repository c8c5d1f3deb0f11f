"""A row of a plan, and the words that rows are made of."""

from __future__ import annotations

from typing import Literal

from modelfleet.plan.effect import Effect
from modelfleet.plan.effects import Impact, ObjectChange
from modelfleet.records import dataclass
from modelfleet.serving.workloads import Key

State = Literal["added", "changed", "removed", "moved"]

PROJECT = "Project"
"""Stands for a kind in the row of a project as a whole."""

SET = "ApplicationSet"
"""The kind that says to which cluster an environment is synced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing that changes. `consequences` begin with the heaviest; `what` says which fields, in a few words.

    `command` removes by hand what Argo CD leaves. `models` are those that change in a row that is of several. `idle`:
    nothing of what it is about runs or keeps data.
    """

    project: str
    key: Key
    state: State
    what: tuple[str, ...]
    consequences: tuple[Impact, ...]
    objects: tuple[ObjectChange, ...]
    command: str | None = None
    models: tuple[Key, ...] = ()
    idle: bool = False

    @property
    def effect(self) -> Effect:
        """The heaviest effect."""
        return self.consequences[0].effect if self.consequences else Effect.NOTHING

    @property
    def destroys(self) -> bool:
        """Whether something that runs or keeps data is deleted or recreated, which has to be acknowledged."""
        return not self.idle and any(one.effect.value.destroys for one in self.consequences)

    @property
    def left_behind(self) -> bool:
        """Whether all that has to be acknowledged of it stays on the cluster."""
        return all(one.effect.value.stays for one in self.consequences if one.effect.value.destroys)

    @property
    def label(self) -> str:
        """Kind and name, as acknowledgements spell them."""
        return f"{self.key[0]}/{self.key[1]}"
