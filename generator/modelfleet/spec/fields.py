"""The fields of models and servers: which kinds of workload take them, where they end up in objects, what people call them.

All of it stands in `data/fields.yaml`. What may be written in a field is the project schema's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from typing import Any, Literal, get_args

from modelfleet.finding import Pointer
from modelfleet.packaged import packaged_data
from modelfleet.records import dataclass

WorkloadKind = Literal["standard", "advanced", "multi-node", "distributed", "server", "served"]
"""What a field is written for; `served` is a model on a server."""

WORKLOAD_KINDS: tuple[WorkloadKind, ...] = get_args(WorkloadKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldWords:
    """What people call a part of an object; empty where it speaks for itself.

    `added` and `removed` are whole phrases for one that comes or goes, `values` for one that comes to a value.
    """

    says: str = ""
    added: str = ""
    removed: str = ""
    values: tuple[tuple[str, str], ...] = ()
    first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectPath:
    """A place in objects of a kind (of every kind where `kind` is empty), and below it; `*` in a step stands for anything.

    `words` is None where it is not spoken of, and `modes` limits it to ways of serving. `lock` is the reason why a patch
    may not touch it, but to put one of the values that are `alike` in another's place; `policy` says that nobody but the
    spec decides it.
    """

    kind: str
    steps: tuple[str, ...]
    words: FieldWords | None
    lock: str = ""
    policy: bool = False
    modes: frozenset[str] = frozenset()
    alike: tuple[Any, ...] = ()

    @property
    def weight(self) -> tuple[int, int, bool]:
        """Of several that fit, the heaviest speaks: the longest, then the one with the fewest wildcards."""
        return len(self.steps), sum("*" not in step for step in self.steps), bool(self.modes)

    def serves(self, mode: str | None) -> bool:
        """Whether it is there in a way of serving."""
        return not self.modes or mode in self.modes

    def covers(self, path: Sequence[str | int]) -> bool:
        """Whether a path in an object is this place or below it."""
        return len(path) >= len(self.steps) and all(
            fnmatchcase(str(step), wanted) for step, wanted in zip(path, self.steps, strict=False)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a model or of a server, by its way in the entry: `route`, `route.timeout`.

    `needs` is a capability of releases, or nothing; a test holds it among those that there are. `pod` is the key of a pod's
    spec that its value becomes, `container` that of a serving container, `beside` a field that brings what stands at its
    paths, too, and `knative` the feature without which Knative refuses it. `template` is the name by which the templates of
    a model put in the value as it is, or the word that it `becomes`. A field that is only `judged` ends up in no object.
    """

    name: str
    pod: str
    container: str
    beside: str
    template: str
    becomes: Mapping[str, str]
    knative: str
    refusals: Mapping[WorkloadKind, str]
    judged: bool
    needs: Any
    instead: str
    neutral: tuple[Any, ...]
    paths: tuple[ObjectPath, ...]

    @property
    def pointer(self) -> tuple[str, ...]:
        """Its way in the entry of a model or server."""
        return tuple(self.name.split("."))

    @property
    def nested(self) -> bool:
        """Whether it is a part of another field."""
        return "." in self.name

    def value_in(self, entry: Mapping[str, Any]) -> Any:
        """What an entry of a spec says in it; None where it says nothing."""
        value: Any = entry
        for step in self.name.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        return value

    def word_for(self, value: Any) -> Any:
        """What stands in objects for a value: the value itself, or the word that it becomes."""
        return self.becomes.get(value, value) if self.becomes else value

    def value_of(self, word: Any) -> Any:
        """The value for which a word stands in objects; None where it is not a word of the field."""
        if not self.becomes:
            return word
        return next((value for value, becomes in self.becomes.items() if becomes == word), None)


@lru_cache(maxsize=1)
def fields() -> Mapping[str, Field]:
    """Every field, in the order of the data file."""
    return {name: _field(name) for name in _data()["fields"]}


@lru_cache(maxsize=1)
def needy_fields() -> tuple[Field, ...]:
    """Those that not every release has."""
    return tuple(_field(name) for name, entry in _data()["fields"].items() if "needs" in entry)


