"""Findings for machines: as JSON, as annotations of a workflow, as SARIF, and as what GitLab calls a report of code quality."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from modelfleet import __version__
from modelfleet.finding import Finding, Location, Severity
from modelfleet.packaged import packaged_data
from modelfleet.wording import printable

# ---- findings --------------------------------------------------------------------------------------------------------


def finding_json(finding: Finding) -> dict[str, object]:
    """A finding for machines, with what decides the exit code."""
    return {**finding.data(), "policy": finding.policy}


_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.ACCEPTED: "notice"}


def finding_github(finding: Finding) -> str:
    """A finding as a workflow command, so that it shows on its line in a pull request."""
    level = _LEVELS[finding.severity]
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


# ---- reports of other programs' formats ------------------------------------------------------------------------------

_SARIF_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.ACCEPTED: "note"}
_GITLAB_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.ACCEPTED: "info"}


def sarif(findings: Iterable[Finding], titles: Mapping[str, str]) -> dict[str, object]:
    """Findings as one SARIF document; an accepted one is suppressed there, with its reason."""
    found = list(findings)
    codes = sorted({finding.code for finding in found})
    rules = [{"id": code, **({"shortDescription": {"text": titles[code]}} if code in titles else {})} for code in codes]
    prints = fingerprints(found)
    return {
        **packaged_data("sarif"),
        "runs": [
            {
                "tool": {"driver": {"name": "modelfleet", "semanticVersion": __version__, "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "results": [
                    _sarif_result(finding, codes.index(finding.code), print)
                    for finding, print in zip(found, prints, strict=True)
                ],
            }
        ],
    }


def _sarif_result(finding: Finding, rule: int, fingerprint: str) -> dict[str, object]:
    result: dict[str, object] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": _SARIF_LEVELS[finding.severity],
        "message": {"text": printable(finding.words())},
        "locations": [_sarif_location(finding.at)],
        "partialFingerprints": {"modelfleet/v1": fingerprint},
    }
    if finding.see is not None:
        result["relatedLocations"] = [_sarif_location(finding.see)]
    if finding.severity is Severity.ACCEPTED:
        result["suppressions"] = [{"kind": "inSource", "justification": printable(finding.reason)}]
    return result


def _sarif_location(at: Location) -> dict[str, object]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(at.file)},
            "region": {"startLine": at.line, "startColumn": at.column},
        }
    }


def code_quality(findings: Iterable[Finding]) -> list[dict[str, object]]:
    """Findings as GitLab reads them of a job's `artifacts: reports: codequality:`."""
    found = list(findings)
    return [
        {
            "description": printable(finding.words()),
            "check_name": finding.code,
            "fingerprint": fingerprint,
            "severity": _GITLAB_SEVERITIES[finding.severity],
            "location": {"path": finding.at.file, "lines": {"begin": finding.at.line}},
        }
        for finding, fingerprint in zip(found, fingerprints(found), strict=True)
    ]


def fingerprints(findings: Iterable[Finding]) -> list[str]:
    """What tells a finding from others and stays as it is while lines move: the same twice gets a number."""
    seen: dict[tuple[object, ...], int] = {}
    prints = []
    for finding in findings:
        same = (finding.code, finding.at.file, finding.path, finding.message, finding.environments)
        seen[same] = seen.get(same, 0) + 1
        prints.append(hashlib.sha256(repr((*same, seen[same])).encode("utf-8", "surrogatepass")).hexdigest())
    return prints
