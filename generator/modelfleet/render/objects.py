"""The objects of a project in an environment: rendered, patched, and judged by what the cluster's admission would say.

What is found in an object is reported on the line of the hand-written file that caused it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelfleet.finding import Finding, Location, Pointer, Severity, dotted
from modelfleet.kubernetes import json_patch
from modelfleet.kubernetes.names import access_name
from modelfleet.kubernetes.objects import Object, by_name, identity, with_namespace
from modelfleet.kubernetes.quantity import canonical_quantities
from modelfleet.records import dataclass
from modelfleet.render.manifests import manifests
from modelfleet.render.values import TemplateCall
from modelfleet.resolve.model import Project
from modelfleet.rules import Violation
from modelfleet.rules import check as judge
from modelfleet.rules.admission.request import AdmissionRule
from modelfleet.rules.admission.rulebook import Rulebook
from modelfleet.rules.spec import options, patches
from modelfleet.spec.fields import WorkloadKind, field_at, fields
from modelfleet.spec.load import Document
from modelfleet.spec.merge import Merged
from modelfleet.spec.phrases import value_inside
from modelfleet.wording import choices

if TYPE_CHECKING:
    from modelfleet.render.templates import RenderedBefore, RenderedTemplate, Templates


@dataclass(frozen=True, slots=True)
class RenderedObject:
    """A rendered object, and how to find what caused a part of it."""

    object: Object
    manifest: TemplateCall
    rendered: RenderedTemplate


def render_project(
    project: Project, templates: Templates, known: RenderedBefore | None = None
) -> tuple[list[RenderedObject], list[Finding]]:
    """All objects of a project, patched; and what is wrong with the patches. What is `known` is not rendered again."""
    made: list[RenderedObject] = []
    findings: list[Finding] = []
    for manifest in manifests(project):
        rendered = templates.render(manifest.template, manifest.values, known)
        if rendered is None:
            continue
        item = rendered.object
        steps = manifest.patches.get(item["kind"])
        if steps:
            item, wrong = patched(project, manifest, item, steps)
            findings += wrong
        made.append(RenderedObject(item, manifest, rendered))
    findings += _patches_of_nothing(project, made)
    return made, findings


def patched(
    project: Project, manifest: TemplateCall, item: Object, steps: tuple[Mapping[str, Any], ...]
) -> tuple[Object, list[Finding]]:
    """The object after the user's patch."""
    pointer = (*manifest.pointer, "patch", item["kind"])
    name = project.environment.name
    findings = [
        judge.located("PATCH001", violation, project.spec, name)
        for violation in patches.locked_field(steps, item, pointer)
    ]
    if findings:
        return item, findings
    try:
        changed = canonical_quantities(json_patch.apply_patch(item, steps))
    except json_patch.PatchFailed as failed:
        violation = Violation(pointer=(*pointer, failed.index, "path"), message=failed.message, hint=failed.hint)
        return item, [judge.located("PATCH002", violation, project.spec, name)]
    for place, message, hint in patches.wrong_kind(item, changed):
        shown = f"{dotted(place)}: {message}" if place else message
        violation = Violation(pointer=_step_at(pointer, steps, place), message=shown, hint=hint)
        findings.append(judge.located("PATCH004", violation, project.spec, name))
    if not findings and item["kind"] == "InferenceService":
        findings += _reserved_variables(project, manifest, (item, changed), steps)
    return (item, findings) if findings else (changed, [])


