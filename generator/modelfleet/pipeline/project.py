"""One project in all its environments: what is wrong with it, its objects, and the files in which they are written.

Nothing here depends on another project, so projects can be made side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelfleet.finding import Finding, Location, Pointer, dotted
from modelfleet.kubernetes import emit
from modelfleet.kubernetes.objects import Keyed, Object, identity, keyed, placed
from modelfleet.kustomize.overlay import base_files, overlay, overlay_files, unlike
from modelfleet.layout import BASE, TOP
from modelfleet.packaged import packaged
from modelfleet.render.objects import Made, admitted, collisions, place_of, render
from modelfleet.resolve.catalog import Shelf
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.model import Project
from modelfleet.resolve.resolver import resolve
from modelfleet.rules import check as judge
from modelfleet.rules.admission.rulebook import Rulebook, rulebook
from modelfleet.spec.load import Document
from modelfleet.spec.merge import whole
from modelfleet.tree.seal import sealed

if TYPE_CHECKING:
    from modelfleet.render.templates import Known, Templates


class Shelves:
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
class Common:
    """What all projects have in common. `shared` are the facts of base.yaml, `base` is the name of its file if there is one.

    `only_judged`: something else is wrong already, so specs are judged and nothing is made of them.
    """

    shared: Environment
    base: str | None
    shelf: Shelf
    rules: Mapping[str, Rulebook]
    only_judged: bool = False
    templates: Shelves = field(default_factory=Shelves)


def rulebooks(environments: Mapping[str, Environment]) -> dict[str, Rulebook]:
    """The admission rules of each environment, where its release is known."""
    return {
        name: rulebook(environment.release.capabilities, environment.release.terms)
        for name, environment in environments.items()
        if environment.release is not None
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one project: what is wrong with its spec, then with its objects; then those, and all its files.

    The objects are given for each of its environments, as they will be in the cluster.
    """

    judged: tuple[Finding, ...] = ()
    admitted: tuple[Finding, ...] = ()
    objects: tuple[tuple[Object, ...], ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)


def made_of(name: str, document: Document, projects: Sequence[Project], common: Common) -> Outcome:
    """Everything about one project; `projects` is its spec resolved in each of its environments."""
    judged = tuple(finding for project in projects for finding in judge.judge_project(project, common.shelf))
    if common.only_judged or judge.errors_of(judged):
        return Outcome(judged=judged)
    known: Known = {}
    found: list[tuple[Project, list[Made]]] = []
    findings: list[Finding] = []
    for project in projects:
        made, wrong = render(project, common.templates.of(project.environment), known)
        found.append((project, made))
        findings += [*wrong, *collisions(project, made)]
        if not wrong:
            findings += admitted(project, made, common.rules[project.environment.name])
    if judge.errors_of(findings):
        return Outcome(judged=judged, admitted=tuple(findings))
    base = keyed(base_objects(name, document, common, known))
    sources = [document.file, *([common.base] if common.base else [])]
    files = sealed_files(f"{TOP}/{BASE}/{name}", base_files(base.values()), sources)
    for project, made in found:
        files |= _overlay_files(project, base, keyed(one.object for one in made))
    return Outcome(
        judged=judged,
        admitted=tuple(findings),
        objects=tuple(tuple(placed(one.object, project.namespace) for one in made) for project, made in found),
        files=files,
    )


def cause(project: Project, item: Object, pointer: Pointer) -> tuple[Location, str] | None:
    """Where in the hand-written files a part of an object comes from, and what the field there is called."""
    made, _ = render(project, Shelves().of(project.environment))
    for one in made:
        if identity(one.object) == identity(item):
            origin, field = place_of(project, one, pointer)
            return origin.at(field), dotted(field)
    return None


def base_objects(name: str, document: Document, common: Common, known: Known) -> list[Object]:
    """The objects of a project's base: those whose shape the shared part of the spec and base.yaml settle."""
    if common.shared.release is None:
        return []
    project = resolve(name, document.file, whole(document, without="environments"), common.shared, common.shelf)
    made, _ = render(project, common.templates.of(common.shared), known)
    return [one.object for one in made if _settled(one.object)]


def _settled(item: Object) -> bool:
    """Whether the object can stand in a base: it has an identity, and a runtime is known that fixes its template."""
    return bool(item.get("apiVersion")) and bool(item["metadata"].get("name"))


def _overlay_files(project: Project, base: Keyed, wanted: Keyed) -> dict[str, str]:
    """The overlay of a project in an environment. What it builds to is compared with what is meant before anything is
    written: another outcome would be a bug of ours that must not reach a cluster."""
    layer = overlay(base, wanted, project.namespace)
    if wrong := unlike(base, layer, wanted):
        message = f"{project.name} in {project.environment.name}: the overlay does not build to {wrong[0]}"
        raise AssertionError(message)
    sources = [project.file, f"{TOP}/{project.environment.name}.yaml"]
    return sealed_files(project.folder, overlay_files(layer, f"../../{BASE}/{project.name}"), sources)


def sealed_files(folder: str, contents: Mapping[str, Any], sources: Sequence[str]) -> dict[str, str]:
    """Files of a generated folder by path, each under a line that names what to edit."""
    named = " and ".join(sources)
    return {f"{folder}/{name}": sealed(named, emit.dump(content)) for name, content in contents.items()}
