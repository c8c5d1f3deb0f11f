"""Runs the rules on what was resolved and turns what they find into findings with places."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from modelfleet.finding import Finding, Location, Severity, dotted
from modelfleet.resolve import catalog
from modelfleet.resolve.catalog import RuntimeCatalog
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.model import Project
from modelfleet.rules import Rule, Violation, topics
from modelfleet.rules.claims import Claim, FleetRule
from modelfleet.rules.spec import (
    locations,
    multinode,
    ownership,
    runtime_files,
)
from modelfleet.rules.spec.subjects import OfEnvironment, parameter, subjects
from modelfleet.spec.load import Document
from modelfleet.spec.merge import Merged


@lru_cache(maxsize=1)
def spec_rules() -> Mapping[str, tuple[Rule[Any], ...]]:
    """All rules on specs and environments, by the kind of subject that they look at."""
    found: dict[str, list[Rule[Any]]] = {}
    for module in topics("spec"):
        for item in vars(module).values():
            if isinstance(item, Rule):
                found.setdefault(parameter(item.check), []).append(item)
    return {kind: tuple(rules) for kind, rules in found.items()}


def located(code: str, violation: Violation, places: Merged | Document, environment: str | None) -> Finding:
    """A problem as a finding at its place in the hand-written files."""
    at = places.key_at(violation.pointer) if violation.key else places.at(violation.pointer)
    return violation.finding(code, at, environment)


@lru_cache(maxsize=64)
def rules_of(release: str) -> Mapping[str, tuple[Rule[Any], ...]]:
    """The rules on specs and environments that hold for a release, by the kind of subject that they look at."""
    known = catalog.release(release).capabilities
    return {kind: tuple(rule for rule in rules if rule.when(known)) for kind, rules in spec_rules().items()}


def _rules_in(environment: Environment) -> Mapping[str, tuple[Rule[Any], ...]]:
    return rules_of(environment.release.name) if environment.release else spec_rules()


def check_project(project: Project, runtime_catalog: RuntimeCatalog) -> Iterator[Finding]:
    """Every rule on the spec, for one project in one environment."""
    rules = _rules_in(project.environment)
    for subject in subjects(project, runtime_catalog):
        for rule in rules.get(type(subject).__name__, ()):
            for violation in rule.check(subject):
                yield located(rule.code, violation, project.spec, project.environment.name)


def check_environments(
    environments: Collection[Environment], projects: Collection[str], runtime_catalog: RuntimeCatalog
) -> Iterator[Finding]:
    """Every rule on the facts of every environment; `projects` are the names of all projects."""
    for environment in environments:
        subject = OfEnvironment(environment, runtime_catalog, environments, projects)
        for rule in _rules_in(environment).get("OfEnvironment", ()):
            for violation in rule.check(subject):
                yield located(rule.code, violation, environment.facts, environment.name)


FLEET_RULES: Mapping[str, FleetRule] = {
    "namespaces": FleetRule(ownership.namespace_claims, ownership.owners),
    "groups": FleetRule(multinode.group_claims, multinode.too_many_groups),
    "downloads": FleetRule(locations.download_claims, locations.shared_beginnings),
}
"""The rules on what no project shows by itself, by the name of what they ask the projects for."""

Claims = Mapping[str, Sequence[Claim]]
"""What projects claim, by the name of the rule that asks."""


def claims_of(projects: Iterable[Project]) -> dict[str, list[Claim]]:
    """What some projects say to the rules on the fleet."""
    found = list(projects)
    return {name: [claim for one in found for claim in rule.claims(one)] for name, rule in FLEET_RULES.items()}


def claims_from(rows: Mapping[str, Any]) -> dict[str, list[Claim]]:
    """The same from plain data."""
    return {
        name: [
            Claim(project, environment, tuple(pointer), Location(*at), facts)
            for project, environment, pointer, at, facts in rows[name]
        ]
        for name in FLEET_RULES
    }


def check_fleet(claims: Iterable[Claims], environments: Mapping[str, Environment]) -> Iterator[Finding]:
    """What no project shows by itself, from what all of them claim, in their order."""
    known = list(claims)
    for name, rule in FLEET_RULES.items():
        yield from rule.judge([claim for one in known for claim in one[name]], environments)


def check_runtime_files(documents: Iterable[Document]) -> Iterator[Finding]:
    """What is wrong with the user's own runtime files."""
    for document in documents:
        for violation in runtime_files.judge_file(document):
            yield Finding(
                at=document.at(violation.pointer),
                code="RUN002",
                path=dotted(violation.pointer),
                message=violation.message,
                hint=violation.hint,
                severity=violation.severity,
            )


def errors_of(findings: Iterable[Finding]) -> list[Finding]:
    """Those that stop it."""
    return [finding for finding in findings if finding.severity is Severity.ERROR]