def _reserved_variables(
    project: Project, manifest: TemplateCall, items: tuple[Object, Object], steps: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
    """Variables that a patch adds although the runtime or the controller sets them."""
    model = next((model for model in project.models if model.pointer == manifest.pointer), None)
    if model is None:
        return
    before, after = (item["spec"].get("predictor", {}).get("model", {}).get("env") or [] for item in items)
    for index, variable in enumerate(after):
        name = variable.get("name") if isinstance(variable, dict) and variable not in before else None
        if name is not None and (reason := options.reserved(model).get(name)):
            patch = (*manifest.pointer, "patch", items[1]["kind"])
            pointer = _step_at(patch, steps, ("spec", "predictor", "model", "env", index))
            violation = Violation(pointer=pointer, message=f"{name} is not yours to set", hint=reason)
            yield judge.located(options.reserved_variable.code, violation, project.spec, project.environment.name)


def _step_at(pointer: Pointer, steps: Sequence[Mapping[str, Any]], place: Pointer) -> Pointer:
    """The last step of a patch that speaks of a place in the object, or of something around or below it."""
    spoken = tuple(map(str, place))
    for index in range(len(steps) - 1, -1, -1):
        path = json_patch.pointer_steps(steps[index]["path"])
        if path[-1:] == ("-",):
            path = path[:-1]
        if spoken[: len(path)] == path or path[: len(spoken)] == spoken:
            return (*pointer, index, "value" if "value" in steps[index] else "path")
    return pointer


def _patches_of_nothing(project: Project, made: Sequence[RenderedObject]) -> Iterator[Finding]:
    """Patches for kinds that the entry has no object of."""
    for entry in dict.fromkeys(one.manifest.pointer for one in made if one.manifest.patches):
        here = [one for one in made if one.manifest.pointer == entry]
        kinds = sorted({one.object["kind"] for one in here})
        for kind in here[0].manifest.patches:
            if kind not in kinds:
                pointer = (*entry, "patch", kind)
                yield Finding(
                    at=project.spec.key_at(pointer),
                    code="PATCH003",
                    path=dotted(pointer),
                    message=f"no {kind} is rendered for it",
                    hint=choices(kinds),
                    environments=(project.environment.name,),
                )


def place_of(project: Project, one: RenderedObject, pointer: Pointer) -> tuple[Merged | Document, Pointer]:
    """The hand-written file and the field in it that caused a part of a rendered object."""
    entry, kind = one.manifest.pointer, one.object["kind"]
    steps = one.manifest.patches.get(kind) or ()
    patch = (*entry, "patch", kind)
    if pointer and (step := _step_at(patch, steps, pointer)) != patch:
        return project.spec, step
    runtime = one.manifest.runtime
    found = field_at(kind, pointer, _workload_kind(entry))
    from_runtime = pointer[:1] != ("metadata",) and (found is None or found[0] == "runtime")
    if runtime is not None and runtime.document is not None and kind == runtime.kind and from_runtime:
        return runtime.document, (*runtime.pointer, *pointer)
    if found is None:
        return project.spec, entry
    if found[0] == "env" and len(found) > 1 and isinstance(found[1], int):
        variable: Any = one.object
        for key in pointer[: len(pointer) - len(found) + 2]:
            variable = variable[key]
        return project.spec, (*entry, "env", variable["name"])
    written = value_inside(project.spec.data, entry)
    brought = fields()[str(found[0])].beside if isinstance(written, dict) and found[0] not in written else ""
    return project.spec, (*entry, brought) if brought else (*entry, *found)


def _workload_kind(entry: Pointer) -> WorkloadKind:
    """What a field would be written for in an entry of the spec; which kind of model it is tells the kind of object."""
    if entry[:1] == ("servers",):
        return "served" if entry[2:3] == ("models",) else "server"
    return "standard"


def collisions(project: Project, made: Sequence[RenderedObject]) -> Iterator[Finding]:
    """Two things of one project that would be one object of the cluster."""
    taken: dict[tuple[str, str, str], RenderedObject] = {}
    for one in made:
        for key in identities(project, one):
            first = taken.setdefault(key, one)
            if first is one:
                continue
            yield Finding(
                at=entry_at(project, first.manifest.pointer),
                code="NAME005",
                path=dotted(first.manifest.pointer),
                message=f"{key[1]} {key[2]!r} would be created twice: here and for {dotted(one.manifest.pointer)}",
                hint="rename one of the two",
                see=entry_at(project, one.manifest.pointer),
                environments=(project.environment.name,),
            )
            break


def entry_at(project: Project, pointer: Pointer) -> Location:
    """Where an entry of the spec is named: its key, or the item of the list."""
    named = bool(pointer) and isinstance(pointer[-1], str)
    return project.spec.key_at(pointer) if named else project.spec.at(pointer)


def identities(project: Project, one: RenderedObject) -> Iterator[tuple[str, str, str]]:
    """What a rendered object is within its namespace, and what an operator makes of it there."""
    yield identity(one.object)
    if one.object["kind"] == "ExternalSecret":
        name = one.object["metadata"]["name"]
        yield ("", "Secret", name)
        connection = project.connections.get(name) if one.manifest.template == "externalsecret-connection" else None
        made_with = connection.kind.secret.account_made_with if connection and connection.kind.secret else None
        if made_with is not None and project.environment.can(made_with):
            yield ("", "ServiceAccount", access_name("ServiceAccount", name))  # made by the operator's webhook


PLAIN = frozenset({"ServiceAccount", "Role", "RoleBinding", "Secret"})
"""Kinds of which only names vary, made of keys that the schema has judged: most of a fleet's objects, never refused."""


def admission_findings(project: Project, made: Sequence[RenderedObject], rules: Rulebook) -> Iterator[Finding]:
    """What the cluster's own admission would refuse, on the line of the spec that causes it."""
    here = [with_namespace(one.object, project.namespace) for one in made]
    peers = by_name(here)
    for one, item in zip(made, here, strict=True):
        if item["kind"] in PLAIN and not one.manifest.patches:
            continue
        for rule, violation in rules.check(rules.request(item, peers=peers)):
            origin, pointer = place_of(project, one, violation.pointer)
            at = origin.key_at(pointer) if violation.pointer == ("metadata", "name") else origin.at(pointer)
            yield Finding(
                at=at,
                code=rule.code,
                path=dotted(pointer),
                message=violation.message,
                hint=violation.hint,
                severity=Severity.ERROR if _is_stuck(rule, item) else violation.severity,
                environments=(project.environment.name,),
            )


def _is_stuck(rule: AdmissionRule, item: Object) -> bool:
    """What the cluster takes and the model never gets over. Presets of an LLMInferenceService may be the user's own."""
    return rule.stage == "reconcile" and item["kind"] == "InferenceService"
