"""A fleet in parts: each machine makes its share of the projects, and one joins what the others have left.

Which projects a shard has follows from the sizes of their files alone, so every machine finds the same. A part holds what was
made of the projects of a shard as plain data, under the hash of all that it was made from, as the user's memory does: to
join is to run the command with all parts for a memory, so its verdict is that of a run on one machine.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from modelfleet.finding import Finding, MachineFailed, Rejected
from modelfleet.pipeline.recall import Recall
from modelfleet.pipeline.remembered import finding_from, finding_row, snapshot_of
from modelfleet.records import dataclass
from modelfleet.resolve.fleet import Fleet
from modelfleet.spec.discover import Sources, discover
from modelfleet.tools.store import Collected, Memory
from modelfleet.wording import listed, printable

_FORMAT = 1
_ENTIRE = ("project", "objects", "files")
_NEEDED: Mapping[str, tuple[str, ...]] = {"plan": _ENTIRE}
"""What of a project the last step of a command needs; for others what is told of projects is enough."""


class Shard(NamedTuple):
    """One of so many parts; numbers count from 1."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"shard {self.number} of {self.of}"


def projects_of(shard: Shard, sizes: Mapping[str, int]) -> frozenset[str]:
    """The projects of a shard, by the sizes of their files: the largest first, each to the shard that has least so far."""
    loads = [0] * shard.of
    own = []
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        least = loads.index(min(loads))
        loads[least] += sizes[name]
        if least == shard.number - 1:
            own.append(name)
    return frozenset(own)


def own_projects(root: Path, sources: Sources, shard: Shard) -> frozenset[str]:
    """The same for a repository. Raises MachineFailed where a file is gone."""
    try:
        return projects_of(shard, {name: (root / file).lstat().st_size for name, file in sources.projects.items()})
    except OSError as error:
        message = f"cannot read {printable(str(error.filename))}: {error.strerror}"
        raise MachineFailed(message) from error


# ---- a part ----------------------------------------------------------------------------------------------------------


@dataclass
class Part:
    """What a shard leaves: its exit code, what it told and counted, and what was made of its projects.

    It is `complete` where all of them could be made; else the code says why not.
    """

    command: str
    shard: Shard
    key: str
    code: int = 0
    complete: bool = False
    told: list[Finding] = field(default_factory=list)
    counted: Sequence[int] = ()
    entries: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Leaves it in a folder. Raises MachineFailed."""
        head = {
            "format": _FORMAT,
            "command": self.command,
            "shard": self.shard,
            "key": self.key,
            "code": self.code,
            "complete": self.complete,
            "told": list(map(finding_row, self.told)),
            "counted": self.counted,
        }
        path = folder / f"{self.command}-{self.shard.number}-of-{self.shard.of}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with gzip.GzipFile(path, "wb", compresslevel=1, mtime=0) as stream:
                stream.write(json.dumps(head).encode() + b"\n")
                for (kind, key), packed in sorted(self.entries.items()):
                    stream.write(f"{kind} {key} ".encode() + zlib.decompress(packed) + b"\n")
        except OSError as error:
            message = printable(f"{path} cannot be written: {error.strerror}")
            raise MachineFailed(message) from error


def _read(path: Path) -> Part:
    """A part as it was left. Raises MachineFailed."""
    try:
        with gzip.GzipFile(path, "rb") as stream:
            head = json.loads(stream.readline())
            if head["format"] != _FORMAT:
                message = printable(f"{path} was left by another version of modelfleet; run its shard again")
                raise MachineFailed(message)
            entries = {}
            for line in stream:
                kind, key, text = line.rstrip(b"\n").split(b" ", 2)
                entries[kind.decode(), key.decode()] = zlib.compress(text, 1)
        return Part(
            command=str(head["command"]),
            shard=Shard(*map(int, head["shard"])),
            key=str(head["key"]),
            code=int(head["code"]),
            complete=bool(head["complete"]),
            told=[finding_from(row) for row in head["told"]],
            counted=[int(count) for count in head["counted"]],
            entries=entries,
        )
    except (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        message = printable(f"{path} is not the part of a shard, or is damaged; run its shard again")
        raise MachineFailed(message) from error


def parts_in(folder: Path, command: str) -> list[Part]:
    """All parts of a command, in their order. Raises MachineFailed where one is missing or does not belong to the others."""
    paths = sorted(folder.glob(f"{command}-*.part"))
    parts = sorted((_read(path) for path in paths), key=lambda part: part.shard)
    if not parts:
        message = f"there is no part of `{command}` in {folder}; `modelfleet {command} --shard I/N --parts {folder}` leaves one"
        raise MachineFailed(printable(message))
    whole = parts[0].shard.of
    missing = sorted({*range(1, whole + 1)} - {part.shard.number for part in parts if part.shard.of == whole})
    if missing:
        said = [f"part {number} of {whole}" for number in missing]
        message = f"{listed(said)} {'is' if len(said) == 1 else 'are'} not in {folder}; run the shards that are missing"
        raise MachineFailed(printable(message))
    if len(parts) > whole or len({part.key for part in parts}) > 1 or parts[0].command != command:
        message = (
            f"the parts in {folder} do not belong together; run all shards on the same files, into an empty folder"
        )
        raise MachineFailed(printable(message))
    return parts


# ---- runs ------------------------------------------------------------------------------------------------------------


class ShardRun:
    """A run on the projects of one shard."""

    def __init__(self, root: Path, command: str, shard: Shard, memory: Memory | None) -> None:
        self.root = root
        self.sources = discover(root)
        # Objects beside the models are checked with the schemas that are at hand, which differ from machine to machine.
        self.memory = Collected(None if self.sources.objects else memory)
        self.own = own_projects(root, self.sources, shard)
        self.snapshot = snapshot_of(root, self.sources, self.memory, anywhere=True)
        self.part = Part(command, shard, self.snapshot.key())

    def fleet(self) -> Fleet:
        """What the shard's projects mean. Raises as the whole does, of what is wrong with them and what all share."""
        recall = Recall(self.root, self.memory, self.snapshot, part=self.own)
        try:
            found = self._made(recall)
        except (Rejected, MachineFailed):
            if not recall.projects:
                raise
            self.memory = Collected()
            found = self._made(Recall(self.root, self.memory, self.snapshot, part=self.own))
        self.part.complete = True
        return found

    def _made(self, recall: Recall) -> Fleet:
        from modelfleet.pipeline.build import fleet_of
        from modelfleet.pipeline.repository import load_repository

        others = self.sources.projects.keys() - self.own
        return fleet_of(self.root, load_repository(self.root, others | recall.projects.keys()), recall=recall)

    def is_own(self, finding: Finding) -> bool:
        """Whether this shard tells of it: what concerns no project is told by the first."""
        place, _, rest = finding.at.file.partition("/")
        if place not in ("projects", "objects"):
            return self.part.shard.number == 1
        name = rest.removesuffix(".yaml") if place == "projects" else rest.partition("/")[0]
        return name in self.own if name in self.sources.projects else self.part.shard.number == 1

    def leave(self, folder: Path, code: int) -> None:
        """Leaves the part, with the exit code of the run. Raises MachineFailed."""
        self.part.code = code
        for name in sorted(self.own) if self.part.complete else ():
            key = self.snapshot.key(name)
            for kind in _NEEDED.get(self.part.command, _ENTIRE[:1]):
                if (kind, key) in self.memory.entries or self.memory.recall(kind, key) is not None:
                    self.part.entries[kind, key] = self.memory.entries[kind, key]
        self.part.write(folder)


