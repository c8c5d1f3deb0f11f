"""The straight line from hand-written files to files to write, each stage for all files at once.

`repository` loads, validates and resolves; `projects` checks, renders and overlays one project, of a large fleet several at a
time; what Argo CD needs is made here. What is wrong is collected, and where it is an error, the line stops when all specs are
judged, and again when all objects are. Nothing here writes or prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from modelfleet.capacity.capacity import environment_findings
from modelfleet.finding import Finding, MachineFailed, Rejected
from modelfleet.kubernetes.objects import Object
from modelfleet.kustomize.overlay import base_files
from modelfleet.layout import APPLICATION_FILE, CRDS, argocd_folder, environment_file
from modelfleet.pipeline import workers
from modelfleet.pipeline.acceptances import acceptances_of, with_acceptances
from modelfleet.pipeline.beside import ObjectsBeside
from modelfleet.pipeline.project import BuildContext, ProjectResult, build_project, rulebooks, sealed_files
from modelfleet.pipeline.repository import (
    Repository,
    load_repository,
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
from modelfleet.rules.spec.ownership import owners

if TYPE_CHECKING:
    from modelfleet.render.templates import Templates
    from modelfleet.tools.schemas import Needs


# Fewer models than this are made before another process could begin to help.
_WORTH_A_PROCESS = 200


def fleet(root: Path, *, though_crowded: bool = False) -> Fleet:
    """Everything that the hand-written files of a repository mean. Raises `Rejected` and `MachineFailed`.

    `though_crowded`: what finds no room in a cluster is no reason to stop.
    """
    return fleet_of(root, load_repository(root), though_crowded=though_crowded)


def fleet_of(root: Path, repository: Repository, *, though_crowded: bool = False) -> Fleet:
    """What hand-written files mean that have been read already, or are only being thought of."""
    warnings: list[Finding] = []
    environments, runtime_catalog = settle_environments(repository, warnings)
    projects = list(resolved_projects(repository, environments, runtime_catalog))
    accepted = acceptances_of(environments.values(), projects)
    settled = Settled(environments, runtime_catalog, projects)
    try:
        whole = _built(root, repository, settled, warnings, though_crowded=though_crowded)
    except Rejected as rejected:
        raise Rejected(with_acceptances(rejected.findings, accepted, complete=False)) from None
    return replace(whole, warnings=tuple(with_acceptances(whole.warnings, accepted, complete=not though_crowded)))


class Settled(NamedTuple):
    """What the hand-written files mean, before it is judged."""

    environments: dict[str, Environment]
    runtime_catalog: RuntimeCatalog
    projects: list[Project]


def _built(
    root: Path, repository: Repository, settled: Settled, warnings: list[Finding], *, though_crowded: bool
) -> Fleet:
    """Judges and renders everything. Raises `Rejected`."""
    environments, runtime_catalog, projects = settled
    findings = [*judge.check_environments(environments.values(), repository.projects, runtime_catalog)]
    findings += [*owners(projects), *judge.check_fleet(projects)]
    common = BuildContext(
        shared=shared_facts(repository),
        base=repository.base.file if repository.base else None,
        runtime_catalog=runtime_catalog,
        rules=rulebooks(environments),
        beside=_beside(root, repository, environments),
        only_judged=bool(judge.errors_of(findings)),
    )
    outcomes = _outcomes(repository, projects, common)
    stop_on_errors([*findings, *(finding for outcome in outcomes for finding in outcome.spec_findings)], warnings)
    stop_on_errors([finding for outcome in outcomes for finding in outcome.admission_findings], warnings)
    files = {path: text for outcome in outcomes for path, text in outcome.files.items()}
    objects = [each for outcome in outcomes for each in outcome.objects]
    deployed = [DeployedProject(project, made) for project, made in zip(projects, objects, strict=True)]
    synced, crowded = [], [finding for outcome in outcomes for finding in outcome.capacity_findings]
    for name, environment in environments.items():
        here = [one for one in deployed if one.project.environment.name == name]
        crowded += environment_findings(environment, here)
        applied, written = argocd_of(environment, here, common.templates.of(environment))
        synced.append(SyncedEnvironment(name, applied))
        files |= written
    if not though_crowded:
        stop_on_errors(crowded, warnings)
    return Fleet(environments, tuple(deployed), tuple(synced), files, tuple(warnings))


def _beside(root: Path, repository: Repository, environments: Mapping[str, Environment]) -> ObjectsBeside:
    """What stands beside the models, and what it is checked with."""
    if not repository.objects:
        return ObjectsBeside({}, {})
    from modelfleet.tools.crds import read_crds
    from modelfleet.tools.known_schemas import KnownSchemas

    crds = tuple(read_crds(root, repository.crds))
    known = {
        name: KnownSchemas(root, schemas_of(environment), crds)
        for name, environment in environments.items()
        if environment.release is not None
    }
    return ObjectsBeside(repository.objects, known)


def _outcomes(repository: Repository, projects: Sequence[Project], common: BuildContext) -> list[ProjectResult]:
    """What becomes of each project, of a large fleet in as many processes as there are processors."""
    resolved_in: dict[str, list[Project]] = {name: [] for name in repository.projects}
    for project in projects:
        resolved_in[project.name].append(project)
    weights = [sum(project.served for project in here) for here in resolved_in.values()]

    def made(names: Sequence[str]) -> list[ProjectResult]:
        return [build_project(name, repository.projects[name], resolved_in[name], common) for name in names]

    parts = workers.shares(list(resolved_in), weights, _WORTH_A_PROCESS)
    return [outcome for outcomes in workers.side_by_side(made, parts) for outcome in outcomes]


def argocd_of(
    environment: Environment, deployed: Sequence[DeployedProject], templates: Templates
) -> tuple[tuple[Object, ...], dict[str, str]]:
    """What Argo CD needs to sync an environment, and the files in which that is written."""
    kinds, conditions = argocd.observed(item for one in deployed for item in one.objects)
    facts = argocd.ArgocdFacts(
        environment=environment.name,
        destination=environment.cluster.destination,
        argocd=environment.argocd,
        projects={one.project.name: one.project.namespace for one in deployed},
        kinds=kinds,
        conditions=conditions,
    )
    objects = tuple(rendered.object for rendered in argocd.argocd_objects(facts, templates))
    file = environment_file(environment.name)
    written = sealed_files(argocd_folder(environment.name), base_files(objects), [file])
    for one in deployed:
        content = argocd.application_file(facts, one.project.name)
        written |= sealed_files(one.folder, {APPLICATION_FILE: content}, [one.project.file, file])
    return objects, written


def schemas_of(environment: Environment, root: Path | None = None) -> Needs:
    """What the objects of an environment are checked with, the user's own CRDs below the root before what is pinned.

    Raises `MachineFailed` where its release is not known.
    """
    from modelfleet.tools.schemas import schema_needs

    release = environment.release
    if release is None:
        message = f"{environment.name} has no release"
        raise MachineFailed(message)
    store = environment.secrets
    return schema_needs(
        release.kubernetes,
        release.crds,
        secrets=store.api_version if store.provider == "external-secrets" else None,
        argocd=environment.argocd.version,
        exported=root / CRDS if root is not None and any((root / CRDS).glob("*.yaml")) else None,
    )