@lru_cache(maxsize=1)
def pod_fields() -> tuple[Field, ...]:
    """Those whose values go into every pod of a workload as they are."""
    return tuple(field for field in fields().values() if field.pod)


@lru_cache(maxsize=1)
def container_fields() -> tuple[Field, ...]:
    """Those whose values go into every container that serves as they are."""
    return tuple(field for field in fields().values() if field.container)


@lru_cache(maxsize=1)
def template_fields() -> tuple[Field, ...]:
    """Those whose values the templates of a model put in as they are, or in the words that they become."""
    return tuple(field for field in fields().values() if field.template)


def is_distributed(entry: Mapping[str, Any]) -> bool:
    """Whether a written model is served by llm-d: `llmd: {}` asks for it as `llmd: true` does."""
    return entry.get("llmd") not in (None, False)


def copied_fields(entry: Mapping[str, Any], part: Literal["pod", "container"]) -> Mapping[str, Any]:
    """What the fields of an entry add to the spec of each of its pods, or to each container that serves."""
    parts = {"pod": pod_fields, "container": container_fields}
    copied = ((getattr(field, part), field.value_in(entry)) for field in parts[part]())
    return {key: value for key, value in copied if value or value == 0}


@lru_cache(maxsize=8)
def refused_fields(kind: WorkloadKind) -> tuple[tuple[Field, str], ...]:
    """Those that a kind of workload does not take, and why."""
    return tuple((field, field.refusals[kind]) for field in fields().values() if kind in field.refusals)


def featured() -> Iterator[tuple[Any, str]]:
    """What can be said in some releases only: the capability that decides, and what it is called."""
    for feature in _data()["features"]:
        yield feature["needs"], feature["says"]
    names = {field.needs: field.name for field in reversed(needy_fields())}
    yield from reversed(names.items())


@lru_cache(maxsize=1)
def locked_paths() -> tuple[ObjectPath, ...]:
    """Places that a patch may not touch, those that nobody may touch first."""
    found = [path for path in (*_parts(), *_field_paths()) if path.lock]
    return tuple(sorted(found, key=lambda path: not path.policy))


@lru_cache(maxsize=1)
def decided_of_namespace() -> tuple[tuple[tuple[str, ...], str], ...]:
    """The same as `decided_metadata` of the Namespace of a project."""
    return tuple(
        (_steps(part["at"])[1:], part["written"])
        for part in _data()["parts"]
        if "written" in part and "Namespace" in part.get("kinds", ())
    )


@lru_cache(maxsize=8)
def decided_metadata(mode: str | None = None) -> tuple[tuple[tuple[str, ...], str], ...]:
    """Labels and annotations that are not the user's to write: `(labels, key)`, and what decides them.

    Without a mode those of every way of serving are meant.
    """
    by_field = [
        (path.steps, f"{field.pointer[0]} in the spec says it")
        for field in fields().values()
        for path in field.paths
        if mode is None or path.serves(mode)
    ]
    by_us = [
        (_steps(part["at"]), part["written"])
        for part in _data()["parts"]
        if "written" in part and "kinds" not in part and (mode is None or mode in part.get("modes", (mode,)))
    ]
    return tuple((steps[1:], why) for steps, why in (*by_field, *by_us) if steps[0] == "metadata" and len(steps) == 3)


@lru_cache(maxsize=4096)
def words_for(kind: str, mode: str | None, path: tuple[str, ...]) -> FieldWords:
    """What people call a place in an object of a kind that is served in a mode."""
    fitting = [
        place
        for place in (*_field_paths(), *_parts())
        if place.kind in ("", kind) and place.serves(mode) and place.covers(path)
    ]
    spoken = [place for place in fitting if place.words is not None]
    return (max(spoken, key=lambda place: place.weight).words if spoken else None) or FieldWords()


