"""One project in all its environments: what is wrong with it, its objects, and the files in which they are written.

Nothing here depends on another project, so projects can be made side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, NamedTuple

from modelfleet.finding import Finding, Location, Pointer, dotted
from modelfleet.kubernetes import emit
from modelfleet.kubernetes.objects import Object, ObjectsByIdentity, by_identity, identity, with_namespace
from modelfleet.kustomize.overlay import base_files, mismatches, overlay, overlay_files
from modelfleet.layout import BASE, base_folder, environment_file
from modelfleet.packaged import packaged
from modelfleet.pipeline.acceptances import Acceptance
from modelfleet.pipeline.beside import ObjectsBeside, beside_findings
from modelfleet.pipeline.pod_parts import pod_part_findings
from modelfleet.pipeline.read_config_maps import config_map_findings
from modelfleet.records import dataclass
from modelfleet.render.argocd import observed
from modelfleet.render.objects import RenderedObject, admission_findings, collisions, place_of, render_project
from modelfleet.resolve.catalog import RuntimeCatalog
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.fleet import EnvironmentBrief, ProjectBrief
from modelfleet.resolve.model import Project
from modelfleet.resolve.quota import accelerators_used
from modelfleet.resolve.resolver import resolve
from modelfleet.resolve.unknown_facts import unknown_facts
from modelfleet.rules import check as check
from modelfleet.rules.admission.rulebook import Rulebook, rulebook
from modelfleet.rules.check import Claims
from modelfleet.spec.load import Document
from modelfleet.spec.merge import as_layer
from modelfleet.tree.seal import sealed

if TYPE_CHECKING:
    from modelfleet.render.templates import RenderedBefore, Templates


class TemplateCache:
    """Templates by the folders in which a release looks them up; each is compiled once."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, ...], Templates] = {}

    def of(self, environment: Environment) -> Templates:
        """The templates of an environment's release."""
        from modelfleet.render.templates import Templates

        folders = environment.release.templates if environment.release else ("common",)
        if folders not in self.known:
            self.known[folders] = Templates([packaged("templates") / folder for folder in folders])
        return self.known[folders]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildContext:
    """What all projects have in common. `shared` are the facts of base.yaml, `base` is the name of its file if there is one.

    `only_judged`: something else is wrong already, so specs are judged and nothing is made of them.
    """

    shared: Environment
    base: str | None
    runtime_catalog: RuntimeCatalog
    rules: Mapping[str, Rulebook]
    beside: ObjectsBeside
    only_judged: bool = False
    templates: TemplateCache = field(default_factory=TemplateCache)


