"""Which runtime a model of the spec names: one of the catalogue that renders what was given, else a file of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from typing import Any

from modelfleet.importer.draft import SpecDraft, template_of
from modelfleet.importer.given import GivenObject
from modelfleet.importer.lenient import Workshop, runtime_file
from modelfleet.importer.residue import spec_steps, steps_between
from modelfleet.kubernetes.objects import Object, same_value
from modelfleet.resolve.catalog import release_names, shipped_runtime

Entry = tuple[str, ...]
"""The way to a model or server in the spec."""


def choose_runtimes(
    draft: SpecDraft, workshop: Workshop, used_elsewhere: Collection[str]
) -> tuple[dict[Entry, str], dict[str, Object]]:
    """By entry the name of its runtime, and the files of those that the catalogue does not have."""
    chosen: dict[Entry, str] = {}
    files: dict[str, Object] = {}
    for entry, given in draft.runtimes.items():
        name = _from_catalogue(draft, entry, given, workshop)
        chosen[entry] = name if name is not None else _own(given, files, workshop, used_elsewhere)
    return chosen, files


def with_runtimes(draft: SpecDraft, chosen: Mapping[Entry, str]) -> dict[str, Any]:
    """The spec of the draft with the runtimes that were chosen."""
    spec = deepcopy(draft.spec)
    for (kind, name), runtime in ((entry, chosen[entry]) for entry in chosen):
        fields = spec[kind][name]
        spec[kind][name] = {
            **{key: fields[key] for key in ("displayName", "description") if key in fields},
            "runtime": runtime,
            **{key: value for key, value in fields.items() if key not in ("displayName", "description")},
        }
    return spec


def _from_catalogue(draft: SpecDraft, entry: Entry, given: GivenObject, workshop: Workshop) -> str | None:
    """The runtime of the catalogue that is rendered to just this one's spec."""
    for name in _candidates(given, workshop):
        for one in workshop.rendered(with_runtimes(draft, {entry: name})):
            fits = one.object["kind"] == "ServingRuntime" and one.manifest.pointer == entry
            if fits and not spec_steps(steps_between(one.object, given)):
                return name
    return None


def _candidates(given: GivenObject, workshop: Workshop) -> Iterator[str]:
    """Names of the catalogue, those that the object itself tells of first."""
    environment = workshop.environment
    known = workshop.catalog.names(environment.name, environment.release.name if environment.release else None)
    template = template_of(given) or ""
    told = [template, template.removesuffix("-template"), given.name]
    yield from (name for name in dict.fromkeys(told) if name in known)
    images = {str(one.get("image")) for one in given.object["spec"].get("containers") or () if isinstance(one, dict)}
    for name in known:
        choice = environment.runtimes.get(name)
        own = {layer_name for _, layer_name in workshop.catalog.runtimes}
        if name not in told and (name in own or (choice is not None and images & set(choice.images.values()))):
            yield name


def _own(given: GivenObject, files: dict[str, Object], workshop: Workshop, used: Collection[str]) -> str:
    """The name of a file for this runtime; runtimes that are the same share one."""
    for name, item in files.items():
        if same_value(item["spec"], given.object["spec"]) and _alike(item, given.object):
            return name
    environment = workshop.environment
    taken = {*files, *used, *(name for _, name in workshop.catalog.runtimes)}
    template = (template_of(given) or "").removesuffix("-template")
    for name in (template, given.name, f"{given.name}-{workshop.project}"):
        if name and name not in taken and not _shipped(name, environment.release.name if environment.release else None):
            break
    else:
        name = next(f"{given.name}-{number}" for number in range(2, 10_000) if f"{given.name}-{number}" not in taken)
    files[name] = runtime_file(name, given)
    return name


def _alike(one: Object, other: Object) -> bool:
    """Whether two runtimes carry the same labels."""
    return same_value(one["metadata"].get("labels"), other["metadata"].get("labels"))


def _shipped(name: str, release: str | None) -> bool:
    if release is None or release not in release_names():
        return False
    try:
        shipped_runtime(release, name)
    except KeyError:
        return False
    return True
