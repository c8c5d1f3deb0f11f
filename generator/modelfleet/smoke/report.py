"""What came of the calls, as text for people, and as JSON and JUnit XML for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from modelfleet.report.table import table
from modelfleet.smoke.results import SmokeCheck, SmokeReport
from modelfleet.wording import plural

_SIGNS = {"passed": "ok", "failed": "FAILED", "blocked": "not tried", "skipped": "-"}


def smoke_data(reports: Sequence[SmokeReport]) -> dict[str, Any]:
    """The reports as `schemas/smoke.schema.json` describes them."""
    return {
        "version": 1,
        "endpoints": [
            {
                "environment": report.environment,
                "project": report.project,
                "model": report.model,
                "protocol": report.protocol,
                "address": report.address,
                "verdict": report.verdict,
                "checks": [_check_data(check) for check in report.checks],
            }
            for report in reports
        ],
    }


def _check_data(check: SmokeCheck) -> dict[str, Any]:
    return {
        "name": check.name,
        "outcome": check.outcome,
        "message": check.message,
        "remedy": check.remedy,
        "seconds": None if check.seconds is None else round(check.seconds, 4),
        "firstText": None if check.first_text is None else round(check.first_text, 4),
    }


def smoke_lines(reports: Sequence[SmokeReport]) -> Iterator[str]:
    """For each endpoint its address and a line for each check; at the end the sum."""
    for report in reports:
        yield f"{report.environment}: {report.project}/{report.model}, {report.protocol}: {report.address or 'no address'}"
        yield from (f"  {line}" for line in table([_row(check) for check in report.checks]))
        yield from (
            f"  {check.name}: {check.remedy}" for check in report.checks if check.remedy and check.outcome != "skipped"
        )
    count = Counter[str](report.verdict for report in reports)
    words = (
        ("passed", "passed"),
        ("failed", "failed"),
        ("blocked", "not tried"),
        ("skipped", "not reachable from here"),
    )
    parts = [f"{count[verdict]} {word}" for verdict, word in words if count[verdict]]
    yield f"{plural(len(reports), 'endpoint')}: {', '.join(parts)}"


def _row(check: SmokeCheck) -> tuple[str, str, str, str]:
    return _SIGNS[check.outcome], check.name, _times(check), check.message


def _times(check: SmokeCheck) -> str:
    if check.seconds is None:
        return ""
    first = f", text after {check.first_text:.2f} s" if check.first_text is not None else ""
    return f"{check.seconds:.2f} s{first}"


def smoke_junit(reports: Sequence[SmokeReport]) -> str:
    """A test suite for each endpoint, a test case for each check, as CI systems show them."""
    from xml.etree import ElementTree as xml

    root = xml.Element("testsuites", name="modelfleet smoke")
    for report in reports:
        name = f"{report.environment}/{report.project}/{report.model}/{report.protocol}"
        count = Counter[str](check.outcome for check in report.checks)
        suite = xml.SubElement(
            root,
            "testsuite",
            name=name,
            tests=str(len(report.checks)),
            failures=str(count["failed"] + count["blocked"]),
            skipped=str(count["skipped"]),
            time=f"{sum(check.seconds or 0 for check in report.checks):.4f}",
        )
        for check in report.checks:
            case = xml.SubElement(suite, "testcase", classname=name, name=check.name, time=f"{check.seconds or 0:.4f}")
            said = check.message + (f"; {check.remedy}" if check.remedy else "")
            if check.outcome in ("failed", "blocked"):
                xml.SubElement(case, "failure", message=said, type=check.outcome)
            elif check.outcome == "skipped":
                xml.SubElement(case, "skipped", message=said)
    xml.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{xml.tostring(root, encoding="unicode")}\n'