def rulebooks(environments: Mapping[str, Environment]) -> dict[str, Rulebook]:
    """The admission rules of each environment, where its release is known."""
    return {
        name: rulebook(environment.release.capabilities, environment.release.terms)
        for name, environment in environments.items()
        if environment.release is not None
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectResult:
    """What became of one project: what is wrong with its spec, then with its objects; then those, and all its files.

    The objects are given for each of its environments, as they will be in the cluster, where some may find no room.
    """

    spec_findings: tuple[Finding, ...] = ()
    admission_findings: tuple[Finding, ...] = ()
    capacity_findings: tuple[Finding, ...] = ()
    briefs: tuple[ProjectBrief, ...] = ()
    objects: Sequence[tuple[Object, ...]] = ()
    files: Mapping[str, str] = field(default_factory=dict)


class RecalledProject(NamedTuple):
    """What was made of a project before, what it claims among others, and which warnings it accepts."""

    result: ProjectResult
    claims: Claims
    accepted: Sequence[Acceptance]


def build_project(name: str, document: Document, projects: Sequence[Project], common: BuildContext) -> ProjectResult:
    """Everything about one project; `projects` is its spec resolved in each of its environments."""
    judged = tuple(finding for project in projects for finding in check.check_project(project, common.runtime_catalog))
    if common.only_judged or check.errors_of(judged):
        return ProjectResult(spec_findings=judged)
    known: RenderedBefore = {}
    found: list[tuple[Project, list[RenderedObject]]] = []
    findings: list[Finding] = []
    for project in projects:
        made, wrong = render_project(project, common.templates.of(project.environment), known)
        found.append((project, made))
        findings += [*wrong, *collisions(project, made), *pod_part_findings(project)]
        findings += config_map_findings(project, common.beside)
        if not wrong:
            findings += admission_findings(project, made, common.rules[project.environment.name])
        findings += beside_findings(project, made, common.beside, common.rules[project.environment.name])
    if check.errors_of(findings):
        return ProjectResult(spec_findings=judged, admission_findings=tuple(findings))
    base = by_identity(base_objects(name, document, common, known))
    sources = [document.file, *([common.base] if common.base else [])]
    files = sealed_files(base_folder(name), base_files(base.values()), sources)
    objects = []
    for project, made in found:
        whole = [
            *(one.object for one in made),
            *common.beside.objects(name, project.environment.name, project.namespace),
        ]
        files |= _overlay_files(project, base, by_identity(whole))
        objects.append(tuple(with_namespace(item, project.namespace) for item in whole))
    crowded = (_capacity_findings(project, here) for (project, _), here in zip(found, objects, strict=True))
    return ProjectResult(
        spec_findings=judged,
        admission_findings=tuple(findings),
        capacity_findings=tuple(finding for here in crowded for finding in here),
        briefs=tuple(brief_of(project, here) for (project, _), here in zip(found, objects, strict=True)),
        objects=tuple(objects),
        files=files,
    )


def brief_of(project: Project, objects: Sequence[Object]) -> ProjectBrief:
    """What is told of a project in an environment without looking into it."""
    kinds, conditions = observed(objects)
    known = unknown_of(project.environment, [])
    return ProjectBrief(
        name=project.name,
        environment=project.environment.name,
        namespace=project.namespace,
        served=project.served,
        objects=len(objects),
        accelerators=tuple(accelerators_used(project)),
        kinds=tuple(sorted((*kind,) for kind in kinds)),
        conditions=tuple(sorted(conditions)),
        unknown=tuple(sort for sort in unknown_of(project.environment, [project]) if sort not in known),
    )


def brief_of_environment(environment: Environment) -> EnvironmentBrief:
    """What is told of an environment without looking into it."""
    return EnvironmentBrief(environment.release.name if environment.release else None, unknown_of(environment, []))


def unknown_of(environment: Environment, projects: Sequence[Project]) -> tuple[str, ...]:
    """The sorts of facts that are missing there and that checks depend on."""
    return tuple(dict.fromkeys(fact.sort for fact in unknown_facts(environment, projects) if fact.checked))


def _capacity_findings(project: Project, objects: Sequence[Object]) -> Iterator[Finding]:
    """What finds no room; the room that counts is loaded only where there is a fact to count with."""
    environment = project.environment
    quota = environment.quota.default or environment.quota.projects
    limited = quota or environment.limit_range or environment.queues
    measured = any(offer.memory for offer in environment.accelerators.values())
    if limited or measured or any(model.weights for model in project.models):
        from modelfleet.capacity.capacity import project_findings

        yield from project_findings(project, objects)


def cause(project: Project, item: Object, pointer: Pointer) -> tuple[Location, str] | None:
    """Where in the hand-written files a part of an object comes from, and what the field there is called."""
    made, _ = render_project(project, TemplateCache().of(project.environment))
    for one in made:
        if identity(one.object) == identity(item):
            origin, field = place_of(project, one, pointer)
            return origin.at(field), dotted(field)
    return None


def base_objects(name: str, document: Document, common: BuildContext, known: RenderedBefore) -> list[Object]:
    """The objects of a project's base: those whose shape the shared part of the spec and base.yaml settle."""
    beside = common.beside.objects(name, BASE, document.data.get("namespace") or name)
    if common.shared.release is None:
        return beside
    project = resolve(
        name, document.file, as_layer(document, without="environments"), common.shared, common.runtime_catalog
    )
    made, _ = render_project(project, common.templates.of(common.shared), known)
    return [*(one.object for one in made if _settled(one.object)), *beside]


def _settled(item: Object) -> bool:
    """Whether the object can stand in a base: it has an identity, and a runtime is known that fixes its template."""
    return bool(item.get("apiVersion")) and bool(item["metadata"].get("name"))


def _overlay_files(project: Project, base: ObjectsByIdentity, wanted: ObjectsByIdentity) -> dict[str, str]:
    """The overlay of a project in an environment. What it builds to is compared with what is meant before anything is
    written: another outcome would be a bug of ours that must not reach a cluster."""
    layer = overlay(base, wanted, project.namespace)
    if wrong := mismatches(base, layer, wanted):
        message = f"{project.name} in {project.environment.name}: the overlay does not build to {wrong[0]}"
        raise AssertionError(message)
    sources = [project.file, environment_file(project.environment.name)]
    return sealed_files(project.folder, overlay_files(layer, f"../../{BASE}/{project.name}"), sources)


def sealed_files(folder: str, contents: Mapping[str, Any], sources: Sequence[str]) -> dict[str, str]:
    """Files of a generated folder by path, each under a line that names what to edit."""
    named = " and ".join(sources)
    return {f"{folder}/{name}": sealed(named, emit.dump(content)) for name, content in contents.items()}
