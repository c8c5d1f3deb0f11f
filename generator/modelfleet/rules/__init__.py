"""Which combinations are wrong, and the remedy: one declared function a rule.

A rule has a code, a title and a function that yields problems; it speaks in pointers, and whoever runs it turns these into
places in the hand-written files. Why a rule exists, an example that trips it, the mended example and the source stand in
`data/rules/<CODE>.yaml`, from which `modelfleet explain` and the tests read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar

from modelfleet.finding import Finding, Location, Pointer, Severity, dotted
from modelfleet.records import dataclass
from modelfleet.resolve.release import Capabilities, Capability

Subject = TypeVar("Subject")


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """What a rule found at a pointer of its subject. `key` points at the key of the field instead of its value."""

    pointer: Pointer
    message: str
    hint: str = ""
    key: bool = False
    see: Location | None = None
    severity: Severity = Severity.ERROR
    policy: bool = False

    def finding(self, code: str, at: Location, environment: str | None) -> Finding:
        """It as a finding at a place in a file."""
        return Finding(
            at=at,
            code=code,
            path=dotted(self.pointer),
            message=self.message,
            hint=self.hint,
            see=self.see,
            severity=self.severity,
            policy=self.policy,
            environments=(environment,) if environment else (),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Generic[Subject]):
    """A declared rule. `stage` says who would refuse it: spec, environment, schema, cel, webhook or reconcile;
    run is for what is accepted and then works otherwise than it is meant.

    `when` decides by the capabilities of a release whether the rule holds there; `kinds` names the kinds of object that a
    rule on manifests looks at and is empty for rules on the spec.
    """

    code: str
    title: str
    stage: str
    check: Callable[[Subject], Iterator[Violation]]
    when: Callable[[Capabilities], bool]
    kinds: frozenset[str] = frozenset()


def always(capabilities: Capabilities) -> bool:
    """A rule that holds for every release."""
    return True


def having(*names: Capability) -> Callable[[Capabilities], bool]:
    """A rule that holds for releases which have all of these capabilities."""
    return lambda capabilities: all(capabilities[name] for name in names)


def lacking(*names: Capability) -> Callable[[Capabilities], bool]:
    """A rule that holds for releases which have none of these capabilities."""
    return lambda capabilities: not any(capabilities[name] for name in names)


def topics(folder: str) -> list[ModuleType]:
    """The modules of `rules/<folder>`, imported; a new module there needs to be listed nowhere."""
    found = sorted((Path(__file__).parent / folder).glob("[a-z]*.py"))
    return [import_module(f"{__name__}.{folder}.{path.stem}") for path in found]
