"""The straight line from hand-written files to files to write: load, validate, resolve, check, render, overlay.

Each stage collects everything that is wrong with all files and stops the line once; nothing here writes or prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator import argocd, emit
from generator.catalog import Shelf
from generator.finding import Finding, MachineFailed, merged
from generator.load import Document
from generator.merge import whole
from generator.model import Environment, Object, Project
from generator.objects import Made, admitted, collisions, render
from generator.overlay import Overlay, base_files, identity, overlay, overlay_files, placed, same
from generator.packaged import packaged
from generator.repository import BASE, Repository, load, owners, resolved, settle_environments, shared_facts, stop
from generator.resolve import argocd_settings, destination, resolve
from generator.rules import judge
from generator.rules.admission import rulebook
from generator.rules.patches import apply
from generator.seal import sealed

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
        return f"environments/{self.project.environment.name}/{self.project.name}"


@dataclass(frozen=True, slots=True)
class Synced:
    """What Argo CD needs to sync an environment, as it will be on the cluster that runs Argo CD."""

    environment: str
    objects: tuple[Object, ...]

    @property
    def folder(self) -> str:
        """Where it is written; an administrator applies it."""
        return f"environments/{self.environment}/argocd"


@dataclass(frozen=True, slots=True)
class Fleet:
    """Everything that the hand-written files mean."""

    environments: Mapping[str, Environment]
    deployed: tuple[Deployed, ...]
    synced: tuple[Synced, ...]
    files: Mapping[str, str]
    warnings: tuple[Finding, ...]


class _Shelves:
    """Templates by the folders in which a release looks them up; each is compiled once."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, ...], Templates] = {}

    def of(self, environment: Environment) -> Templates:
        from generator.render import Templates

        folders = environment.release.templates if environment.release else ("common",)
        if folders not in self.known:
            self.known[folders] = Templates([packaged("templates") / folder for folder in folders])
        return self.known[folders]


def fleet(root: Path) -> Fleet:
    """Everything that the hand-written files of a repository mean. Raises `Rejected` and `MachineFailed`."""
    repository = load(root)
    warnings: list[Finding] = []
    environments, shelf = settle_environments(repository)
    projects = list(resolved(repository, environments, shelf))
    findings = [finding for one in environments.values() for finding in judge.judge_environment(one, shelf)]
    findings += [*owners(projects), *judge.judge_fleet(projects)]
    findings += [finding for project in projects for finding in judge.judge_project(project, shelf)]
    stop(findings, warnings)
    templates = _Shelves()
    made = _objects(projects, environments, templates, warnings)
    bases = _bases(repository, shelf, templates)
    files: dict[str, str] = {}
    for name, document in repository.projects.items():
        sources = [document.file] + ([repository.base.file] if repository.base else [])
        files |= _files(f"environments/{BASE}/{name}", base_files(bases[name]), sources)
    deployed = []
    for project, objects in zip(projects, made, strict=True):
        one, written = _deployed(project, [each.object for each in objects], bases[project.name])
        deployed.append(one)
        files |= written
    synced = []
    for name, environment in environments.items():
        here = [one for one in deployed if one.project.environment.name == name]
        applied, written = argocd_of(environment, here, templates.of(environment))
        synced.append(Synced(name, applied))
        files |= written
    return Fleet(environments, tuple(deployed), tuple(synced), files, tuple(merged(warnings)))


def _objects(
    projects: Sequence[Project], environments: Mapping[str, Environment], templates: _Shelves, warnings: list[Finding]
) -> list[list[Made]]:
    """The objects of every project, once nothing is wrong with them. Raises `Rejected`."""
    books = {
        name: rulebook(environment.release.capabilities, environment.release.terms)
        for name, environment in environments.items()
        if environment.release is not None
    }
    made: list[list[Made]] = []
    findings: list[Finding] = []
    for project in projects:
        objects, wrong = render(project, templates.of(project.environment))
        made.append(objects)
        findings += wrong
        findings += collisions(project, objects)
        if not wrong:
            findings += admitted(project, objects, books[project.environment.name])
    stop(findings, warnings)
    return made


