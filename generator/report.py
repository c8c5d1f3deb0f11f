"""What a run has to say to people: summaries as lines of text, findings in the formats that machines read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from generator.finding import Finding, Severity, printable
from generator.model import Project
from generator.rules.capabilities import accelerators_used


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One environment in a summary. `accelerators`: identifier to how many are used at most, and the projects' quota."""

    environment: str
    release: str
    projects: int
    models: int
    objects: int
    accelerators: Mapping[str, tuple[int, int | None]]
    changes: str


def plural(count: int, word: str) -> str:
    """`1 model`, `2 models`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows with their columns aligned; the first is the heading."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def summary(lines: Sequence[Line]) -> Iterator[str]:
    """The summary of a rendered fleet: a row an environment."""
    rows = [("ENVIRONMENT", "RELEASE", "PROJECTS", "MODELS", "OBJECTS", "ACCELERATORS", "CHANGES")]
    for line in lines:
        used = ", ".join(
            f"{count} of {quota} {name}" if quota is not None else f"{count} {name}"
            for name, (count, quota) in line.accelerators.items()
        )
        rows.append(
            (
                line.environment,
                line.release.rpartition(" ")[2] if line.release else "-",
                str(line.projects),
                str(line.models),
                str(line.objects),
                used or "-",
                line.changes,
            )
        )
    yield from table(rows)


def accelerators_of(projects: Iterable[Project]) -> dict[str, tuple[int, int | None]]:
    """For each identifier: how many the projects use at most, and the sum of their quotas where all have one."""
    found: dict[str, tuple[int, int | None]] = {}
    for project in projects:
        for identifier, used, quota in accelerators_used(project):
            before, limit = found.get(identifier, (0, 0))
            found[identifier] = (before + used, None if quota is None or limit is None else limit + quota)
    return found


MOST_NAMED = 4


def changed_projects(states: Mapping[str, str]) -> str:
    """What happened to which project, in a few words; whatever is removed is named."""
    words = []
    for state in ("removed", "changed", "new"):
        names = sorted(name for name, found in states.items() if found == state and (name, state) != ("argocd", "new"))
        if state != "removed" and len(names) > MOST_NAMED:
            words.append(f"{len(names)} {state}")
        elif names:
            words.append(f"{', '.join(names)} {state}")
    return "; ".join(words) or "none"


def label_commands(projects: Iterable[Project]) -> Iterator[str]:
    """The labels that namespaces made elsewhere need; without them models never load or are not shown."""
    for project in projects:
        if not project.environment.managed:
            word = "true" if project.platform == "multi-model" else "false"
            yield (
                f"oc label namespace {project.namespace} opendatahub.io/dashboard=true "
                f"modelmesh-enabled={word} --overwrite  # {project.environment.name}"
            )


def finding_json(finding: Finding) -> dict[str, object]:
    """A finding for machines."""
    return {
        "file": finding.at.file,
        "line": finding.at.line,
        "column": finding.at.column,
        "severity": str(finding.severity),
        "code": finding.code,
        "path": finding.path,
        "message": finding.message,
        "hint": finding.hint,
        "environments": list(finding.environments),
        "policy": finding.policy,
    }


def finding_github(finding: Finding) -> str:
    """A finding as a workflow command, so that it shows on its line in a pull request."""
    level = "error" if finding.severity is Severity.ERROR else "warning"
    place = f"file={_property(finding.at.file)},line={finding.at.line},col={finding.at.column}"
    text = f"{finding.path}: {finding.message}" if finding.path else finding.message
    whole = f"{text}; {finding.hint}" if finding.hint else text
    return f"::{level} {place},title={_property(finding.code)}::{_escaped(whole)}"


def _escaped(text: str) -> str:
    return printable(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