@lru_cache(maxsize=8)
def phrases(says: str) -> frozenset[str]:
    """What is said when a part that people call so comes or goes."""
    spoken = [place.words for place in (*_field_paths(), *_parts()) if place.words and place.words.says == says]
    texts = ((words.added, words.removed, *(phrase for _, phrase in words.values)) for words in spoken)
    return frozenset(phrase for some in texts for phrase in some if phrase)


def field_at(kind: str, path: Pointer, workload: WorkloadKind) -> Pointer | None:
    """The field from which a part of an object came, and the way inside of its value; None where no field says it."""
    fitting = [
        (place, field)
        for field in fields().values()
        if workload not in field.refusals
        for place in field.paths
        if place.kind == kind and place.serves(workload) and place.covers(path)
    ]
    if not fitting:
        return None
    place, field = max(fitting, key=lambda found: found[0].weight)
    return (*field.pointer, *path[len(place.steps) :])


# ---- from the data ---------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _data() -> Mapping[str, Any]:
    found: Mapping[str, Any] = packaged_data("fields")
    return found


@cache
def _field(name: str) -> Field:
    entry = _data()["fields"][name]
    return Field(
        name=name,
        pod=entry.get("pod", ""),
        container=entry.get("container", ""),
        beside=entry.get("beside", ""),
        template=entry.get("template", ""),
        becomes=entry.get("becomes", {}),
        knative=entry.get("knative", ""),
        refusals=entry.get("not", {}),
        judged=entry.get("judged", False),
        needs=entry.get("needs", ""),
        instead=entry.get("instead", ""),
        neutral=tuple(entry.get("neutral", ())),
        paths=(*_paths(name, entry), *_copied_paths(name, entry, "pod"), *_copied_paths(name, entry, "container")),
    )


def _paths(name: str, entry: Mapping[str, Any]) -> Iterator[ObjectPath]:
    for kind, written in entry.get("paths", {}).items():
        places = written if isinstance(written, dict) else {pointer: {} for pointer in _listed(written)}
        for pointer, own in places.items():
            locked, checked = "locked" in own, "checked" in own
            yield ObjectPath(
                kind=kind,
                steps=_steps(pointer),
                words=_words({**entry, **own}),
                lock=entry["decides"] if locked else f"write {name.partition('.')[0]} in the spec" if checked else "",
                policy=locked,
                modes=frozenset(own.get("modes", ())),
                alike=tuple(own.get("alike", ())),
            )


def _copied_paths(name: str, entry: Mapping[str, Any], part: str) -> Iterator[ObjectPath]:
    """Where a value stands as it is, in every pod or in every container that serves."""
    foreign = "distributed" in _data()["fields"][name.partition(".")[0]].get("not", {})
    for kind, places in _data()[f"{part}s"].items() if part in entry else ():
        for pointer, whose in places.items() if kind != "LLMInferenceService" or not foreign else ():
            words = FieldWords(says=f"{entry['says']}{whose}")
            yield ObjectPath(kind=kind, steps=(*_steps(pointer), entry[part]), words=words)


def _field_paths() -> Iterator[ObjectPath]:
    return (path for field in fields().values() for path in field.paths)


@lru_cache(maxsize=1)
def _parts() -> tuple[ObjectPath, ...]:
    """Places in objects that no field of a model or server decides."""
    return tuple(
        ObjectPath(
            kind=kind,
            steps=_steps(part["at"]),
            words=_words(part) if "says" in part else None,
            lock=part.get("locked", ""),
            policy="locked" in part,
            modes=frozenset(part.get("modes", ())),
        )
        for part in _data()["parts"]
        for kind in part.get("kinds", ("",))
    )


def _words(entry: Mapping[str, Any]) -> FieldWords:
    says = entry.get("says", "")
    if not says:
        return FieldWords()
    return FieldWords(
        says=says,
        added=entry.get("added", ""),
        removed=entry.get("removed", ""),
        values=tuple(entry.get("values", {}).items()),
        first=entry.get("first", False),
    )


def _listed(written: Any) -> list[str]:
    return [written] if isinstance(written, str) else written


def _steps(pointer: str) -> tuple[str, ...]:
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])
