"""The straight line from hand-written files to files to write, each stage for all files at once.

`repository` loads, validates and resolves; `projects` checks, renders and overlays one project, of a large fleet several at a
time; what Argo CD needs is made here. What is wrong is collected, and where it is an error, the line stops when all specs are
judged, and again when all objects are. Nothing here writes or prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from generator import argocd, processes
from generator.finding import Finding, MachineFailed, merged
from generator.model import Environment, Object, Project
from generator.overlay import base_files
from generator.projects import Common, Outcome, made_of, rulebooks, sealed_files
from generator.repository import Repository, load, owners, resolved, settle_environments, shared_facts, stop
from generator.resolve import argocd_settings, destination, store_settings
from generator.rules import judge
from generator.tree import APPLICATION_FILE, ARGOCD, TOP

if TYPE_CHECKING:
    from generator.api_schemas import Needs
    from generator.render import Templates


@dataclass(frozen=True, slots=True)
class Deployed:
    """One project in one environment: what it resolves to, and the objects as they will be in the cluster."""

    project: Project
    objects: tuple[Object, ...]

    @property
    def folder(self) -> str:
        """The overlay that Argo CD syncs."""
        return self.project.folder


@dataclass(frozen=True, slots=True)
class Synced:
    """What Argo CD needs to sync an environment, as it will be on the cluster that runs Argo CD."""

    environment: str
    objects: tuple[Object, ...]

    @property
    def folder(self) -> str:
        """Where it is written; an administrator applies it."""
        return f"{TOP}/{self.environment}/{ARGOCD}"


@dataclass(frozen=True, slots=True)
class Fleet:
    """Everything that the hand-written files mean."""

    environments: Mapping[str, Environment]
    deployed: tuple[Deployed, ...]
    synced: tuple[Synced, ...]
    files: Mapping[str, str]
    warnings: tuple[Finding, ...]


# Fewer models than this are made before another process could begin to help.
_WORTH_A_PROCESS = 200


def fleet(root: Path) -> Fleet:
    """Everything that the hand-written files of a repository mean. Raises `Rejected` and `MachineFailed`."""
    repository = load(root)
    environments, shelf = settle_environments(repository)
    projects = list(resolved(repository, environments, shelf))
    findings = [*judge.judge_environments(environments.values(), repository.projects, shelf)]
    findings += [*owners(projects), *judge.judge_fleet(projects)]
    common = Common(
        shared=shared_facts(repository),
        base=repository.base.file if repository.base else None,
        shelf=shelf,
        rules=rulebooks(environments),
        only_judged=bool(judge.errors_of(findings)),
    )
    outcomes = _outcomes(repository, projects, common)
    warnings: list[Finding] = []
    stop([*findings, *(finding for outcome in outcomes for finding in outcome.judged)], warnings)
    stop([finding for outcome in outcomes for finding in outcome.admitted], warnings)
    files = {path: text for outcome in outcomes for path, text in outcome.files.items()}
    objects = [each for outcome in outcomes for each in outcome.objects]
    deployed = [Deployed(project, made) for project, made in zip(projects, objects, strict=True)]
    synced = []
    for name, environment in environments.items():
        here = [one for one in deployed if one.project.environment.name == name]
        applied, written = argocd_of(environment, here, common.templates.of(environment))
        synced.append(Synced(name, applied))
        files |= written
    return Fleet(environments, tuple(deployed), tuple(synced), files, tuple(merged(warnings)))


def _outcomes(repository: Repository, projects: Sequence[Project], common: Common) -> list[Outcome]:
    """What becomes of each project, of a large fleet in as many processes as there are processors."""
    resolved_in: dict[str, list[Project]] = {name: [] for name in repository.projects}
    for project in projects:
        resolved_in[project.name].append(project)
    weights = [sum(project.served for project in here) for here in resolved_in.values()]

    def made(names: Sequence[str]) -> list[Outcome]:
        return [made_of(name, repository.projects[name], resolved_in[name], common) for name in names]

    parts = processes.shares(list(resolved_in), weights, _WORTH_A_PROCESS)
    return [outcome for outcomes in processes.side_by_side(made, parts) for outcome in outcomes]


def argocd_of(
    environment: Environment, deployed: Sequence[Deployed], templates: Templates
) -> tuple[tuple[Object, ...], dict[str, str]]:
    """What Argo CD needs to sync an environment, and the files in which that is written."""
    kinds, conditions = argocd.observed(item for one in deployed for item in one.objects)
    facts = argocd.Facts(
        environment=environment.name,
        destination=destination(environment),
        argocd=argocd_settings(environment),
        projects={one.project.name: one.project.namespace for one in deployed},
        kinds=kinds,
        conditions=conditions | ({"emptyArguments"} if environment.can("argsEnvAlways") else set()),
    )
    objects = tuple(rendered.object for rendered in argocd.objects(facts, templates))
    file = f"{TOP}/{environment.name}.yaml"
    written = sealed_files(f"{TOP}/{environment.name}/{ARGOCD}", base_files(objects), [file])
    for one in deployed:
        content = argocd.application_file(facts, one.project.name)
        written |= sealed_files(one.folder, {APPLICATION_FILE: content}, [one.project.file, file])
    return objects, written


def schemas_of(environment: Environment) -> Needs:
    """What the objects of an environment are checked with. Raises `MachineFailed` where its release is not known."""
    from generator.api_schemas import needs

    release = environment.release
    if release is None:
        message = f"{environment.name} has no release"
        raise MachineFailed(message)
    store = store_settings(environment)
    by_store = store.get("provider") == "external-secrets"
    return needs(
        release.kubernetes,
        release.crds,
        secrets=store["apiVersion"] if by_store else None,
        argocd=environment.get("argocd", "version"),
    )
