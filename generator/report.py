"""What a run has to say to people: summaries as lines of text, findings in the formats that machines read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from generator.finding import Finding, Severity, printable
from generator.model import Environment, Project
from generator.rules.capabilities import accelerators_used


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One environment in a summary."""

    environment: str
    release: str
    projects: int
    models: int
    objects: int
    accelerators: Mapping[str, int]
    changes: str


def plural(count: int, word: str) -> str:
    """`1 model`, `2 models`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def models_of(project: Project) -> int:
    """Deployments and models on servers."""
    return len(project.models) + sum(len(server.models) for server in project.servers)


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows with their columns aligned; the first is the heading."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def summary(lines: Sequence[Line]) -> Iterator[str]:
    """The summary of a rendered fleet: a row an environment."""
    rows = [("ENVIRONMENT", "RELEASE", "PROJECTS", "MODELS", "OBJECTS", "ACCELERATORS", "CHANGES")]
    for line in lines:
        used = ", ".join(f"{count} {name}" for name, count in line.accelerators.items() if count)
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


def quota_lines(projects: Iterable[Project]) -> Iterator[str]:
    """GPUs of each project against its quota, where it has one."""
    for project in projects:
        for identifier, used, quota in accelerators_used(project):
            if quota is not None:
                yield f"  {project.environment.name}/{project.name}: {used} of {quota} {identifier}"


def label_commands(environments: Mapping[str, Environment], projects: Iterable[Project]) -> Iterator[str]:
    """The labels that namespaces made elsewhere need; without them models never load or are not shown."""
    for project in projects:
        if not environments[project.environment.name].managed:
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