class JoinedRun:
    """A run on what all shards have left."""

    def __init__(self, root: Path, command: str, folder: Path) -> None:
        self.root = root
        self.command = command
        self.folder = folder
        self.parts = parts_in(folder, command)

    @property
    def refused(self) -> list[Part]:
        """The parts of shards that ended with an error."""
        return [part for part in self.parts if part.code]

    @cached_property
    def told(self) -> frozenset[Finding]:
        """What the shards have told."""
        return frozenset(finding for part in self.parts for finding in part.told)

    def untold(self, findings: Iterable[Finding]) -> list[Finding]:
        """What no shard has told."""
        return [finding for finding in findings if finding not in self.told]

    def counted(self, own: Sequence[int]) -> list[int]:
        """What all shards counted, and the last step."""
        rows: list[Sequence[int]] = [own, *(part.counted for part in self.parts if len(part.counted) == len(own))]
        return [sum(column) for column in zip(*rows, strict=True)]

    def fleet(self) -> Fleet:
        """Everything, from what the shards have made. Raises `Rejected` and `MachineFailed`."""
        from modelfleet.pipeline.build import fleet_of
        from modelfleet.pipeline.repository import load_repository

        memory = Collected()
        for part in self.parts:
            memory.entries |= part.entries
        snapshot = snapshot_of(self.root, discover(self.root), memory, anywhere=True)
        recall = Recall(self.root, memory, snapshot, bare=self.command not in _NEEDED)
        if snapshot.key() != self.parts[0].key or recall.projects.keys() != snapshot.sources.projects.keys():
            message = f"the parts in {self.folder} were not made from these files by this version; run all shards again"
            raise MachineFailed(printable(message))
        return fleet_of(self.root, load_repository(self.root, recall.projects.keys()), recall=recall)

    def gone(self) -> frozenset[str]:
        """Folders of projects in the generated tree that have no file any more: no shard has them."""
        known = discover(self.root).projects
        found = (
            path.name for path in (self.root / "environments").glob("*/*") if path.is_dir() and not path.is_symlink()
        )
        return frozenset(name for name in found if name not in known)
