"""The patches of an imported spec: what its fields do not say of the objects that were given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from modelfleet.importer.given import GivenObject
from modelfleet.importer.lenient import Workshop
from modelfleet.importer.residue import patches_for
from modelfleet.importer.result import ProjectImport
from modelfleet.kubernetes.json_patch import PatchStep, pointer_steps
from modelfleet.spec.fields import decided_metadata


def patch_again(result: ProjectImport, here: Iterable[GivenObject], workshop: Workshop) -> None:
    """Writes the patches that the spec needs as it is now, but no step that was refused."""
    _without_patches(result.spec)
    rendered = workshop.with_runtimes(result.runtimes.items()).rendered(result.spec)
    patches = patches_for(rendered, {(one.kind, one.name): one for one in here}, result.refused_steps)
    _add_patches(result.spec, patches)


def _without_patches(spec: dict[str, Any]) -> None:
    for section in ("models", "servers", "runtimes"):
        for entry in spec.get(section, {}).values():
            entry.pop("patch", None)
            for served in (entry.get("models") or {}).values() if section == "servers" else ():
                served.pop("patch", None)


def _add_patches(spec: dict[str, Any], patches: Mapping[Any, Mapping[str, Any]]) -> None:
    """Writes patches under the entries that they belong to; what labels and annotations of a server can say, as these."""
    for pointer, kinds in patches.items():
        entry = spec
        for step in pointer:
            entry = entry[step]
        if pointer[:1] == ("servers",) and len(pointer) == len(("servers", "name")):
            kinds = {kind: _but_metadata(entry, steps) for kind, steps in kinds.items()}
        if kinds := {kind: steps for kind, steps in kinds.items() if steps}:
            entry["patch"] = {kind: list(steps) for kind, steps in kinds.items()}


def _but_metadata(server: dict[str, Any], steps: Iterable[PatchStep]) -> list[PatchStep]:
    """The steps without those that add a label or an annotation, which are written as such."""
    left = []
    for step in steps:
        _, part, key, *below = (*pointer_steps(str(step["path"])), None, None)
        known = [name for (where, name), _ in decided_metadata("server") if where == part]
        decided = any(fnmatchcase(str(key), name) for name in known)
        if step["op"] != "add" or part not in ("labels", "annotations") or below != [None, None] or decided:
            left.append(step)
        else:
            server.setdefault(part, {})[key] = step["value"]
    return left
