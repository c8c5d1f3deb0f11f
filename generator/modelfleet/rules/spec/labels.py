"""Labels and annotations of one's own, and the name under which a model answers."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.kubernetes.names import WAVE
from modelfleet.rules import Violation
from modelfleet.rules.spec.subjects import OfModel, OfProject, spec_rule
from modelfleet.spec.fields import decided_metadata, decided_of_namespace, fields, is_distributed


@spec_rule("NAME007", "Something else decides the label or annotation")
def decided_elsewhere(subject: OfProject) -> Iterator[Violation]:
    unsaid = {(model.pointer, field) for model in subject.project.models for field in model.omit}
    for pointer, part, key in _written(subject.project.spec.data):
        if any((pointer, field) in unsaid for field in _shown_by(part, key)):
            continue
        mode = _mode(subject.project.spec.data, pointer)
        why = next((why for (where, own), why in _decided(mode) if where == part and fnmatchcase(key, own)), None)
        if why is not None:
            yield Violation(
                pointer=(*pointer, part, key),
                key=True,
                message=f"{part.removesuffix('s')} {key} is not yours to write: {why}",
                hint="remove it here",
            )
    yield from _of_namespace(subject)


def _of_namespace(subject: OfProject) -> Iterator[Violation]:
    """The same of the Namespace, which Argo CD applies with the Secrets where those come first."""
    decided = [*decided_of_namespace()]
    if subject.environment.argocd.secrets_first:
        decided.append((("annotations", WAVE), "argocd.secretsFirst in the environment says it"))
    for field, part in (("namespaceLabels", "labels"), ("namespaceAnnotations", "annotations")):
        for key in subject.project.spec.data.get(field) or {}:
            why = next((why for (where, own), why in decided if where == part and fnmatchcase(key, own)), None)
            if why is not None:
                yield Violation(
                    pointer=(field, key),
                    key=True,
                    message=f"{part.removesuffix('s')} {key} is not yours to write: {why}",
                    hint="remove it here",
                )


def _shown_by(part: str, key: str) -> Iterator[str]:
    """The fields that say nothing but what is shown, and say it there: who leaves them unsaid may say it otherwise."""
    for name in ("displayName", "description", "modelType"):
        if any(path.steps == ("metadata", part, key) for path in fields()[name].paths):
            yield name


def _mode(data: Any, pointer: Pointer) -> str | None:
    """The deployment mode of an entry; None for a project, whose entries may have any."""
    if pointer[:1] != ("models",):
        return None
    entry = data["models"][pointer[1]]
    return "distributed" if is_distributed(entry) else entry.get("mode") or "standard"


def _decided(mode: str | None) -> Iterator[tuple[tuple[str, str], str]]:
    return (((steps[0], steps[1]), why) for steps, why in decided_metadata(mode))


def _written(data: Any) -> Iterator[tuple[Pointer, str, str]]:
    """Every label and annotation of a project: where, which of the two, and its key."""
    entries: list[tuple[Pointer, Any]] = [((), data)]
    for section in ("models", "servers"):
        entries += [((section, name), entry) for name, entry in (data.get(section) or {}).items()]
    for pointer, entry in list(entries):
        if pointer[:1] == ("servers",):
            entries += [((*pointer, "models", name), one) for name, one in (entry.get("models") or {}).items()]
    for pointer, entry in entries:
        for part in ("labels", "annotations"):
            yield from ((pointer, part, key) for key in entry.get(part) or {})


@spec_rule("OPT020", "The engine answers under one name only")
def name_that_cannot_be_told(subject: OfModel) -> Iterator[Violation]:
    model = subject.model
    if model.served_name is None or model.llm is not None or model.engine is None:
        return
    if model.engine.facts["servedNameArg"] is None:
        yield Violation(
            pointer=(*model.pointer, "servedName"),
            key=True,
            message=f"{model.engine.facts['title']} cannot serve under another name than {model.name!r}",
            hint="remove servedName, or give the model that name",
        )
        return
    rest = model.engine.facts["endpoints"]["rest"]
    in_paths = [name for name in (rest["protocols"] if rest else ()) if name in ("v1", "v2")]
    if in_paths and ("/" in model.served_name or ":" in model.served_name):
        yield Violation(
            pointer=(*model.pointer, "servedName"),
            message=f"clients write the name into paths such as /{in_paths[0]}/models/<name>, where '/' and ':' divide",
            hint="write a name without them",
        )
