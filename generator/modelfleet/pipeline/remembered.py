"""What was made of the hand-written files before, as far as they are the same: so nothing is rendered twice.

A project is remembered under the hash of everything that it is made from: the tool, its own file, the environments and all
else that projects share. A whole run is remembered too, so that one in which nothing changed needs to read no YAML. Only
what is in order is remembered, warnings with it. What is remembered says what is meant, never what is in the tree.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelfleet.finding import Finding, Location, MachineFailed, Severity
from modelfleet.kubernetes.objects import Object
from modelfleet.records import dataclass
from modelfleet.resolve.fleet import ProjectBrief
from modelfleet.spec.discover import Sources
from modelfleet.spec.source import read_content
from modelfleet.tools.edition import tool_edition
from modelfleet.tools.folder import cache_folder
from modelfleet.tools.store import Memory

# ---- what a run is made from -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Snapshot:
    """The digests of all hand-written files, and what else the outcome depends on."""

    sources: Sources
    digests: Mapping[str, str]
    machine: str

    def key(self, project: str | None = None) -> str:
        """Under which a project is remembered, or the whole run."""
        named = list(self.digests) if project is None else [*self._shared(), *self._files(project)]
        return _digest([project or "", self.machine, *(f"{file} {self.digests[file]}" for file in named)])

    def _shared(self) -> Iterator[str]:
        projects, objects = set(self.sources.projects.values()), set(self.sources.objects.values())
        yield from (file for file in self.digests if file not in projects and file not in objects)

    def _files(self, project: str) -> Iterator[str]:
        yield self.sources.projects[project]
        yield from (file for (owner, _, _), file in self.sources.objects.items() if owner == project)


def snapshot_of(root: Path, sources: Sources, memory: Memory, *, anywhere: bool = False) -> Snapshot:
    """The hand-written files as they are now. Raises as reading them does.

    `anywhere`: it is to be the same on every machine, whatever is at hand there.
    """
    import hashlib

    shared = [*([sources.base] if sources.base else []), *sources.environments.values(), *sources.runtimes.values()]
    files = [*sources.projects.values(), *shared, *sources.models.values(), *sources.crds, *sources.objects.values()]
    digests = {file: hashlib.sha256(read_content(root, file)).hexdigest() for file in files}
    machine = [tool_edition(memory)]
    if sources.objects and not anywhere:  # they are checked with the schemas that are at hand
        place = cache_folder(root) / "schemas"
        machine += sorted(path.name for path in place.iterdir()) if place.is_dir() else []
    return Snapshot(sources, digests, _digest(machine))


def _digest(parts: Iterable[str]) -> str:
    import hashlib

    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


# ---- findings and briefs as plain data -------------------------------------------------------------------------------


def finding_row(found: Finding) -> list[Any]:
    """A finding as plain data."""
    said = (found.code, found.message, found.path, found.hint)
    return [found.at, *said, found.see, str(found.severity), found.environments, found.policy, found.reason]


def finding_from(row: Any) -> Finding:
    """The finding that such data stand for."""
    at, code, message, path, hint, see, severity, environments, policy, reason = row
    return Finding(
        at=Location(*at),
        code=code,
        message=message,
        path=path,
        hint=hint,
        see=None if see is None else Location(*see),
        severity=Severity(severity),
        environments=tuple(environments),
        policy=policy,
        reason=reason,
    )


def brief_row(brief: ProjectBrief) -> list[Any]:
    """A brief as plain data."""
    return [getattr(brief, name) for name in ProjectBrief.__slots__]


def brief_from(row: Any) -> ProjectBrief:
    """The brief that such data stand for."""
    name, environment, namespace, served, objects, accelerators, kinds, conditions, unknown = row
    return ProjectBrief(
        name=name,
        environment=environment,
        namespace=namespace,
        served=served,
        objects=objects,
        accelerators=tuple((identifier, used, quota) for identifier, used, quota in accelerators),
        kinds=tuple((group, kind, of_cluster) for group, kind, of_cluster in kinds),
        conditions=tuple(conditions),
        unknown=tuple(unknown),
    )


def object_rows(objects: Sequence[Sequence[Object]]) -> tuple[list[Object], list[list[int]]]:
    """The objects of a project, each once, and which of them there are in each environment: most are the same in several."""
    numbers: dict[bytes, int] = {}
    items: list[Object] = []
    rows: list[list[int]] = []
    for here in objects:
        rows.append([])
        for item in here:
            number = numbers.setdefault(marshal.dumps(item, 2), len(items))
            if number == len(items):
                items.append(item)
            rows[-1].append(number)
    return items, rows


def objects_from(items: Sequence[Object], rows: Sequence[Sequence[int]]) -> list[list[Object]]:
    """The objects of a project in each of its environments."""
    return [[items[number] for number in row] for row in rows]


# ---- what is made when it is asked for -------------------------------------------------------------------------------


class FilesOnDemand(Mapping[str, str]):
    """The files of several projects, of which those that are remembered are fetched when somebody looks into one."""

    def __init__(self, parts: Iterable[Callable[[], Mapping[str, str]]]) -> None:
        self._parts = list(parts)
        self._all: dict[str, str] = {}

    def _known(self) -> dict[str, str]:
        while self._parts:
            self._all |= self._parts.pop(0)()
        return self._all

    def __getitem__(self, path: str) -> str:
        return self._known()[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())


class NamedOnDemand(Mapping[str, Any]):
    """Values whose names are known, made all at once when somebody asks for one."""

    def __init__(self, names: Iterable[str], make: Callable[[], Mapping[str, Any]]) -> None:
        self._names = dict.fromkeys(names)
        self._make = make
        self._made: Mapping[str, Any] | None = None

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        if self._made is None:
            self._made = self._make()
        if name not in self._made:
            raise changed_meanwhile()
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def changed_meanwhile() -> MachineFailed:
    """What is said where files are not any more what they were when the run began."""
    return MachineFailed("a hand-written file was changed while it was read; run it again")