def _bases(repository: Repository, shelf: Shelf, templates: _Shelves) -> dict[str, list[Object]]:
    """The objects of each project's base."""
    shared = shared_facts(repository)
    return {
        name: spec_objects((name, document), shared, shelf, templates) for name, document in repository.projects.items()
    }


def spec_objects(spec: tuple[str, Document], shared: Environment, shelf: Shelf, templates: _Shelves) -> list[Object]:
    """The objects of a project's base: those whose shape the shared part of the spec and base.yaml settle."""
    if shared.release is None:
        return []
    name, document = spec
    project = resolve(name, document.file, whole(document, without="environments"), shared, shelf)
    made, _ = render(project, templates.of(shared))
    return [one.object for one in made if _settled(one.object)]


def _settled(item: Object) -> bool:
    """Whether the object can stand in a base: it has an identity, and a runtime is known that fixes its template."""
    return bool(item.get("apiVersion")) and bool(item["metadata"].get("name"))


def _deployed(project: Project, wanted: Sequence[Object], base: Sequence[Object]) -> tuple[Deployed, dict[str, str]]:
    """A project in its environment, and the overlay in which that is written."""
    layer = overlay(base, wanted, project.namespace)
    _assert_built(project, base, layer, wanted)
    one = Deployed(project, tuple(placed(item, project.namespace) for item in wanted))
    sources = [project.file, f"environments/{project.environment.name}.yaml"]
    return one, _files(one.folder, overlay_files(layer, f"../../{BASE}/{project.name}"), sources)


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
    file = f"environments/{environment.name}.yaml"
    written = _files(f"environments/{environment.name}/argocd", base_files(objects), [file])
    for one in deployed:
        content = argocd.application_file(facts, one.project.name)
        written |= _files(one.folder, {argocd.APPLICATION_FILE: content}, [one.project.file, file])
    return objects, written


def schemas_of(environment: Environment) -> Needs:
    """What the objects of an environment are checked with. Raises `MachineFailed` where its release is not known."""
    from generator.api_schemas import needs

    release = environment.release
    if release is None:
        message = f"{environment.name} has no release"
        raise MachineFailed(message)
    by_store = environment.get("secrets", "provider") == "external-secrets"
    return needs(
        release.kubernetes,
        release.crds,
        secrets=environment.get("secrets", "apiVersion") if by_store else None,
        argocd=environment.get("argocd", "version"),
    )


def _files(folder: str, contents: Mapping[str, Any], sources: Sequence[str]) -> dict[str, str]:
    named = " and ".join(sources)
    return {f"{folder}/{name}": sealed(named, emit.dump(content)) for name, content in contents.items()}


def _assert_built(project: Project, base: Sequence[Object], layer: Overlay, wanted: Sequence[Object]) -> None:
    """The overlay builds to what was meant; anything else is a bug of ours that must not reach a cluster."""
    built = {identity(item): item for item in base}
    patched = set()
    for patch in layer.patches:
        item = built.pop(patch.target)
        if patch.steps is not None:
            built[patch.target] = apply(item, patch.steps)
            patched.add(patch.target)
    built |= {identity(item): item for item in layer.resources}
    meant = {identity(item): item for item in wanted}
    wrong = list(built.keys() ^ meant.keys())
    for key in built.keys() & meant.keys():
        one, other = built[key], meant[key]
        if one["kind"] == "Namespace":  # its name is the overlay's
            other = {**other, "metadata": {**other["metadata"], "name": one["metadata"]["name"]}}
        # What no patch touches was found to be the same when the overlay was made; equality is enough to see a mix-up.
        if one is not other and not (same(one, other) if key in patched else one == other):
            wrong.append(key)
    if wrong:
        message = f"{project.name} in {project.environment.name}: the overlay does not build to {sorted(wrong)[0]}"
        raise AssertionError(message)
