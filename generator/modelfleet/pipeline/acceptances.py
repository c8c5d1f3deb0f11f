"""Warnings that are accepted in the reviewed files, each with its reason: they are shown as such, and stay in sight.

An acceptance in a project's file speaks of what is found there and in the project's objects, one in an environment's file of
what is found in the environments and runtimes. Like every list, that of an override replaces the one below it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from modelfleet.finding import Finding, Location, Severity, merged
from modelfleet.packaged import packaged
from modelfleet.records import dataclass
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.model import Project
from modelfleet.spec.merge import Merged
from modelfleet.wording import did_you_mean

_OF_PROJECTS = ("projects/", "objects/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """An acceptance as it holds in one environment; `project` is None where it stands in an environment's file."""

    at: Location
    index: int
    code: str
    path: str
    reason: str
    environment: str
    project: str | None

    def covers(self, finding: Finding) -> bool:
        """Whether it speaks of a finding, which names at most one environment."""
        file = finding.at.file
        if self.project is None:
            in_file = not file.startswith(_OF_PROJECTS)
        else:
            in_file = file == f"projects/{self.project}.yaml" or file.startswith(f"objects/{self.project}/")
        return (
            in_file
            and self.code == finding.code
            and finding.environments in ((), (self.environment,))
            and (
                not self.path
                or finding.path == self.path
                or finding.path.startswith((f"{self.path}.", f"{self.path}["))
            )
        )


def acceptances_of(environments: Iterable[Environment], projects: Iterable[Project]) -> list[Acceptance]:
    """Every acceptance in the files, in each environment in which it holds."""
    found = [each for one in environments for each in _written(one.facts, one.name, None)]
    return found + [each for one in projects for each in _written(one.spec, one.environment.name, one.name)]


def _written(layers: Merged, environment: str, project: str | None) -> Iterator[Acceptance]:
    for index, entry in enumerate(layers.data.get("accept") or ()):
        yield Acceptance(
            at=layers.at(("accept", index)),
            index=index,
            code=entry["code"],
            path=entry.get("path", ""),
            reason=entry["reason"],
            environment=environment,
            project=project,
        )


def acceptance_row(acceptance: Acceptance) -> list[Any]:
    """An acceptance as plain data."""
    return [getattr(acceptance, name) for name in Acceptance.__slots__]


def acceptance_from(row: Sequence[Any]) -> Acceptance:
    """The acceptance that such data stand for."""
    found = dict(zip(Acceptance.__slots__, row, strict=True))
    return Acceptance(**{**found, "at": Location(*found["at"])})


def with_acceptances(findings: Iterable[Finding], written: Sequence[Acceptance], *, complete: bool) -> list[Finding]:
    """The findings, with warnings that are accepted marked as such, and what is wrong with the acceptances.

    `complete`: everything was looked for, so an acceptance of what is not among the findings accepts nothing.
    """
    said: list[Finding] = []
    needed: set[Location] = set()
    refused: dict[Acceptance, Finding] = {}
    for finding in findings:
        for name in finding.environments or (None,):
            alone = replace(finding, environments=(name,)) if name else finding
            found = next((one for one in written if one.covers(alone)), None)
            if found is None:
                said.append(alone)
            elif alone.severity is Severity.ERROR:
                refused.setdefault(found, alone)
                said.append(alone)
            else:
                needed.add(found.at)
                said.append(_accepted(alone, found))
    said += [_not_acceptable(one, error) for one, error in refused.items() if one.at not in needed]
    if complete:
        said += _unneeded({one.at: one for one in written if one.at not in needed}.values())
    return merged(said)


def _accepted(finding: Finding, acceptance: Acceptance) -> Finding:
    return replace(
        finding,
        severity=Severity.ACCEPTED,
        hint=f"accepted: {acceptance.reason}",
        see=acceptance.at,
        reason=acceptance.reason,
    )


def _not_acceptable(acceptance: Acceptance, error: Finding) -> Finding:
    return Finding(
        at=acceptance.at,
        code="ACC002",
        path=f"accept[{acceptance.index}]",
        message=f"{error.code} is an error there, and only warnings can be accepted",
        hint="fix the error, and delete this entry",
        see=error.at,
    )


def _unneeded(acceptances: Iterable[Acceptance]) -> Iterator[Finding]:
    known = sorted(path.stem for path in (packaged("data") / "rules").glob("*[0-9].yaml"))
    for one in acceptances:
        where = f" at {one.path}" if one.path else ""
        message = (
            f"nothing is found{where} that {one.code} warns of" if one.code in known else f"there is no {one.code}"
        )
        yield Finding(
            at=one.at,
            code="ACC001",
            path=f"accept[{one.index}]",
            message=message,
            hint="delete this entry" if one.code in known else did_you_mean(one.code, known, "delete this entry"),
            severity=Severity.WARNING,
        )
