"""What callers have to change: for each model another address, name or token, and who of the consumers calls it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modelfleet.endpoints.contract import breaches, contract_of
from modelfleet.records import dataclass
from modelfleet.rehearse.stop import Merge, in_environment
from modelfleet.resolve.fleet import DeployedProject
from modelfleet.serving.workloads import MODELS, project_state, running_workloads


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerChange:
    """A model whose callers have to change something: what they call from then on, and what differs by protocol."""

    project: str
    model: str
    instead: str
    differences: Mapping[str, tuple[str, ...]]
    consumers: tuple[tuple[str, str | None], ...]
    tokens: tuple[str, ...]


def caller_changes(merge: Merge, environment: str) -> Iterator[CallerChange]:
    """What a pull request changes for callers, of models that stay and of those that get a successor."""
    old, new = in_environment(merge.before, environment), in_environment(merge.after, environment)
    for project, one in new.items():
        successors = {move.old: move.new for move in merge.moves if move.environment == environment}
        moved = successors if project == merge.project else {}
        if merge.step == "remove":
            continue
        promised, kept = (_models(each) for each in (old[project], one))
        for model, facts in promised.items():
            instead = moved.get(model, model)
            found: dict[str, list[str]] = {}
            for breach in breaches({"models": {model: facts}}, {"models": {model: kept.get(instead, {})}}):
                found.setdefault(breach.protocol, []).append(breach.text)
            if found:
                yield CallerChange(
                    project=project,
                    model=model,
                    instead=instead,
                    differences={protocol: tuple(texts) for protocol, texts in found.items()},
                    consumers=tuple((who.name, who.contact) for who in one.project.consumers if who.calls(model)),
                    tokens=_tokens(one, instead) if instead != model else (),
                )


OLD, NEW = "OLD", "NEW"
"""What stands for the names of models where several are told as one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerGroup:
    """Models whose callers have to change the same; where there are several, OLD and NEW stand for their names."""

    project: str
    names: tuple[tuple[str, str], ...]
    differences: Mapping[str, tuple[str, ...]]
    consumers: tuple[tuple[str, str | None], ...]
    tokens: tuple[str, ...]


def alike(changes: Iterable[CallerChange]) -> Iterator[CallerGroup]:
    """The changes, with those told as one that differ in nothing but the names of the models."""
    found: dict[object, list[CallerChange]] = {}
    for one in changes:
        texts = {protocol: _patterns(one, texts) for protocol, texts in one.differences.items()}
        key = one.project, tuple(texts.items()), one.consumers, _patterns(one, one.tokens)
        found.setdefault(key, []).append(one)
    for group in found.values():
        first = group[0]
        several = len(group) > 1
        yield CallerGroup(
            project=first.project,
            names=tuple((one.model, one.instead) for one in group),
            differences={
                protocol: _patterns(first, texts) if several else texts for protocol, texts in first.differences.items()
            },
            consumers=first.consumers,
            tokens=_patterns(first, first.tokens) if several else first.tokens,
        )


def _patterns(one: CallerChange, texts: Iterable[str]) -> tuple[str, ...]:
    """The texts with OLD and NEW in place of the names, the longer name first."""
    names = {one.model: OLD, one.instead: NEW}
    words = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    pattern = re.compile(rf"(?<![a-z0-9-])(?:{words})(?![a-z0-9])|(?<=-)(?:{words})(?=-sa$)")
    return tuple(pattern.sub(lambda found: names[found[0]], text) for text in texts)


def _models(one: DeployedProject) -> Mapping[str, Any]:
    found: Mapping[str, Any] = contract_of(one.project, one.objects)["models"]
    return found


def _tokens(one: DeployedProject, model: str) -> tuple[str, ...]:
    """The Secrets with the tokens of a model."""
    state = project_state(one.project.environment, one.project.namespace, one.objects, one.project)
    running = running_workloads(state)
    return next((running[kind, model].tokens for kind in MODELS if (kind, model) in running), ())
