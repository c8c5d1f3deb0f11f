"""Facts that nobody has written and that would let more be checked. They are optional: what is not known is not judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modelfleet.records import dataclass
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.model import Project


@dataclass(frozen=True, slots=True)
class UnknownFact:
    """A fact that is missing: where it belongs, in the words of the files, and what sort of fact it is.

    `checked` says whether findings depend on it; without a rate only the plan's costs are missing.
    """

    place: str
    sort: str
    checked: bool = True


def unknown_facts(environment: Environment, projects: Iterable[Project]) -> Iterator[UnknownFact]:
    """What is missing of one environment and of the models that its projects serve there."""
    open_facts = {
        "nodes": not environment.nodes,
        "quota": not environment.quota.default and not environment.quota.projects,
        "limitRange": environment.limit_range is None,
    }
    yield from (UnknownFact(name, name) for name, is_open in open_facts.items() if is_open)
    models = [(project.name, model) for project in projects for model in project.models]
    used = {model.hardware.accelerator.name for _, model in models if model.hardware.accelerator}
    for name, offer in environment.accelerators.items():
        if name in used and offer.memory is None:
            yield UnknownFact(f"accelerators.{name}.memory", "the memory of accelerators")
        if name in used and offer.rate is None:
            yield UnknownFact(f"accelerators.{name}.rate", "the rates of accelerators", checked=False)
    for project, model in models:
        if model.weights is None and model.hardware.accelerator is not None:
            yield UnknownFact(f"models.{model.name}.weights of {project}", "the weights of models")
