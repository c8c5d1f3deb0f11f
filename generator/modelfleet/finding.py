"""What is wrong, where, and what to do about it: the one form in which every stage speaks.

A stage collects findings and raises `Rejected` once; only `cli` prints them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from typing import Any, NamedTuple

from modelfleet.records import dataclass
from modelfleet.wording import printable

Pointer = tuple[str | int, ...]
"""Keys and indices from a document's root to one of its values."""


class Severity(StrEnum):
    """An error stops the run; a warning is printed and the run goes on; an accepted one is a warning that is meant to be."""

    ERROR = "error"
    WARNING = "warning"
    ACCEPTED = "accepted"


class Location(NamedTuple):
    """A place in a hand-written file. Lines and columns count from 1, columns in characters."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{printable(self.file)}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    `path` names the field in the spec (`models.granite.accelerator`), `message` says what is wrong with it and `hint` what
    to do. `see` is a second place that matters, such as the line of the environment that offers something else.
    `environments` are those for which it holds; empty where it holds for the file as such. `policy` marks what is refused
    by policy (exit code 4) and not merely wrong (1). `reason` is why it is accepted, where it is.
    """

    at: Location
    code: str
    message: str
    path: str = ""
    hint: str = ""
    see: Location | None = None
    severity: Severity = Severity.ERROR
    environments: tuple[str, ...] = ()
    policy: bool = False
    reason: str = ""

    @property
    def label(self) -> str:
        """How heavy it is, and its code: `error[NET001]`."""
        return f"{self.severity}[{self.code}]"

    def text(self) -> str:
        """The finding as one printable line."""
        return printable(f"{self.at}: {self.label}: {self.words()}")

    def words(self) -> str:
        """What is wrong and what to do, without the place."""
        where = f"{self.path}: " if self.path else ""
        where += f"in {', '.join(self.environments)}: " if self.environments else ""
        remedy = f"; {self.hint}" if self.hint else ""
        see = f" ({self.see})" if self.see else ""
        return f"{where}{self.message}{remedy}{see}"

    def data(self) -> dict[str, object]:
        """The finding for machines."""
        return {
            "file": self.at.file,
            "line": self.at.line,
            "column": self.at.column,
            "severity": str(self.severity),
            "code": self.code,
            "path": self.path,
            "message": self.message,
            "hint": self.hint,
            "reason": self.reason,
            "environments": list(self.environments),
        }

    @property
    def order(self) -> tuple[Location, str, str]:
        """Sorts findings as a reader meets them in the files."""
        return (self.at, self.code, self.message)


class Rejected(Exception):
    """The hand-written files are refused; carries every finding of the stage, warnings included."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings: tuple[Finding, ...] = tuple(findings)
        super().__init__(f"{len(self.findings)} findings")


class MachineFailed(Exception):
    """Something outside of the files failed: I/O, a lock, a missing tool (exit code 5). The message is for the user."""


def dotted(pointer: Pointer) -> str:
    """A pointer as people write it: `models.llama.args[1]`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in pointer)
    return "".join(steps).removeprefix(".")


def pointer_in(data: Any, steps: Iterable[str | int]) -> Pointer:
    """The way to a value of the data, which tells what of it are indices and what are keys, be they numbers."""
    found: list[str | int] = []
    for step in steps:
        found.append(int(step) if isinstance(data, list) and str(step).isdecimal() else str(step))
        try:
            data = data[found[-1]]
        except (LookupError, TypeError):
            data = None
    return tuple(found)


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """Sorted, with findings that differ only in their environments made one that names them all."""
    found: dict[Finding, list[str]] = {}
    for finding in findings:
        names = found.setdefault(replace(finding, environments=()), [])
        names += [name for name in finding.environments if name not in names]
    whole = (replace(finding, environments=tuple(sorted(names))) for finding, names in found.items())
    return sorted(whole, key=lambda finding: finding.order)
