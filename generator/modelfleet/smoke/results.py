"""What a check of an endpoint found out."""

from __future__ import annotations

from typing import Literal

from modelfleet.records import dataclass

CheckOutcome = Literal["passed", "failed", "blocked", "skipped"]
"""Blocked: something is missing that the caller can give. Skipped: from here it cannot be tried, or there is nothing to try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeCheck:
    """One thing that was tried. `seconds` is how long the answer took, `first_text` when its text began."""

    name: str
    outcome: CheckOutcome
    message: str
    remedy: str = ""
    seconds: float | None = None
    first_text: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeReport:
    """All that was tried at one endpoint of one model."""

    environment: str
    project: str
    model: str
    protocol: str
    address: str
    checks: tuple[SmokeCheck, ...]

    @property
    def verdict(self) -> CheckOutcome:
        """The worst of its checks; an endpoint of which nothing could be tried is skipped."""
        found = {check.outcome for check in self.checks}
        order: tuple[CheckOutcome, ...] = ("failed", "blocked", "passed")
        return next((outcome for outcome in order if outcome in found), "skipped")
