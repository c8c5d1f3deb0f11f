"""Objects beside the models: hand-written Kubernetes objects that are laid into base and overlays as they are.

Their files are judged by themselves when they are read (`schemas/carried-object.schema.json`); here beside what is rendered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from modelfleet.finding import Finding, Location, Pointer, dotted
from modelfleet.kubernetes.kinds import cluster_kinds, owned_name
from modelfleet.kubernetes.objects import Identity, Object, by_name, group_of, identity, with_namespace
from modelfleet.layout import BASE, CRDS, file_name
from modelfleet.records import dataclass
from modelfleet.render.objects import RenderedObject, entry_at, identities
from modelfleet.resolve.model import Project
from modelfleet.rules import Violation
from modelfleet.rules.admission.rulebook import Rulebook
from modelfleet.rules.admission.schema import SchemaCheck, schema_check
from modelfleet.rules.check import located
from modelfleet.spec.discover import discover
from modelfleet.spec.load import Document, read_document
from modelfleet.wording import listed

if TYPE_CHECKING:
    from modelfleet.tools.known_schemas import KnownSchemas

UNKNOWN_KIND = "OBJ003"
"""The code of a finding about an object of whose kind nothing is known."""


@dataclass(frozen=True)
class ObjectsBeside:
    """The files by project, environment (None: all of them) and file name, and by environment what is known of kinds."""

    files: Mapping[tuple[str, str | None, str], Document]
    schemas: Mapping[str, KnownSchemas]
    checks: dict[tuple[str, str, str], SchemaCheck | None] = field(default_factory=dict)

    def of(self, project: str, environment: str) -> dict[Identity, Document]:
        """The objects of a project in an environment; its own go before those for all."""
        found: dict[Identity, Document] = {}
        for layer in (None, environment) if environment != BASE else (None,):
            for (owner, place, _), document in self.files.items():
                if (owner, place) == (project, layer):
                    found[identity(document.data)] = document
        return found

    def objects(self, project: str, environment: str, namespace: str) -> list[Object]:
        """The same as they are laid into a folder of that environment."""
        return [_bound(document.data, namespace) for document in self.of(project, environment).values()]

    def check(self, environment: str, item: Object) -> SchemaCheck | None:
        """The check by the schema of an object's kind; None where it is not at hand."""
        group, version = group_of(item), str(item["apiVersion"]).rpartition("/")[2]
        key = (environment, str(item["apiVersion"]), str(item["kind"]))
        if key not in self.checks:
            schema = self.schemas[environment].schema(group, version, str(item["kind"]))
            self.checks[key] = None if schema is None else schema_check(schema)
        return self.checks[key]


def _bound(item: Object, namespace: str) -> Object:
    """The object without a namespace, which the overlay gives it; but accounts that a binding names have theirs."""
    metadata = {key: value for key, value in item["metadata"].items() if key != "namespace"}
    found = {**item, "metadata": metadata}
    subjects = item.get("subjects")
    if item["kind"] == "RoleBinding" and isinstance(subjects, list):
        found["subjects"] = [
            {**one, "namespace": one.get("namespace") or namespace}
            if isinstance(one, dict) and one.get("kind") == "ServiceAccount"
            else one
            for one in subjects
        ]
    return found


def beside_findings(
    project: Project, made: Sequence[RenderedObject], beside: ObjectsBeside, rules: Rulebook
) -> Iterator[Finding]:
    """What is wrong with the objects beside the models of a project in its environment."""
    documents = beside.of(project.name, project.environment.name)
    if not documents:
        return
    taken = {key: one for one in made for key in identities(project, one)}
    files = {file_name(key[1], key[2]): key for key in (*reversed(documents), *taken)}
    items = {key: _bound(document.data, project.namespace) for key, document in documents.items()}
    here = [with_namespace(item, project.namespace) for item in (*(one.object for one in made), *items.values())]
    peers = by_name(here)
    name = project.environment.name
    for key, document in documents.items():
        found = [*_unfit(project, document, beside), *_in_the_way(project, key, taken, files)]
        if not found:
            item = with_namespace(items[key], project.namespace)
            request = rules.request(item, peers=peers, schema=beside.check(name, item))
            found = [(rule.code, violation) for rule, violation in rules.check(request)]
        for code, violation in found:
            yield located(code, violation, document, name)


def _in_the_way(
    project: Project, key: Identity, taken: Mapping[Identity, RenderedObject], files: Mapping[str, Identity]
) -> Iterator[tuple[str, Violation]]:
    """What has the name already. `files` are the objects that each file of the overlay would hold."""
    group, kind, name = key
    pointer: Pointer = ("metadata", "name")
    same_file = files[file_name(kind, name)]
    if (other := taken.get(key)) is not None:
        message = f"{kind} {name!r} is rendered for {dotted(other.manifest.pointer)} already"
        see = entry_at(project, other.manifest.pointer)
        hint = "rename this one, or delete it"
        yield "OBJ004", Violation(pointer=pointer, message=message, hint=hint, see=see)
    elif same_file != key:
        groups = [one or "the core group" for one in (group, same_file[0])]
        message = f"{kind} {name!r} of {groups[0]} and that of {groups[1]} would be in one file of the overlay"
        yield "OBJ004", Violation(pointer=pointer, message=message, hint="rename one of them")
    elif (owner := owned_name(kind, name, [one.name for one in project.models if not one.llm])) is not None:
        message = f"{owner.by} owns the {kind} {name!r}: it {owner.does}, replacing whatever is there"
        yield "OBJ005", Violation(pointer=pointer, message=message, hint="choose another name")


def cause_beside(
    root: Path, project: str, environment: str, item: Object, pointer: Pointer
) -> tuple[Location, str] | None:
    """Where a part of an object is written that stands beside the models, and what it is called there."""
    files = discover(root).objects
    for layer in (environment, None):  # as it is laid: its own go before those for all
        for (owner, place, _), file in files.items():
            if (owner, place) == (project, layer):
                document = read_document(root, file)
                if identity(document.data) == identity(item):
                    return document.at(pointer), dotted(pointer)
    return None


def _unfit(project: Project, document: Document, beside: ObjectsBeside) -> Iterator[tuple[str, Violation]]:
    """Why an object cannot stand there at all."""
    item, schemas = document.data, beside.schemas[project.environment.name]
    group, kind = group_of(item), str(item["kind"])
    namespace = item["metadata"].get("namespace")
    pointer: Pointer = ("metadata", "namespace")
    if namespace not in (None, project.namespace):
        message = f"the namespace is {namespace!r}, and the project's is {project.namespace!r} here"
        yield (
            "OBJ001",
            Violation(pointer=pointer, message=message, hint="leave it out: the overlay decides the namespace"),
        )
    if kind in cluster_kinds() or schemas.of_cluster(group, kind):
        message = f"{kind} belongs to the cluster and not to a namespace, and a project is one namespace"
        yield (
            "OBJ002",
            Violation(pointer=("kind",), message=message, hint="leave it to whoever administers the cluster"),
        )
    elif beside.check(project.environment.name, item) is None and not schemas.later(group, kind):
        others = schemas.versions(group, kind)
        known = f"; there are {listed([f'{group}/{other}' for other in others])}" if others else ""
        yield (
            UNKNOWN_KIND,
            Violation(
                pointer=("kind",),
                message=f"nothing is known of the kind {kind} of {item['apiVersion']}{known}",
                hint=f"export its definition: oc get crd <plural>.{group or '<group>'} -o yaml > {CRDS}/{kind.lower()}.yaml",
            ),
        )
