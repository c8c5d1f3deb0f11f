"""What every command prints and how it ends: lines, findings, JSON, and the exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from modelfleet.finding import Finding, Severity
from modelfleet.records import dataclass
from modelfleet.wording import printable

if TYPE_CHECKING:
    from modelfleet.report.source_lines import SourceLines

FINE, WRONG, USAGE, DRIFT, POLICY, MACHINE, BUG = 0, 1, 2, 3, 4, 5, 70
_HARMLESS_LENGTH = 15
DOCUMENT_FORMATS = ("json", "sarif", "gitlab")
"""Those that are one document on stdout, so that nothing else may stand there."""

FORMATS = click.Choice(["text", "json", "github", "sarif", "gitlab"])
SCREEN = "modelfleet.screen"
"""Where a context keeps its screen."""


class Exit(Exception):
    """Ends the command with an exit code; everything is printed already."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def put(text: str, *, err: bool = False, end: str = "\n", color: bool | None = None) -> None:
    """Prints a text as it is, but for what has the shape of a secret: whatever it stands in, it is not told."""
    if len(text) > _HARMLESS_LENGTH:
        from modelfleet.spec.secret_shapes import without_shapes

        text = without_shapes(text)
    click.echo(f"{text}{end}", err=err, nl=False, color=color)


def say(text: str = "") -> None:
    """A line for the user."""
    put("\n".join(map(printable, text.split("\n"))))


def tell(text: str) -> None:
    """A line that is not a result: findings, progress."""
    put(text, err=True)


def print_json(data: object) -> None:
    """A result for machines."""
    import json

    put(json.dumps(data, ensure_ascii=False, indent=2).replace("##[", "\\u0023#["))  # see `printable`


def show_findings(findings: Iterable[Finding], form: str, screen: Screen | None = None) -> None:
    """Prints findings, one a line, in the format that was asked for; on a terminal with the line that they are about."""
    found = list(findings)
    if form in DOCUMENT_FORMATS:
        print_json(_document(found, form))
        return
    screen = screen or screen_in_use()
    lines = _source_lines(screen.root) if screen.decorated else None
    for finding in found:
        _show(finding, screen, lines.of(finding) if lines else [])
        if form == "github":
            from modelfleet.report.findings import finding_github

            put(finding_github(finding))


def _document(found: Sequence[Finding], form: str) -> object:
    from modelfleet.report.findings import code_quality, finding_json, sarif

    if form == "sarif":
        from modelfleet.reference.reference import titles

        return sarif(found, titles({finding.code for finding in found}))
    return code_quality(found) if form == "gitlab" else [finding_json(finding) for finding in found]


def _source_lines(root: Path | None) -> SourceLines | None:
    from modelfleet.report.source_lines import SourceLines

    return SourceLines(root) if root is not None else None


_STYLES: Mapping[Severity, Mapping[str, Any]] = {
    Severity.ERROR: {"fg": "red", "bold": True},
    Severity.WARNING: {"fg": "yellow", "bold": True},
    Severity.ACCEPTED: {"fg": "green"},
}


def _show(finding: Finding, screen: Screen, source: Sequence[str]) -> None:
    """A finding as text; in colours only its place, its label and the line below it."""
    if not screen.coloured:
        tell(finding.text())
        for line in source:
            tell(line)
        return
    place = click.style(str(finding.at), bold=True)
    label = click.style(printable(finding.label), **_STYLES[finding.severity])
    put(f"{place}: {label}: {printable(finding.words())}", err=True, color=True)
    for line in source:
        style: Mapping[str, Any] = {"fg": "red", "bold": True} if line.endswith("^") else {"dim": True}
        put(click.style(line, **style), err=True, color=True)


@dataclass
class Screen:
    """What is known of the terminal and of the repository, once the options are read. `color` is that of --color."""

    root: Path | None = None
    color: str = "auto"

    @property
    def decorated(self) -> bool:
        """Whether people read it, and not another program."""
        return self.color == "always" or sys.stderr.isatty()

    @property
    def coloured(self) -> bool:
        """Whether it has colours."""
        return wants_colour(self.color, sys.stderr)


def wants_colour(color: str, stream: TextIO) -> bool:
    """Whether a stream has colours: as --color says, else where it is a terminal that nobody has asked to do without."""
    if color != "auto":
        return color == "always"
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def screen_in_use() -> Screen:
    """That of the command which runs."""
    context = click.get_current_context(silent=True)
    found = context.find_root().meta.get(SCREEN) if context is not None else None
    return found if isinstance(found, Screen) else Screen(color="never")


def exit_code(findings: Iterable[Finding]) -> int:
    """The exit code that errors stand for."""
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if any(finding.policy for finding in errors):
        return POLICY
    return WRONG if errors else FINE


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Rows as columns of text."""
    from modelfleet.report.table import table

    for line in table(rows):
        say(line)
