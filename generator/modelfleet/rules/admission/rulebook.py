"""What a cluster would refuse of a manifest: the admission rules of a release, chosen once and asked of many objects.

The rules are declared in the modules beside this one, which are found by walking the folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any

from modelfleet.kubernetes.names import SERVING_GROUP
from modelfleet.kubernetes.objects import text
from modelfleet.records import dataclass
from modelfleet.resolve.release import Capabilities, Terms
from modelfleet.rules import Violation, topics
from modelfleet.rules.admission.request import AdmissionRequest, AdmissionRule


@lru_cache(maxsize=1)
def declared_rules() -> tuple[AdmissionRule, ...]:
    """Every admission rule of every release, by code."""
    rules = {
        value for module in topics("admission") for value in vars(module).values() if isinstance(value, AdmissionRule)
    }
    return tuple(sorted(rules, key=lambda rule: rule.code))


def rules_for(capabilities: Capabilities, kind: str) -> tuple[AdmissionRule, ...]:
    """The rules that a release with these capabilities has for a kind of the serving group, by code."""
    return tuple(
        rule for rule in declared_rules() if (not rule.kinds or kind in rule.kinds) and rule.when(capabilities)
    )


@dataclass(frozen=True, slots=True)
class _Group:
    """Rules that have the same condition, which is looked at once."""

    where: tuple[str, ...]
    update: bool
    rules: tuple[AdmissionRule, ...]


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The rules of one release, ready to be asked of thousands of objects."""

    capabilities: Capabilities
    terms: Terms
    by_kind: Mapping[str, tuple[_Group, ...]]

    def check(self, request: AdmissionRequest) -> Iterator[tuple[AdmissionRule, Violation]]:
        """Everything that the rules of the release find in one manifest."""
        return _asked(self.by_kind.get(_kind(request.object), self.by_kind[""]), request)

    def request(self, item: Mapping[str, Any], **known: Any) -> AdmissionRequest:
        """A manifest for this release; `known` are its other fields: `live`, `peers`, `schema`, `versions`."""
        return AdmissionRequest(object=item, capabilities=self.capabilities, terms=self.terms, **known)


def rulebook(capabilities: Capabilities, terms: Terms) -> Rulebook:
    """The rules of the release that has these capabilities and terms."""
    kinds = {kind for rule in declared_rules() for kind in rule.kinds} | {""}
    return Rulebook(capabilities, terms, {kind: _grouped(rules_for(capabilities, kind)) for kind in kinds})


def _grouped(rules: Sequence[AdmissionRule]) -> tuple[_Group, ...]:
    def condition(rule: AdmissionRule) -> tuple[tuple[str, ...], bool]:
        return rule.where, rule.update

    together = groupby(sorted(rules, key=condition), key=condition)
    return tuple(_Group(where, update, tuple(group)) for (where, update), group in together)


def _asked(groups: Sequence[_Group], request: AdmissionRequest) -> Iterator[tuple[AdmissionRule, Violation]]:
    for group in groups:
        if group.update and request.old_object is None:
            continue
        if group.where and not _holds(request.object, group.where):
            continue
        for rule in group.rules:
            for violation in rule.check(request):
                yield rule, violation


def _holds(value: Any, where: tuple[str, ...]) -> bool:
    for step in where:
        if not isinstance(value, dict):
            return False
        value = value.get(step)
    return value is not None


def _kind(item: Mapping[str, Any]) -> str:
    """The kind of an object of the serving group; "" for every other object."""
    return text(item.get("kind")) if text(item.get("apiVersion")).startswith(f"{SERVING_GROUP}/") else ""
