"""The proof of an import: what the spec renders held against what was given, and what the first sync would do.

Both sides are objects, and what a difference does is what a plan says of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.importer.draft import SERVICES
from modelfleet.importer.given import GivenObject
from modelfleet.importer.residue import as_written, unlike_given
from modelfleet.importer.result import ImportDifference, ProjectImport
from modelfleet.kubernetes.differences import ABSENT, FieldDifference
from modelfleet.kubernetes.objects import Object, with_namespace
from modelfleet.plan.acknowledgements import Destruction, wanted_acks
from modelfleet.plan.effect import Effect
from modelfleet.plan.effects import plain_text
from modelfleet.plan.meaning import canonical_object
from modelfleet.plan.project_change import ProjectChange
from modelfleet.plan.project_rows import rows_of
from modelfleet.plan.row import Row
from modelfleet.records import dataclass
from modelfleet.resolve.fleet import DeployedProject
from modelfleet.rules.admission.rulebook import rulebook
from modelfleet.serving.workloads import ProjectState, project_state, running_workloads
from modelfleet.spec import secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportProof:
    """What is otherwise than it was given, and by model what that does at the first sync.

    The differences are the fields that Argo CD would change on live objects; what has no effect is not among the rows. `acks`
    are the words with which a plan has what is destroyed acknowledged.
    """

    equal: int
    differences: tuple[ImportDifference, ...]
    rows: tuple[Row, ...]
    acks: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether everything is as it was given."""
        return not self.differences


def prove_import(result: ProjectImport, deployed: DeployedProject) -> ImportProof:
    """Holds what is rendered against what was given."""
    built = {(str(item["kind"]), str(item["metadata"]["name"])): item for item in deployed.objects}
    found = list(result.differences)
    told = {one.label for one in found}
    equal = 0
    for key, one in result.wanted.items():
        if key == ("Secret", one.name) and ("ExternalSecret", one.name) in built:
            continue
        item = built.get(key)
        if item is None:
            if one.label not in told:
                found.append(ImportDifference(label=one.label, sentence=_missing(one)))
            continue
        steps = unlike_given(one, item)
        equal += not steps
        found += [
            ImportDifference(label=one.label, path="/" + "/".join(step.path), sentence=_became(step)) for step in steps
        ]
    for key in sorted(built.keys() - result.wanted.keys()):
        if key[0] != "ExternalSecret":
            found.append(ImportDifference(label="/".join(key), sentence="is added: it was not given"))
    rows = tuple(_rows(result, deployed))
    served = sum(one.kind in SERVICES for one in result.wanted.values())
    place = deployed.project.environment.name
    lost = Destruction(environment=place, rows=rows, models=served, gone=sum(row.destroys for row in rows), all=False)
    acks = dict.fromkeys(text for text, _, _ in wanted_acks(lost))
    return ImportProof(equal=equal, differences=tuple(found), rows=rows, acks=tuple(acks))


def _missing(one: GivenObject) -> str:
    if one.kind == "Namespace":
        return "is not rendered: the environment leaves namespaces to others"
    if one.kind == "ServingRuntime":
        return "is not rendered: no model of the spec has its runtime under this name"
    return "is not rendered: no field of a spec stands for it"


def _became(step: FieldDifference) -> str:
    name = step.path[-1] if step.path else ""
    old, new = ("nothing" if value is ABSENT else secrets.redacted(value, name) for value in (step.before, step.after))
    return f"{old} becomes {new}" if not step.reordered else "is in another order"


def _rows(result: ProjectImport, deployed: DeployedProject) -> Iterator[Row]:
    """What a plan says of the way from what was given to what is rendered."""
    environment, namespace = deployed.project.environment, result.namespace
    built = {(str(item["kind"]), str(item["metadata"]["name"])): item for item in deployed.objects}
    before = [
        canonical_object(with_namespace(_kept_whole(one, built.get(key)), namespace))
        for key, one in result.wanted.items()
    ]
    before += [canonical_object(item) for key, item in built.items() if key[0] == "ExternalSecret"]
    after = [canonical_object(item) for item in deployed.objects]
    old = project_state(environment, namespace, before, deployed.project)
    new = project_state(environment, namespace, after, deployed.project)
    rules = rulebook(environment.release.capabilities, environment.release.terms) if environment.release else None
    for row in rows_of(_change(result.name, old, new), rules):
        if row.effect is not Effect.NOTHING:
            yield row


def _kept_whole(one: GivenObject, built: Object | None) -> Object:
    return one.object if built is None or one.kind == "Namespace" else as_written(one, built)


def _change(name: str, old: ProjectState, new: ProjectState) -> ProjectChange:
    return ProjectChange(
        name=name, before=old, after=new, was=running_workloads(old), now=running_workloads(new), prune=False
    )


def effect_lines(proof: ImportProof) -> Iterator[str]:
    """What the first sync does, a line for each model and effect."""
    for row in proof.rows:
        for impact in row.consequences:
            if impact.effect is not Effect.NOTHING:
                words = plain_text(impact.text)
                yield f"{row.label}: {impact.effect.value.title}" + (f": {words}" if words else "")
