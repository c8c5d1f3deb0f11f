"""From Knative to standard mode, which a deployment cannot change in place: another stands beside it, then the old one goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.kubernetes.names import access_name
from modelfleet.migrate.step import (
    MigratedSpec,
    Move,
    NotMigratable,
    Step,
    beside,
    called,
    layered,
    new_name,
    with_models,
)
from modelfleet.resolve.model import Model, Project

_KNATIVE = "knative.dev"


def add_standard(subject: MigratedSpec) -> Step | None:
    """The step that puts a deployment in standard mode beside each advanced one; None where there is nothing to do."""
    names = _names(subject)
    targets = [
        name
        for name, project in subject.projects.items()
        if name in subject.chosen and any(beside(model, project) is None for model in _advanced(project))
    ]
    if not targets:
        return None
    wanted: dict[str, dict[str, Any]] = {}
    moves, remarks = [], list[str]()
    for environment in targets:
        project = subject.projects[environment]
        for model in _advanced(project):
            new = names[model.name]
            data = project.spec.data["models"][model.name]
            wanted.setdefault(environment, {})[new] = _standard(data, model.name)
            moves.append(Move(environment=environment, pointer=model.pointer, old=model.name, new=new))
            remarks += _remarks(model, new)
    shared, copies = {}, dict[Pointer, Pointer]()
    moved = {move.old: move.new for move in moves}
    for old, new in moved.items():
        written = (subject.shared.get("models") or {}).get(old)
        if written is not None and new not in subject.shared["models"]:
            shared[new] = _standard(written, old)
            copies["models", new] = ("models", old)
        for environment, override in subject.overrides.items():
            if (override.get("models") or {}).get(old) is not None:
                copies["environments", environment, "models", new] = ("environments", environment, "models", old)
    models, overrides = layered(subject, shared, wanted, moved.values())
    data = with_models(subject, _in_order(models, moved), overrides, "connections")
    if len(targets) == len(subject.projects):
        data = called(data, moved, keep=True)
    return Step(wanted=data, moves=tuple(moves), copies=copies, remarks=tuple(dict.fromkeys(remarks)))


def remove_advanced(subject: MigratedSpec) -> Step | None:
    """The step that removes the advanced deployments; None where there are none."""
    moves = []
    for environment, project in subject.projects.items():
        for model in _advanced(project) if environment in subject.chosen else ():
            new = beside(model, project)
            if new is None:
                message = (
                    f"in {environment} {model.name!r} has no counterpart yet; run `modelfleet migrate advanced "
                    f"--project {subject.name} --step add` first"
                )
                raise NotMigratable(project.spec.key_at(model.pointer), message)
            moves.append(Move(environment=environment, pointer=model.pointer, old=model.name, new=new))
    if not moves:
        return None
    places = {old: {move.environment for move in moves if move.old == old} for old in (move.old for move in moves)}
    having = {old: {name for name, one in subject.projects.items() if old in one.model_names} for old in places}
    gone = {old for old in places if places[old] == having[old]}
    moved = {move.old: move.new for move in moves}
    models = {key: value for key, value in (subject.shared.get("models") or {}).items() if key not in gone}
    for old in gone & {*(subject.shared.get("models") or {})}:
        if moved[old] in models:
            models[moved[old]] = _without_caller(models[moved[old]], old)
    overrides = {}
    for environment, written in subject.overrides.items():
        here = {key: value for key, value in (written.get("models") or {}).items() if key not in gone}
        for old in moved:
            if old in gone and isinstance(here.get(moved[old]), dict):
                here[moved[old]] = _without_caller(here[moved[old]], old)
            elif old not in gone and environment in places[old]:
                here.pop(old, None)
                here |= {old: None} if old in (subject.shared.get("models") or {}) else {}
        overrides[environment] = here
    data = with_models(subject, models, overrides, "connections")
    return Step(wanted=called(data, {old: moved[old] for old in gone}, keep=False), moves=tuple(moves))


# ---- what there is ---------------------------------------------------------------------------------------------------


def _advanced(project: Project) -> Iterator[Model]:
    return (model for model in project.models if model.mode == "advanced" and model.llm is None)


def _names(subject: MigratedSpec) -> dict[str, str]:
    projects = subject.projects.values()
    olds = [model for project in projects for model in _advanced(project)]
    pairs = ((model.name, beside(model, project)) for model in olds for project in projects)
    found = {old: new for old, new in pairs if new is not None}
    taken = {name for project in projects for name in project.model_names}
    for model in olds:
        if model.name not in found:
            found[model.name] = new_name(subject, model.name, {*taken, *found.values()})
    return found


def _in_order(models: Mapping[str, Any], moved: Mapping[str, str]) -> dict[str, Any]:
    """Each new model behind the one that it stands beside."""
    found: dict[str, Any] = {}
    for key, value in models.items():
        found.setdefault(key, value)
        if key in moved and moved[key] in models:
            found[moved[key]] = models[moved[key]]
    return found


# ---- what becomes of a model -----------------------------------------------------------------------------------------


def _standard(written: Mapping[str, Any], old: str) -> dict[str, Any]:
    found = {key: value for key, value in written.items() if key != "mode"}
    if "replicas" in found:
        found["replicas"] = _at_least_one(found["replicas"])
    if patches := found.get("patch"):
        kept = {kind: [step for step in steps if not _is_knative(step)] for kind, steps in patches.items()}
        found["patch"] = {kind: steps for kind, steps in kept.items() if steps}
        if not found["patch"]:
            del found["patch"]
    if found.get("tokens"):  # until the old one goes its tokens open both
        found["callers"] = [*(found.get("callers") or ()), _account(old)]
    return found


def _account(old: str) -> dict[str, str]:
    return {"serviceAccount": access_name("ServiceAccount", old)}


def _without_caller(written: Mapping[str, Any], old: str) -> dict[str, Any]:
    found = dict(written)
    callers = [one for one in found.get("callers") or () if one != _account(old)]
    if callers:
        found["callers"] = callers
    else:
        found.pop("callers", None)
    return found


def _at_least_one(replicas: Any) -> Any:
    if isinstance(replicas, dict):
        low = max(replicas["min"], 1)
        return low if low == replicas["max"] else {"min": low, "max": replicas["max"]}
    return max(replicas, 1)


def _is_knative(step: Mapping[str, Any]) -> bool:
    return _KNATIVE in str(step.get("path"))


def _remarks(model: Model, new: str) -> Iterator[str]:
    if model.minimum == 0:
        yield (
            f"{model.name} could scale to 0 replicas while idle; standard mode keeps at least one, so {new} holds its "
            "hardware all the time"
        )
    if model.maximum > max(model.minimum, 1):
        yield f"{new} is scaled by CPU usage, whereas Knative counted requests"
    for kind, steps in model.patches.items():
        for step in steps:
            if _is_knative(step):
                key = str(step["path"]).rsplit("/", 1)[-1].replace("~1", "/").replace("~0", "~")
                yield f"the patch {key} of {kind} {model.name} is left out: only Knative reads it"
