"""What the schemas of a cluster say of built objects."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from modelfleet.finding import Finding, Location, Pointer
from modelfleet.kubernetes.yaml import ParsedObject
from modelfleet.tools.crds import bundled_schemas
from modelfleet.tools.folder import Say
from modelfleet.tools.install import Tool
from modelfleet.tools.kubeconform import kubeconform
from modelfleet.tools.schemas import Schemas
from modelfleet.verify.compare import ExpectedOverlay, OverlayObject, pointer_of_text
from modelfleet.wording import plural

# ---- checking --------------------------------------------------------------------------------------------------------


def conforming(
    root: Path,
    meant: Sequence[ExpectedOverlay],
    built: Mapping[str, list[ParsedObject]],
    by: tuple[Tool, Schemas],
    say: Say,
) -> Iterator[tuple[str, Finding]]:
    """What kubeconform finds wrong, and kubernetes-validate with what kubeconform finds right; by overlay."""
    tool, schemas = by
    objects = sum(len(built[one.folder]) for one in meant)
    if not objects:
        return
    say(f"checking {plural(objects, 'object')} with {tool}")
    overlays = {one.folder: one for one in meant}
    streams = {folder: b"---\n".join(each.text for each in built[folder]) for folder in overlays}
    outcome = kubeconform(tool, schemas, streams)
    refused = set()
    for verdict in outcome.verdicts:
        items = [each.item for each in built[verdict.label]]
        item = next((item for item in items if _is(item, verdict.kind, verdict.name)), {"kind": verdict.kind})
        refused.add((verdict.label, verdict.kind, verdict.name))
        subject = OverlayObject(root, overlays[verdict.label], item)
        code = "VER010" if verdict.status == "invalid" else "VER011"
        for text, what in verdict.problems:
            yield verdict.label, subject.refused(code, pointer_of_text(text, item), what, str(tool))
    seen = outcome.valid + outcome.skipped + len(outcome.verdicts)
    if outcome.skipped or seen != objects:
        yield from _not_seen(meant, f"{tool} judged {seen - outcome.skipped} of {plural(objects, 'object')}")
    for one in meant:
        for each in built[one.folder]:
            if (one.folder, each.item["kind"], each.item["metadata"]["name"]) not in refused:
                yield from _core(OverlayObject(root, one, each.item), schemas.kubernetes)


def _is(item: Mapping[str, Any], kind: str, name: str) -> bool:
    return bool(item["kind"] == kind and item["metadata"]["name"] == name)


def _not_seen(meant: Sequence[ExpectedOverlay], message: str) -> Iterator[tuple[str, Finding]]:
    """Which ones is not known, so none of the overlays counts as verified."""
    for one in meant:
        at = Location(f"{one.folder}/kustomization.yaml")
        yield one.folder, Finding(at=at, code="VER012", message=message, hint="nothing may be skipped; report this")


def _core(subject: OverlayObject, kubernetes: str) -> Iterator[tuple[str, Finding]]:
    """kubernetes-validate's word on a kind of Kubernetes itself. A fast engine finds, the package itself explains."""
    item = subject.item
    validator = _validators(kubernetes)(str(item["kind"]), str(item["apiVersion"]))
    if validator is None or validator.is_valid(item):
        return
    import kubernetes_validate

    pointer: Pointer = ()
    what = "does not fit its schema"
    try:
        kubernetes_validate.validate(item, kubernetes, strict=True)
    except kubernetes_validate.ValidationError as error:
        pointer, what = tuple(error.absolute_path), error.message
    by = f"kubernetes-validate, Kubernetes {kubernetes}"
    yield subject.overlay.folder, subject.refused("VER020", pointer, what, by)


@lru_cache(maxsize=4)
def _validators(kubernetes: str) -> Any:
    """A validator by kind and apiVersion, None for kinds that are not Kubernetes' own; each is compiled once."""
    from modelfleet.json_schema import jsonschema_rs

    folder = bundled_schemas(kubernetes)
    definitions = json.loads((folder / "_definitions.json").read_bytes())
    registry = jsonschema_rs.Registry([(definitions["$id"], definitions)])

    @cache
    def validator(kind: str, api_version: str) -> Any:
        named = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)  # the package's own rule
        path = folder / f"{kind.lower()}-{named}.json"
        if not path.is_file():
            return None
        return jsonschema_rs.Draft202012Validator(json.loads(path.read_bytes()), registry=registry)

    return validator
