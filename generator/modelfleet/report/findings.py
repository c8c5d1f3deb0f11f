"""Findings for machines: as JSON, and as annotations of a workflow."""

from __future__ import annotations

from modelfleet.finding import Finding, Severity
from modelfleet.wording import printable

# ---- findings --------------------------------------------------------------------------------------------------------


def finding_json(finding: Finding) -> dict[str, object]:
    """A finding for machines, with what decides the exit code."""
    return {**finding.data(), "policy": finding.policy}


def finding_github(finding: Finding) -> str:
    """A finding as a workflow command, so that it shows on its line in a pull request."""
    level = "error" if finding.severity is Severity.ERROR else "warning"
    place = f"file={escaped_property(finding.at.file)},line={finding.at.line},col={finding.at.column}"
    text = f"{finding.path}: {finding.message}" if finding.path else finding.message
    whole = f"{text}; {finding.hint}" if finding.hint else text
    return f"::{level} {place},title={escaped_property(finding.code)}::{escaped_data(whole)}"


def escaped_data(text: str) -> str:
    """Text as the message of a workflow command."""
    return printable(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def escaped_property(text: str) -> str:
    """Text as a property of a workflow command."""
    return escaped_data(text).replace(":", "%3A").replace(",", "%2C")
