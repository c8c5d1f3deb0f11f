"""A plan as a value: what merging does to each environment, and what of it has to be acknowledged."""

from __future__ import annotations

from collections.abc import Sequence

from modelfleet.finding import Finding
from modelfleet.plan.acknowledgements import (
    RequiredAck,
)
from modelfleet.plan.effect import Effect
from modelfleet.plan.figures import Figures
from modelfleet.plan.row import Row
from modelfleet.records import dataclass


class NoSuchEnvironment(Exception):
    """An environment was asked for that is neither in the files nor at the revision; `known` are those that are."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(name)
        self.name, self.known = name, tuple(known)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentPlan:
    """What happens to one environment. `state` is `added`, `changed`, `removed` or `unchanged`; `rows` begin with the heaviest.

    `differs`: files differ, though maybe in nothing that matters. `facts` are the cluster facts that change, `remarks` what
    else is to be known; `needs` are the acknowledgements that it takes.
    """

    name: str
    state: str
    differs: bool
    prune: bool
    figures: Figures
    facts: tuple[str, ...]
    remarks: tuple[str, ...]
    rows: tuple[Row, ...]
    needs: tuple[RequiredAck, ...]

    @property
    def effect(self) -> Effect:
        """The heaviest effect on a model."""
        return max((row.effect for row in self.rows), key=lambda effect: effect.weight, default=Effect.NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole plan. `revision` is what it compares with in the user's words, `commit` the commit of that.

    `stale` are generated files that are not as a fresh render would write them. `built` names folders that took the real
    kustomize, with the reason. `findings` are missing acknowledgements (errors) and stale ones (warnings).
    """

    revision: str
    commit: str
    stale: tuple[str, ...]
    built: tuple[str, ...]
    environments: tuple[EnvironmentPlan, ...]
    findings: tuple[Finding, ...]

    @property
    def changes(self) -> bool:
        """Whether anything has an effect or is at least another object."""
        return any(one.rows or one.facts for one in self.environments)
