"""The stops of a train: pull requests, and the upgrades of the operator between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from fractions import Fraction

from modelfleet.migrate.migrate import RepositoryState
from modelfleet.migrate.step import Move
from modelfleet.plan.row import Row
from modelfleet.records import dataclass
from modelfleet.resolve.fleet import DeployedProject
from modelfleet.spec.load import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaRaise:
    """A resource of which a project needs more for a while than its quota has."""

    project: str
    resource: str
    hard: Fraction
    needed: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """A pull request: the hand-written files that it changes, and the repository before and after it.

    `rows` are what merging it does to each project; `release` is what runs at that moment. `step` is that of a migration.
    """

    slug: str
    title: str
    release: str
    before: RepositoryState
    after: RepositoryState
    documents: tuple[Document, ...]
    rows: tuple[Row, ...]
    project: str | None = None
    step: str | None = None
    moves: tuple[Move, ...] = ()
    remarks: tuple[str, ...] = ()
    raises: tuple[QuotaRaise, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorUpgrade:
    """The operator goes from one release to the next, while Git stays as it is.

    `profiles` are the hardware profiles that it writes into models, `modes` the words that a webhook of the new release
    replaces in them; both by what is written, with the models as `project/name`.
    """

    start: str
    goal: str
    state: RepositoryState
    profiles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    modes: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)


Stop = Merge | OperatorUpgrade


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that has to be done by hand first: where it stands in the train, what is wrong, and the way out."""

    where: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """The train of an environment along a road. Where there are obstacles it ends at the first that bars the road."""

    environment: str
    road: tuple[str, ...]
    start: RepositoryState
    stops: tuple[Stop, ...]
    obstacles: tuple[Obstacle, ...]

    @property
    def merges(self) -> tuple[Merge, ...]:
        """Its pull requests."""
        return tuple(stop for stop in self.stops if isinstance(stop, Merge))

    def alive(self, index: int) -> tuple[str, ...]:
        """The releases that run while Git is as this pull request leaves it: two, where the operator is upgraded next."""
        stop, following = self.stops[index], self.stops[index + 1 : index + 2]
        here = (stop.release,) if isinstance(stop, Merge) else (stop.start, stop.goal)
        return (*here, *(one.goal for one in following if isinstance(one, OperatorUpgrade) and one.goal not in here))


def in_environment(state: RepositoryState, environment: str) -> dict[str, DeployedProject]:
    """The projects of an environment, by name."""
    return {one.project.name: one for one in state.fleet.deployed if one.project.environment.name == environment}
