"""Which runtime a model of the spec names: one of the catalogue that renders what was given, else a file of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from copy import deepcopy
from dataclasses import field
from typing import Any

from modelfleet.importer.draft import SpecDraft, template_of
from modelfleet.importer.given import GivenObject
from modelfleet.importer.lenient import Workshop, runtime_file
from modelfleet.importer.residue import spec_steps, steps_between
from modelfleet.kubernetes.json_patch import PatchStep
from modelfleet.kubernetes.objects import Object, mapping, same_value
from modelfleet.records import dataclass
from modelfleet.resolve.catalog import release_names, shipped_runtime

Entry = tuple[str, ...]
"""The way to a model or server in the spec."""


@dataclass(slots=True)
class ChosenRuntimes:
    """By entry the name of its runtime, by name those that the project shares, and the files that it needs in runtimes/."""

    names: dict[Entry, str] = field(default_factory=dict)
    shared: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, Object] = field(default_factory=dict)


def choose_runtimes(draft: SpecDraft, workshop: Workshop, used_elsewhere: Collection[str]) -> ChosenRuntimes:
    """A runtime of its own for a model of its name, where that renders what was given; else one that is shared, as it is."""
    found = ChosenRuntimes(names=dict(draft.absent))
    for name in draft.absent.values():
        found.shared[name] = {"existing": True}
    for given in {one.name: one for one in (*draft.runtimes.values(), *draft.idle)}.values():
        users = [entry for entry, one in draft.runtimes.items() if one is given]
        if users == [("servers", given.name)]:
            of_catalogue = _from_catalogue(draft, users[0], given, workshop)
            found.names[users[0]] = of_catalogue or _own(given, found.files, workshop, used_elsewhere)
        elif users == [("models", given.name)] and (own := _own_model(draft, given, workshop, used_elsewhere)):
            name, files = own
            found.names[users[0]] = name
            found.files |= files
        else:
            found.shared[given.name] = _shared(draft, given, found.files, workshop, used_elsewhere)
            found.names |= dict.fromkeys(users, given.name)
    return found


def with_runtimes(draft: SpecDraft, chosen: ChosenRuntimes) -> dict[str, Any]:
    """The spec of the draft with the runtimes that were chosen."""
    spec = deepcopy(draft.spec)
    for (kind, name), runtime in chosen.names.items():
        fields = spec[kind][name]
        spec[kind][name] = {
            **{key: fields[key] for key in ("displayName", "description") if key in fields},
            "runtime": runtime,
            **{key: value for key, value in fields.items() if key not in ("displayName", "description")},
        }
    if not chosen.shared:
        return spec
    below = {key: spec.pop(key) for key in ("models", "servers") if key in spec}
    return spec | {"runtimes": deepcopy(chosen.shared)} | below


def _from_catalogue(draft: SpecDraft, entry: Entry, given: GivenObject, workshop: Workshop) -> str | None:
    """The runtime of the catalogue that is rendered to just this one's spec."""
    for name in _candidates(given, workshop):
        steps = _left(draft, ChosenRuntimes(names={entry: name}), given, workshop)
        if steps is not None and not spec_steps(steps):
            return name
    return None


def _left(draft: SpecDraft, chosen: ChosenRuntimes, given: GivenObject, workshop: Workshop) -> list[PatchStep] | None:
    """What is left between the ServingRuntime of a spec and the one that was given; None where the spec has none."""
    for one in workshop.with_runtimes(chosen.files.items()).rendered(with_runtimes(draft, chosen)):
        if (one.object["kind"], one.object["metadata"]["name"]) == ("ServingRuntime", given.name):
            return steps_between(one.object, given)
    return None


def _own_model(
    draft: SpecDraft, given: GivenObject, workshop: Workshop, used: Collection[str]
) -> tuple[str, dict[str, Object]] | None:
    """The runtime of the catalogue, else a file, from which the model's own is rendered."""
    entry = ("models", given.name)
    if name := _from_catalogue(draft, entry, given, workshop):
        return name, {}
    files: dict[str, Object] = {}
    name = _own(given, files, workshop, used)
    left = _left(draft, ChosenRuntimes(names={entry: name}, files=files), given, workshop)
    return (name, files) if left == [] else None


def _shared(
    draft: SpecDraft, given: GivenObject, files: dict[str, Object], workshop: Workshop, used: Collection[str]
) -> dict[str, Any]:
    """What a shared runtime is made of: one of the catalogue, else a file that is taken as it is."""
    for name in _candidates(given, workshop):
        entry: dict[str, Any] = {"runtime": name}
        if _left(draft, ChosenRuntimes(shared={given.name: entry}), given, workshop) == []:
            return entry
    taken = {*files, *used, *workshop.catalog_names()}
    names = (given.name, f"{given.name}-{workshop.project}", *(f"{given.name}-{number}" for number in range(2, 10_000)))
    name = next(name for name in names if name not in taken)
    files[name] = runtime_file(name, given)
    kept = workshop.with_runtimes([(name, files[name])]).own(name).object["metadata"]
    entry = {"runtime": name}
    for part in (
        "labels",
        "annotations",
    ):  # some that stand in exported files are a cluster's or Argo CD's, and are dropped
        there = mapping(kept.get(part))
        if more := {
            key: value for key, value in mapping(given.object["metadata"].get(part)).items() if key not in there
        }:
            entry[part] = more
    return entry


def _candidates(given: GivenObject, workshop: Workshop) -> Iterator[str]:
    """Names of the catalogue, those that the object itself tells of first."""
    environment = workshop.environment
    known = workshop.catalog_names()
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
