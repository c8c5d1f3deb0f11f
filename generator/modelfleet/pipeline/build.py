"""The straight line from hand-written files to files to write, each stage for all files at once.

`repository` loads, validates and resolves; `projects` checks, renders and overlays one project, of a large fleet several at a
time; what Argo CD needs is made here. What is wrong is collected, and where it is an error, the line stops when all specs are
judged, and again when all objects are. Nothing here writes or prints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from modelfleet.finding import Finding, Rejected
from modelfleet.kustomize.overlay import base_files
from modelfleet.layout import APPLICATION_FILE, argocd_folder, environment_file, project_file
from modelfleet.pipeline import workers
from modelfleet.pipeline.acceptances import acceptances_of, with_acceptances
from modelfleet.pipeline.beside import ObjectsBeside
from modelfleet.pipeline.project import (
    BuildContext,
    ProjectResult,
    RecalledProject,
    brief_of_environment,
    build_project,
    rulebooks,
    sealed_files,
)
from modelfleet.pipeline.remembered import FilesOnDemand
from modelfleet.pipeline.repository import (
    Repository,
    resolved_projects,
    settle_environments,
    shared_facts,
    stop_on_errors,
)
from modelfleet.render import argocd
from modelfleet.resolve.catalog import RuntimeCatalog
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.fleet import DeployedProject, Fleet, SyncedEnvironment
from modelfleet.resolve.model import Project
from modelfleet.rules import check as judge
from modelfleet.rules.check import Claims, claims_of
from modelfleet.spec.load import Document

if TYPE_CHECKING:
    from modelfleet.pipeline.recall import Recall


# Fewer models than this are made before another process could begin to help.
_WORTH_A_PROCESS = 200


def fleet_of(
    root: Path, repository: Repository, *, though_crowded: bool = False, recall: Recall | None = None
) -> Fleet:
    """What hand-written files mean that have been read already, or are only being thought of.

    `recall` holds what was made of projects before; they are not made again. Raises `Rejected` and `MachineFailed`.
    """
    warnings: list[Finding] = []
    environments, runtime_catalog = settle_environments(repository, warnings)
    known = recall.projects if recall is not None else {}
    part = recall.part if recall is not None else None
    names = [name for name in repository.projects if part is None or name in part]
    fresh = {name: repository.projects[name] for name in names if name not in known}
    resolved_in = _resolved(replace(repository, projects=fresh), environments, runtime_catalog)
    accepted = {
        name: known[name].accepted if name in known else acceptances_of((), resolved_in[name]) for name in names
    }
    written = [*acceptances_of(environments.values(), ()), *chain.from_iterable(accepted.values())]
    claims = {name: known[name].claims if name in known else claims_of(resolved_in[name]) for name in accepted}
    settled = Settled(environments, runtime_catalog, resolved_in, claims)
    try:
        found, made, shared = _built(root, repository, settled, warnings, (recall, though_crowded))
    except Rejected as rejected:
        raise Rejected(with_acceptances(rejected.findings, written, complete=False)) from None
    found = replace(
        found, warnings=tuple(with_acceptances(warnings, written, complete=part is None and not though_crowded))
    )
    if recall is not None:
        kept = {name: RecalledProject(result, claims[name], accepted[name]) for name, result in made.items()}
        recall.keep(repository, found, kept, shared)
    return found


class Settled(NamedTuple):
    """What the hand-written files mean, before it is judged: of projects, those that are not recalled."""

    environments: dict[str, Environment]
    runtime_catalog: RuntimeCatalog
    resolved_in: Mapping[str, Sequence[Project]]
    claims: Mapping[str, Claims]


def _resolved(
    repository: Repository, environments: Mapping[str, Environment], runtime_catalog: RuntimeCatalog
) -> dict[str, list[Project]]:
    found: dict[str, list[Project]] = {name: [] for name in repository.projects}
    for project in resolved_projects(repository, environments, runtime_catalog):
        found[project.name].append(project)
    return found


def _built(
    root: Path, repository: Repository, settled: Settled, warnings: list[Finding], how: tuple[Recall | None, bool]
) -> tuple[Fleet, dict[str, ProjectResult], dict[str, str]]:
    """Judges and renders everything; also what was made of projects, and the files that belong to no project."""
    environments, runtime_catalog, resolved_in, claims = settled
    recall, though_crowded = how
    findings = [*judge.check_environments(environments.values(), repository.projects, runtime_catalog)]
    whole = recall is None or recall.part is None
    findings += judge.check_fleet(claims.values(), environments) if whole else ()
    common = _common(root, repository, environments, runtime_catalog)
    common = replace(common, only_judged=bool(judge.errors_of(findings)))
    made = dict(zip(resolved_in, _outcomes(repository.projects, resolved_in, common), strict=True))
    known = recall.projects if recall is not None else {}
    outcomes = {name: known[name].result if name in known else made[name] for name in claims}
    stop_on_errors([*findings, *(each for outcome in outcomes.values() for each in outcome.spec_findings)], warnings)
    stop_on_errors([each for outcome in outcomes.values() for each in outcome.admission_findings], warnings)
    deployed = tuple(_deployed(outcomes, resolved_in, recall))
    synced, shared, overfull = _synced(environments, deployed, common if whole else None)
    if not though_crowded:
        crowded = (each for outcome in outcomes.values() for each in outcome.capacity_findings)
        stop_on_errors([*crowded, *overfull], warnings)
    found = Fleet(
        environments=environments,
        facts={name: brief_of_environment(environment) for name, environment in environments.items()},
        deployed=deployed,
        synced=synced,
        files=FilesOnDemand([*(partial(getattr, each, "files") for each in outcomes.values()), lambda: shared]),
        warnings=(),
    )
    return found, made, shared


def project_results(root: Path, repository: Repository) -> dict[str, ProjectResult]:
    """What becomes of each project of a repository that is in order."""
    environments, runtime_catalog = settle_environments(repository)
    resolved_in = _resolved(repository, environments, runtime_catalog)
    common = _common(root, repository, environments, runtime_catalog)
    return dict(zip(resolved_in, _outcomes(repository.projects, resolved_in, common), strict=True))


def _common(
    root: Path, repository: Repository, environments: Mapping[str, Environment], runtime_catalog: RuntimeCatalog
) -> BuildContext:
    return BuildContext(
        shared=shared_facts(repository),
        base=repository.base.file if repository.base else None,
        runtime_catalog=runtime_catalog,
        rules=rulebooks(environments),
        beside=_beside(root, repository, environments),
    )


def _synced(
    environments: Mapping[str, Environment], deployed: Sequence[DeployedProject], common: BuildContext | None
) -> tuple[tuple[SyncedEnvironment, ...], dict[str, str], list[Finding]]:
    """What Argo CD needs for each environment, in which files, and what finds no room on the nodes there.

    Of a part of the fleet (no `common`) only the files of its projects are made.
    """
    synced: list[SyncedEnvironment] = []
    written: dict[str, str] = {}
    overfull: list[Finding] = []
    for name, environment in environments.items():
        here = [one for one in deployed if one.brief.environment == name]
        facts = _argocd_facts(environment, here)
        written |= _application_files(facts, here)
        if common is None:
            continue
        if environment.nodes or environment.queues:
            from modelfleet.capacity.capacity import environment_findings

            overfull += environment_findings(environment, here)
        rendered = argocd.argocd_objects(facts, common.templates.of(environment))
        objects = tuple(one.object for one in rendered)
        written |= sealed_files(argocd_folder(name), base_files(objects), [environment_file(name)])
        synced.append(SyncedEnvironment(name, objects))
    return tuple(synced), written, overfull


def _deployed(
    outcomes: Mapping[str, ProjectResult], resolved_in: Mapping[str, Sequence[Project]], recall: Recall | None
) -> Iterator[DeployedProject]:
    """Every project in each of its environments; what was not resolved in this run is so when somebody asks for it."""
    for name, outcome in outcomes.items():
        for number, brief in enumerate(outcome.briefs):
            objects = partial(itemgetter(number), outcome.objects)
            if name in resolved_in:
                yield DeployedProject(brief, partial(itemgetter(number), resolved_in[name]), objects)
            elif recall is not None:
                yield DeployedProject(brief, partial(recall.origin.project, name, number), objects)


def _beside(root: Path, repository: Repository, environments: Mapping[str, Environment]) -> ObjectsBeside:
    """What stands beside the models, and what it is checked with."""
    if not repository.objects:
        return ObjectsBeside({}, {})
    from modelfleet.pipeline.needs import schemas_of
    from modelfleet.tools.crds import read_crds
    from modelfleet.tools.known_schemas import KnownSchemas

    crds = tuple(read_crds(root, repository.crds))
    known = {
        name: KnownSchemas(root, schemas_of(environment, root, exported=False), crds)
        for name, environment in environments.items()
        if environment.release is not None
    }
    return ObjectsBeside(repository.objects, known)


def _outcomes(
    documents: Mapping[str, Document], resolved_in: Mapping[str, Sequence[Project]], common: BuildContext
) -> list[ProjectResult]:
    """What becomes of each project, of a large fleet in as many processes as there are processors."""
    weights = [sum(project.served for project in here) for here in resolved_in.values()]

    def made(names: Sequence[str]) -> list[ProjectResult]:
        return [build_project(name, documents[name], resolved_in[name], common) for name in names]

    names = list(resolved_in)
    first = made(names[:1])  # what it loads and compiles is there in every process that is forked then
    parts = workers.shares(names[1:], weights[1:], _WORTH_A_PROCESS)
    return [*first, *(outcome for outcomes in workers.side_by_side(made, parts) for outcome in outcomes)]


def _argocd_facts(environment: Environment, deployed: Sequence[DeployedProject]) -> argocd.ArgocdFacts:
    return argocd.ArgocdFacts(
        environment=environment.name,
        destination=environment.cluster.destination,
        argocd=environment.argocd,
        projects={one.brief.name: one.brief.namespace for one in deployed},
        kinds=frozenset(argocd.Kind(*kind) for one in deployed for kind in one.brief.kinds),
        conditions=frozenset(condition for one in deployed for condition in one.brief.conditions),
    )


def _application_files(facts: argocd.ArgocdFacts, deployed: Sequence[DeployedProject]) -> dict[str, str]:
    """What the ApplicationSet of an environment reads of each project, in the project's own folder."""
    found: dict[str, str] = {}
    for one in deployed:
        name = one.brief.name
        content = {APPLICATION_FILE: argocd.application_file(facts, name)}
        found |= sealed_files(one.folder, content, [project_file(name), environment_file(facts.environment)])
    return found
