"""Verdicts on manifests in words for people, and in JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from modelfleet.admit.admit import NO_SCHEMA, AdmissionVerdict, ObjectViolation
from modelfleet.finding import Finding, Severity, dotted

_REFUSED = {
    "schema": "refused by the API server",
    "cel": "refused by the API server",
    "webhook": "refused by the webhook",
    "reconcile": "refused by the controller",
}


def verdict_data(verdicts: Iterable[AdmissionVerdict]) -> list[dict[str, Any]]:
    """The verdicts for JSON, one an object in the order of the files; `stage` to `column` are of the worst problem."""
    return [_entry(verdict) for verdict in verdicts]


def _entry(verdict: AdmissionVerdict) -> dict[str, Any]:
    nothing = {**dict.fromkeys(_DESCRIBED), "line": verdict.at.line, "column": verdict.at.column}
    worst = _described(verdict.found[0]) if verdict.found else nothing
    entry: dict[str, Any] = {
        "file": verdict.at.file,
        "kind": verdict.kind or None,
        "apiVersion": verdict.api_version or None,
        "namespace": verdict.namespace or None,
        "name": verdict.name or None,
        "verdict": "reject" if verdict.rejected else "accept",
        **{key: value for key, value in worst.items() if key not in ("severity", "path")},
    }
    if verdict.found:
        entry["problems"] = [_described(found) for found in verdict.found]
    if verdict.note:
        entry["note"] = verdict.note
    return entry


_DESCRIBED = ("stage", "code", "message", "hint", "line", "column")


def _described(found: ObjectViolation) -> dict[str, Any]:
    return {
        "stage": found.stage,
        "code": found.code,
        "message": found.message,
        "hint": found.hint,
        "line": found.at.line,
        "column": found.at.column,
        "severity": str(found.severity),
        "path": dotted(found.pointer),
    }


def verdict_findings(verdicts: Iterable[AdmissionVerdict]) -> list[Finding]:
    """What was found as findings, in the order of the files and of their lines."""
    return [
        Finding(
            at=found.at,
            code=found.code,
            path=f"{verdict.label}: {dotted(found.pointer)}".removesuffix(": ").removeprefix(": "),
            message=f"{_consequence(found)}: {found.message}",
            hint=found.hint,
            severity=found.severity,
        )
        for verdict in verdicts
        for found in sorted(verdict.found, key=lambda one: (one.at, one.code))
    ]


def _consequence(found: ObjectViolation) -> str:
    if found.severity is Severity.ERROR:
        return _REFUSED[found.stage]
    return "accepted, but stuck" if found.stage == "reconcile" else "accepted"


def verdict_summary(verdicts: Sequence[AdmissionVerdict], title: str) -> list[str]:
    """The counts: what a cluster of the release called `title` would accept, and what was not judged in full."""
    if not verdicts:
        return ["the input holds no object"]
    refused = sum(verdict.rejected for verdict in verdicts)
    stuck = sum(verdict.stuck for verdict in verdicts)
    accepted = [verdict for verdict in verdicts if not verdict.rejected and not verdict.stuck]
    words = [f"{len(accepted)} accepted{_by_kind(accepted)}"]
    words += [f"{stuck} accepted but stuck"] if stuck else []
    words += [f"{refused} refused"] if refused else []
    lines = [f"{title}: {', '.join(words)}"]
    unknown = Counter(f"{verdict.kind} ({verdict.api_version})" for verdict in verdicts if verdict.note)
    lines += [f"{NO_SCHEMA}, so only its name was checked: {count} {kind}" for kind, count in sorted(unknown.items())]
    return lines


def _by_kind(verdicts: Iterable[AdmissionVerdict]) -> str:
    counts = Counter(verdict.kind for verdict in verdicts)
    return f" ({', '.join(f'{count} {kind}' for kind, count in sorted(counts.items()))})" if counts else ""
