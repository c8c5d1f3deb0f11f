"""What the steps of all migrations have in common: the moves, their names, and overrides that keep what each environment has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any

from modelfleet.finding import Location, Pointer
from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass
from modelfleet.resolve.catalog import RuntimeCatalog
from modelfleet.resolve.model import Model, Project, ServedModel
from modelfleet.rules.spec.names import LABEL
from modelfleet.spec.load import Document
from modelfleet.spec.merge import ANY, replaced_whole

SUFFIXES = ("-standard", "-std", "-s")
"""What a new name ends with, the clearest first; the shorter ones are for names that leave no room."""

_NAMED = lazy_pattern(r"(.+)-(?:standard|std|s)(?:-\d+)?")


class NotMigratable(Exception):
    """Something cannot be brought over; `at` is what is to blame."""

    def __init__(self, at: Location, message: str) -> None:
        super().__init__(f"{at}: {message}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A model in an environment, and the one that stands beside it. `pointer` leads to the old one in the merged spec."""

    environment: str
    pointer: Pointer
    old: str
    new: str
    server: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MigratedSpec:
    """A project that is migrated: its spec, what that resolves to in each environment, and which of these are asked for."""

    name: str
    document: Document
    projects: Mapping[str, Project]
    chosen: frozenset[str]
    runtime_catalog: RuntimeCatalog

    @property
    def shared(self) -> dict[str, Any]:
        """What the spec says for all environments."""
        return {key: value for key, value in self.document.data.items() if key != "environments"}

    @property
    def overrides(self) -> Mapping[str, Mapping[str, Any]]:
        """What it says for each."""
        found: Mapping[str, Mapping[str, Any]] = self.document.data["environments"]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step as data: what the spec is to say, which entries are written like which, the moves, and what to know of them."""

    wanted: Mapping[str, Any]
    moves: tuple[Move, ...]
    copies: Mapping[Pointer, Pointer] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MigratedFacts:
    """A project that is migrated by facts of its environments: their files, and all projects that run in each."""

    name: str
    base: Document | None
    documents: Mapping[str, Document]
    projects: Mapping[str, tuple[Project, ...]]
    chosen: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsStep:
    """A step as data: what the files of environments are to say, and what to know of it."""

    wanted: Mapping[str, Mapping[str, Any]]
    remarks: tuple[str, ...]


# ---- names -----------------------------------------------------------------------------------------------------------


def new_name(subject: MigratedSpec, old: str, taken: Iterable[str]) -> str:
    """A name for what stands beside a model, short enough for the host of its Service in each environment."""
    known = {*taken, *(subject.shared.get("connections") or {})}
    longest = max(len(project.namespace) for project in subject.projects.values())
    room = LABEL - len("-predictor-") - longest
    ending = next((suffix for suffix in SUFFIXES if len(old) + len(suffix) <= room), SUFFIXES[-1])
    number = 1
    while True:
        tail = ending if number == 1 else f"{ending}-{number}"
        name = old[: max(room - len(tail), 1)].rstrip("-") + tail
        if name not in known:
            return name
        number += 1


def beside(old: Model | ServedModel, project: Project) -> str | None:
    """The model that was put beside another: named after it, in standard mode, with its files and its format."""
    for model in project.models:
        named = _NAMED.fullmatch(model.name)
        if model.mode != "standard" or model.llm is not None or named is None or not old.name.startswith(named[1]):
            continue
        if model.name != old.name and _files(model) == _files(old):
            return model.name
    return None


def _files(model: Model | ServedModel) -> tuple[Any, ...]:
    where = model.location
    path, address = (text.strip("/") if text else None for text in (where.path, where.uri))
    return where.connection_name, path, address, where.pvc, model.format.name if model.format else None


# ---- layers ----------------------------------------------------------------------------------------------------------


def difference(below: Mapping[str, Any], wanted: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
    """What has to lie over an entry so that it becomes another."""
    found: dict[str, Any] = {key: None for key in below if key not in wanted}
    for key, value in wanted.items():
        old, deeper = below.get(key), whole.get(key, whole.get(ANY, {ANY: None}))
        if key in below and old == value:
            continue
        if isinstance(old, dict) and isinstance(value, dict) and deeper != {}:
            found[key] = difference(old, value, deeper or {})
        else:
            found[key] = value
    return found


def layered(
    subject: MigratedSpec, shared: Mapping[str, Any], wanted: Mapping[str, Mapping[str, Any]], new: Iterable[str]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """New models as the shared part of the spec and its overrides say them: `wanted` is what each environment is to have.

    Environments without one of these stay without it.
    """
    names = list(new)
    below = {**(subject.shared.get("models") or {}), **shared}
    overrides = {}
    for environment, written in subject.overrides.items():
        models = {key: value for key, value in (written.get("models") or {}).items() if key not in names}
        for name in names:
            here, kept = wanted.get(environment, {}).get(name), written.get("models") or {}
            if here is None:
                if name in kept:
                    models[name] = kept[name]
                elif name in below and name not in subject.projects[environment].model_names:
                    models[name] = None
            elif name not in below:
                models[name] = dict(here)
            elif over := difference(below[name], here, replaced_whole("project")["models"][ANY]):
                models[name] = over
        overrides[environment] = models
    return below, overrides


def with_models(
    subject: MigratedSpec, models: Mapping[str, Any], overrides: Mapping[str, Mapping[str, Any]], behind: str
) -> dict[str, Any]:
    """The spec with other models; where it had none, they stand behind another key."""
    data = _placed(subject.document.data, models, behind)
    data["environments"] = {
        name: _placed(written, overrides[name], behind) for name, written in subject.overrides.items()
    }
    return data


def _placed(written: Mapping[str, Any], models: Mapping[str, Any], behind: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in written.items():
        found[key] = value
        if key == behind and models and "models" not in written:
            found["models"] = dict(models)
    if models:
        found["models"] = dict(models)
    else:
        found.pop("models", None)
    if "environments" in found:  # a block goes before them
        found["environments"] = found.pop("environments")
    return found


def called(data: Mapping[str, Any], names: Mapping[str, str], *, keep: bool) -> dict[str, Any]:
    """The spec whose consumers call new models, beside the old ones or in their place."""
    found = dict(data)
    if not isinstance(found.get("consumers"), dict):
        return found
    found["consumers"] = {
        who: {**facts, "models": _renamed(facts["models"], names, keep=keep)}
        if facts and facts.get("models")
        else facts
        for who, facts in found["consumers"].items()
    }
    return found


def _renamed(models: list[str], names: Mapping[str, str], *, keep: bool) -> list[str]:
    def each() -> Iterator[str]:
        for name in models:
            if name not in names or keep:
                yield name
            if name in names:
                yield names[name]

    return list(dict.fromkeys(each()))
