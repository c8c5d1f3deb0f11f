"""Makes the train: each pull request in memory, checked and rendered, and each upgrade of the operator in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from itertools import pairwise
from pathlib import Path

from modelfleet.finding import Rejected, Severity
from modelfleet.migrate.migrate import Migration, RepositoryState, TakenStep, rewritten_document, take
from modelfleet.migrate.step import NotMigratable
from modelfleet.pipeline.build import fleet_of
from modelfleet.pipeline.repository import with_environment
from modelfleet.plan.project_change import ProjectChange
from modelfleet.plan.project_rows import rows_of
from modelfleet.plan.row import Row
from modelfleet.records import dataclass
from modelfleet.rehearse.guard import not_admitted, openings
from modelfleet.rehearse.released import of_release, profile_remarks
from modelfleet.rehearse.rewrites import operator_upgrade
from modelfleet.rehearse.room import lacking_quota, with_quotas
from modelfleet.rehearse.stop import Merge, Obstacle, QuotaRaise, Stop, Train, in_environment
from modelfleet.resolve import catalog
from modelfleet.resolve.fleet import DeployedProject
from modelfleet.resolve.release import Capability
from modelfleet.rules.admission.rulebook import rulebook
from modelfleet.serving.workloads import ProjectState, project_state, running_workloads
from modelfleet.spec.load import Document

_LEFT: Mapping[str, Capability] = {"multi-model": "modelMesh", "advanced": "serverless", "llmd-scaling": "llmScaling"}
"""What is left where the next release on the road lacks a capability."""

_TITLES: Mapping[tuple[str, str], str] = {
    ("multi-model", "add"): "deployments beside the model servers",
    ("multi-model", "remove"): "the model servers go",
    ("advanced", "add"): "standard mode beside Knative",
    ("advanced", "remove"): "the Knative deployments go",
    ("llmd-scaling", "add"): "a fixed number of replicas",
}


def train_of(
    root: Path,
    start: RepositoryState,
    environment: str,
    road: tuple[str, ...],
    tell: Callable[[str], None] = lambda text: None,
) -> Train:
    """The train that brings an environment along a road; it begins with more quota where that is needed.

    `tell` is told of each pull request once it is made.
    """
    yard = _Yard(root, environment, start, tell)
    if raises := tuple(_lacking(root, start, environment, road)):
        yard.raise_quotas(raises, road[0])
    yard.drive(road)
    return Train(
        environment=environment,
        road=road,
        start=start,
        stops=tuple(yard.stops),
        obstacles=tuple(dict.fromkeys(yard.obstacles)),
    )


def _lacking(root: Path, start: RepositoryState, environment: str, road: tuple[str, ...]) -> Iterator[QuotaRaise]:
    """What the quotas lack: each project is brought along the road by itself, as if there were room for everything."""
    for project in in_environment(start, environment):
        alone = replace(start.repository, projects={project: start.repository.projects[project]})
        state = RepositoryState(alone, fleet_of(root, alone, though_crowded=True))
        trial = _Yard(root, environment, state, lambda text: None, though_crowded=True)
        trial.drive(road)
        yield from lacking_quota(trial.merges, environment)


@dataclass(slots=True)
class _Yard:
    """Where a train is put together: the state that it has come to, and what bars its road."""

    root: Path
    environment: str
    state: RepositoryState
    tell: Callable[[str], None]
    though_crowded: bool = False
    stops: list[Stop] = field(default_factory=list)
    obstacles: list[Obstacle] = field(default_factory=list)

    @property
    def merges(self) -> list[Merge]:
        return [stop for stop in self.stops if isinstance(stop, Merge)]

    def drive(self, road: tuple[str, ...]) -> None:
        """Adds all stops, as far as the road is free."""
        for here, there in pairwise(road):
            self.leave(here, there)
            self.obstacles += [Obstacle(there, text) for text in self.refused(there)]
            free = not self.obstacles
            if free:
                self.stops.append(operator_upgrade(self.state, self.environment, here, there))
            self.switch(here, there)
            if not free or self.obstacles:
                return

    def refused(self, release: str) -> Iterator[str]:
        """What the next release refuses of what is in Git; projects that could not be migrated are named already."""
        named = {one.where for one in self.obstacles}
        for text in not_admitted(self.state, self.environment, release):
            if text.partition(":")[0] not in named:
                yield text

    def leave(self, here: str, there: str) -> None:
        """The migrations away from what the next release lacks."""
        before, after = (catalog.release(name).capabilities for name in (here, there))
        for kind, capability in _LEFT.items():
            if before[capability] and not after[capability]:
                for project in in_environment(self.state, self.environment):
                    self.migrate(kind, project, here)

    def migrate(self, kind: str, project: str, release: str) -> None:
        asked = Migration(kind, project, frozenset([self.environment]))
        for step in ("add", "remove"):
            try:
                taken = take(self.root, self.state, asked, step, though_crowded=self.though_crowded)
            except NotMigratable as reason:
                self.obstacles.append(Obstacle(project, str(reason)))
                return
            except Rejected as rejected:
                self.reject(rejected, project)
                return
            if taken is not None and taken.documents and not self.append_step(taken, asked, step, release):
                return

    def append_step(self, taken: TakenStep, asked: Migration, step: str, release: str) -> bool:
        return self.append(
            Merge(
                slug=f"{asked.project}-{asked.kind}-{step}",
                title=f"{asked.project}: {_TITLES[asked.kind, step]}",
                release=release,
                before=taken.before,
                after=taken.after,
                documents=taken.documents,
                rows=_rows(taken.before, taken.after, self.environment),
                project=asked.project,
                step=step,
                moves=taken.step.moves,
                remarks=taken.step.remarks,
            )
        )

    def append(self, merge: Merge) -> bool:
        """Adds a pull request, unless it would let in somebody who was kept out."""
        opened = list(openings(merge.before, merge.after, self.environment, merge.moves))
        self.obstacles += [Obstacle(merge.project or self.environment, text) for text in opened]
        if opened:
            return False
        self.tell(merge.title)
        self.stops.append(merge)
        self.state = merge.after
        return True

    def reject(self, rejected: Rejected, where: str) -> None:
        named = {one.where for one in self.obstacles}
        for finding in rejected.findings:
            project = finding.at.file.removeprefix("projects/").removesuffix(".yaml")
            if finding.severity is Severity.ERROR and project not in named:
                self.obstacles.append(Obstacle(where, finding.text()))

    def raise_quotas(self, raises: tuple[QuotaRaise, ...], release: str) -> None:
        """The pull request that writes down the quotas which the others need."""
        document = self.state.repository.environments[self.environment]
        facts = self.state.fleet.environments[self.environment]
        changed = rewritten_document(document, with_quotas(document.data, facts, raises))
        after = self.with_file(changed)
        self.append(
            Merge(
                slug="quotas",
                title="more quota while old and new run side by side",
                release=release,
                before=self.state,
                after=after,
                documents=(changed,),
                rows=_rows(self.state, after, self.environment),
                raises=raises,
            )
        )

    def switch(self, here: str, there: str) -> None:
        """The pull request that renders for the release to which the operator was upgraded."""
        document = self.state.repository.environments[self.environment]
        facts = self.state.fleet.environments[self.environment]
        changed = rewritten_document(document, of_release(self.state, facts, document.data, there))
        try:
            after = self.with_file(changed)
        except Rejected as rejected:
            self.reject(rejected, there)
            return
        if self.obstacles:
            return
        self.append(
            Merge(
                slug=f"release-{catalog.short(there)}",
                title=f"render for {catalog.short(there)}",
                release=there,
                before=self.state,
                after=after,
                documents=(changed,),
                rows=_rows(self.state, after, self.environment),
                remarks=tuple(profile_remarks(facts, after.fleet.environments[self.environment], self.accelerators())),
            )
        )

    def accelerators(self) -> set[str]:
        """What the workloads of the environment use, by the environment's names."""
        projects = (one.project for one in in_environment(self.state, self.environment).values())
        used = (each.hardware.accelerator for project in projects for each in project.workloads)
        return {accelerator.name for accelerator in used if accelerator is not None}

    def with_file(self, document: Document) -> RepositoryState:
        repository = with_environment(self.state.repository, self.environment, document)
        return RepositoryState(repository, fleet_of(self.root, repository, though_crowded=self.though_crowded))


# ---- what merging does -----------------------------------------------------------------------------------------------


def _rows(before: RepositoryState, after: RepositoryState, environment: str) -> tuple[Row, ...]:
    """What a pull request does to each project of the environment, the heaviest first."""
    old, new = in_environment(before, environment), in_environment(after, environment)
    facts = after.fleet.environments[environment]
    release = facts.release
    rules = rulebook(release.capabilities, release.terms) if release else None
    rows: list[Row] = []
    for name, one in new.items():
        sides = _side(old[name]), _side(one)
        change = ProjectChange(
            name=name,
            before=sides[0],
            after=sides[1],
            was=running_workloads(sides[0]),
            now=running_workloads(sides[1]),
            prune=facts.argocd.prune,
        )
        rows += rows_of(change, rules)
    return tuple(sorted(rows, key=lambda row: (-row.effect.weight, row.project, row.key)))


def _side(one: DeployedProject) -> ProjectState:
    return project_state(one.project.environment, one.project.namespace, one.objects, one.project)
