"""What every command prints and how it ends: lines, findings, JSON, and the exit codes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from modelfleet.finding import Finding, Severity
from modelfleet.wording import printable

FINE, WRONG, USAGE, DRIFT, POLICY, MACHINE, BUG = 0, 1, 2, 3, 4, 5, 70
_HARMLESS_LENGTH = 15
FORMATS = click.Choice(["text", "json", "github"])


class Exit(Exception):
    """Ends the command with an exit code; everything is printed already."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def put(text: str, *, err: bool = False, end: str = "\n") -> None:
    """Prints a text as it is, but for what has the shape of a secret: whatever it stands in, it is not told."""
    if len(text) > _HARMLESS_LENGTH:
        from modelfleet.spec.secret_shapes import without_shapes

        text = without_shapes(text)
    click.echo(f"{text}{end}", err=err, nl=False)


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


def show_findings(findings: Iterable[Finding], form: str) -> None:
    """Prints findings, one a line, in the format that was asked for."""
    found = list(findings)
    if form == "json":
        from modelfleet.report.findings import finding_json

        print_json([finding_json(finding) for finding in found])
        return
    for finding in found:
        tell(finding.text())
        if form == "github":
            from modelfleet.report.findings import finding_github

            put(finding_github(finding))


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
