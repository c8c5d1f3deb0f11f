"""What is left between the objects that a spec renders and those that were given: patches of the spec, or differences."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.importer.facts import filled_places
from modelfleet.importer.given import GivenObject
from modelfleet.kubernetes.differences import FieldDifference, differences
from modelfleet.kubernetes.json_patch import PatchStep, patch_between
from modelfleet.kubernetes.objects import Object, with_namespace
from modelfleet.kubernetes.quantity import canonical_quantities
from modelfleet.plan.meaning import by_meaning
from modelfleet.render.objects import RenderedObject
from modelfleet.rules.spec.patches import locked_field

PATCHED = ("InferenceService", "ServingRuntime", "LLMInferenceService", "LLMInferenceServiceConfig", "ServiceAccount")
"""Kinds that a spec can patch."""

_PATCHED_ENTRIES = (("models",), ("servers",), ("runtimes",))


def as_written(given: GivenObject, rendered: Object) -> Object:
    """The given object without its namespace, and without what the cluster filled in where the spec says nothing."""
    metadata = {key: value for key, value in given.object["metadata"].items() if key != "namespace"}
    found: Object = canonical_quantities({**given.object, "metadata": metadata})
    for place in filled_places(given.object, live=given.live):
        if _is_absent(rendered, place):
            found = _without(found, place)
    return found


def unlike_given(given: GivenObject, rendered: Object) -> list[FieldDifference]:
    """What of an object is rendered otherwise than it was given."""
    space = str(rendered["metadata"].get("namespace") or rendered["metadata"]["name"])
    wanted = with_namespace(as_written(given, rendered), space)
    return differences(wanted, canonical_quantities(rendered), by_meaning)


def _is_absent(item: Any, place: Sequence[str]) -> bool:
    for step in place:
        if not isinstance(item, dict) or step not in item:
            return True
        item = item[step]
    return False


def _without(item: Any, place: Sequence[str]) -> Any:
    if not isinstance(item, dict) or place[0] not in item:
        return item
    if len(place) == 1:
        return {key: value for key, value in item.items() if key != place[0]}
    return {**item, place[0]: _without(item[place[0]], place[1:])}


def patches_for(
    rendered: Sequence[RenderedObject],
    given: Mapping[tuple[str, str], GivenObject],
    refused: Collection[tuple[Pointer, str, str | None]] = (),
) -> dict[Pointer, dict[str, list[PatchStep]]]:
    """By entry of the spec and kind the steps that make of what it renders what was given, as far as patches may."""
    found: dict[Pointer, dict[str, list[PatchStep]]] = {}
    for one in rendered:
        kind, name = str(one.object["kind"]), str(one.object["metadata"]["name"])
        wanted = given.get((kind, name))
        if wanted is None or kind not in PATCHED or one.manifest.pointer[:1] not in _PATCHED_ENTRIES:
            continue
        place = (one.manifest.pointer, kind)
        steps = [
            step
            for step in steps_between(one.object, wanted)
            if (*place, None) not in refused and (*place, str(step["path"])) not in refused
        ]
        if steps:
            found.setdefault(one.manifest.pointer, {})[kind] = steps
    return found


def steps_between(rendered: Object, wanted: GivenObject) -> list[PatchStep]:
    """The steps that a patch may take."""
    steps = patch_between(canonical_quantities(rendered), as_written(wanted, rendered))
    return [step for step in steps if not any(locked_field((step,), rendered))]


def spec_steps(steps: Sequence[PatchStep]) -> list[PatchStep]:
    """Those below the spec of a runtime, where its file would say it."""
    return [step for step in steps if str(step["path"]).startswith("/spec")]
