"""What every command prints and how it ends: lines, findings, JSON, and the exit codes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from modelfleet.finding import Finding, Severity
from modelfleet.wording import printable

FINE, WRONG, USAGE, DRIFT, POLICY, MACHINE, BUG = 0, 1, 2, 3, 4, 5, 70
FORMATS = click.Choice(["text", "json", "github"])


class Exit(Exception):
    """Ends the command with an exit code; everything is printed already."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def say(text: str = "") -> None:
    """A line for the user."""
    click.echo("\n".join(map(printable, text.split("\n"))))


def tell(text: str) -> None:
    """A line that is not a result: findings, progress."""
    click.echo(text, err=True)


def print_json(data: object) -> None:
    """A result for machines."""
    import json

    click.echo(json.dumps(data, ensure_ascii=False, indent=2))


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

            click.echo(finding_github(finding))


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
