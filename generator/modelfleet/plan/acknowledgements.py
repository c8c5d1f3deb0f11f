"""What a change destroys has to be acknowledged in the reviewed files: what needs that, where it is written, what is stale."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from modelfleet.finding import Finding, Location, Severity
from modelfleet.layout import BASE_FILE
from modelfleet.plan.row import PROJECT, SET, Row
from modelfleet.records import dataclass
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.model import Project
from modelfleet.wording import listed, printable

if TYPE_CHECKING:
    from modelfleet.spec.load import Document


LARGEST_SHARE = 5
"""Where more than one in so many models of an environment goes at once, that needs an acknowledgement of its own."""

_SMALL_FLEET = 2
"""A share of so few models says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """An acknowledgement as it stands in a file; `project` is None in an environment's file."""

    text: str
    at: Location
    environment: str
    project: str | None

    @property
    def shared(self) -> bool:
        """Whether it stands in base.yaml, and so in every environment."""
        return self.at.file == BASE_FILE

    def concerns(self, environments: Collection[str]) -> bool:
        """Whether it speaks of these environments and no others."""
        return self.environment in environments and not self.shared


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredAck:
    """Something that needs an acknowledgement, where that is to be written, and where it has one.

    `project` is the one in whose file; None for the environment's. `left_behind`: what it is about stays on the cluster.
    """

    text: str
    environment: str
    project: str | None
    left_behind: bool
    at: Location
    answers: tuple[Location, ...]

    @property
    def given(self) -> bool:
        """Whether it is acknowledged."""
        return bool(self.answers)


def acknowledgements_of(
    environments: Mapping[str, Environment], projects: Iterable[Project]
) -> Iterator[Acknowledgement]:
    """Every acknowledgement in the files."""
    for name, environment in environments.items():
        for index, text in enumerate(environment.acknowledged):
            at = environment.facts.at(("acknowledge", index))
            yield Acknowledgement(text=str(text), at=at, environment=name, project=None)
    for project in projects:
        for index, text in enumerate(project.spec.data.get("acknowledge") or ()):
            at = project.spec.at(("acknowledge", index))
            yield Acknowledgement(text=str(text), at=at, environment=project.environment.name, project=project.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destruction:
    """What one environment loses: its rows, how many models it had and how many of them go, whether all of it goes."""

    environment: str
    rows: Sequence[Row]
    models: int
    gone: int
    all: bool

    @property
    def large(self) -> bool:
        """Whether so many models go at once that it needs an acknowledgement of its own."""
        share = self.gone * LARGEST_SHARE > self.models
        return not self.all and self.gone > 1 and self.models > _SMALL_FLEET and share

    @property
    def many(self) -> str:
        """The words of that acknowledgement."""
        return f"many-models/{self.environment}"


def required_acks(
    loss: Destruction,
    written: Sequence[Acknowledgement],
    environments: Mapping[str, Environment],
    projects: Sequence[Project],
) -> list[RequiredAck]:
    """What has to be acknowledged in an environment."""
    name = loss.environment
    here = {one.name: one for one in projects if one.environment.name == name}
    found = []
    wanted: dict[tuple[str, str | None], bool] = {}
    for text, project, row in wanted_acks(loss):
        wanted[text, project] = wanted.get((text, project), True) and row.left_behind
    for (text, project), left_behind in wanted.items():
        places = {project, text.removeprefix("project/") if text.startswith("project/") else project}
        answers = tuple(
            one.at
            for one in written
            if one.text == text and one.project in places and (one.environment == name or loss.all)
        )
        at = _place(here[project], name) if project in here else _environment_place(name, environments)
        found.append(
            RequiredAck(text=text, environment=name, project=project, left_behind=left_behind, at=at, answers=answers)
        )
    return found


def wanted_acks(loss: Destruction) -> Iterator[tuple[str, str | None, Row]]:
    """The words of the acknowledgements, the project in whose file each belongs (None: the environment's), what asks for it."""
    environment = f"environment/{loss.environment}"
    lost = [row for row in loss.rows if row.destroys]
    if loss.all:
        yield from ((environment, None, row) for row in lost)
        return
    whole = {row.project for row in lost if row.key[0] == PROJECT}
    for row in lost:
        if row.key[0] == PROJECT:
            yield f"project/{row.project}", None, row
        elif row.key[0] == SET:
            yield environment, None, row
        elif row.project not in whole:
            yield row.label, row.project, row
    if loss.large:
        yield from ((loss.many, None, row) for row in lost)


def _place(project: Project, environment: str) -> Location:
    document = project.spec.source.document
    return document.key_at(("environments", environment, "acknowledge"))


def _environment_place(name: str, environments: Mapping[str, Environment]) -> Location:
    environment = environments.get(name)
    if environment is None:
        for other in environments.values():
            if other.facts.source.document.file == BASE_FILE:
                return other.facts.source.document.key_at(("acknowledge",))
        return Location(BASE_FILE)
    document: Document = (environment.facts.top or environment.facts.source).document
    return document.key_at(("acknowledge",))


def missing_acks(found: Sequence[RequiredAck]) -> Iterator[Finding]:
    """One finding for each file that lacks acknowledgements, with the line to write."""
    places = dict.fromkeys((need.environment, need.project) for need in found if not need.given)
    for environment, project in places:
        here = [need for need in found if (need.environment, need.project) == (environment, project)]
        lacking = [need for need in here if not need.given]
        does = "leaves behind" if all(need.left_behind for need in lacking) else "destroys"
        texts = listed([need.text for need in lacking])
        block = f"environments.{environment}" if project is not None else ""
        line = f"acknowledge: [{', '.join(need.text for need in sorted(here, key=lambda need: not need.given))}]"
        where = f"under {block} " if block else ""
        yield Finding(
            at=here[0].at,
            code="PLAN001",
            path=f"{block}.acknowledge" if block else "acknowledge",
            message=f"merging {does} what nobody has acknowledged: {printable(texts)}",
            hint=f"if that is meant, write {where}`{printable(line)}`",
            environments=(environment,),
            policy=True,
        )


def stale_acks(found: Sequence[RequiredAck], written: Sequence[Acknowledgement]) -> Iterator[Finding]:
    """Acknowledgements that nothing needs any more; one that is shared counts as needed where any environment needs it."""
    used = {at for need in found for at in need.answers}
    for at, one in {one.at: one for one in written if one.at not in used}.items():
        missed = (
            need for need in found if not need.given and (need.environment, need.text) == (one.environment, one.text)
        )
        meant = next(missed, None)
        yield Finding(
            at=at,
            code="PLAN002",
            path="acknowledge" if one.project is None else f"environments.{one.environment}.acknowledge",
            message=f"{one.text!r} acknowledges nothing {'here' if meant else 'that this change does'}",
            hint=f"write it {_where(meant)} instead" if meant else "remove it once it is merged",
            severity=Severity.WARNING,
            environments=() if one.shared else (one.environment,),
        )


def _where(need: RequiredAck) -> str:
    return f"in {need.at.file}" + (f", under environments.{need.environment}," if need.project is not None else "")
