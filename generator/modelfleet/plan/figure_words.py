"""The figures of an environment as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelfleet.capacity.amounts import quantity_text
from modelfleet.capacity.cost import WeeklyCost, amount_text
from modelfleet.plan.figures import Both, Figures
from modelfleet.wording import plural

_MOST_FIGURES = 10


def both(count: Both) -> str:
    """`2`, or `2 → 3`."""
    return str(count[0]) if count[0] == count[1] else f"{count[0]} → {count[1]}"


def figure_lines(figures: Figures) -> Iterator[tuple[str, str]]:
    """The figures that are to be read, by name; only those that say something."""
    yield "models", both(figures.models)
    yield "replicas at most", both(figures.replicas)
    for name, count in figures.accelerators.items():
        yield f"`{name}`", both(count)
    uses = [use for use in figures.uses if use.count[0] != use.count[1]]
    for use in uses[:_MOST_FIGURES]:
        quota = "" if use.quota is None else f" of {use.quota}"
        yield f"`{use.identifier}` of project `{use.project}`", both(use.count) + quota
    yield from _others(uses, "use")
    for change in figures.resources[:_MOST_FIGURES]:
        texts = [quantity_text(amount, change.resource) for amount in (change.before, change.after, change.quota)]
        yield f"`{change.resource}` of project `{change.project}`", f"{texts[0]} → {texts[1]} of {texts[2]}"
    yield from _others(figures.resources, "resource")
    if figures.cost is not None:
        yield "cost", _cost_text(figures.cost)
    yield "routes", both(figures.routes)
    yield "tokens", both(figures.tokens)
    for word, swaps in (("image", figures.images), ("runtime", figures.runtimes)):
        for swap in swaps[:_MOST_FIGURES]:
            yield word, f"`{swap.before}` → `{swap.after}` ({plural(swap.models, 'workload')})"
        yield from _others(swaps, word)


def _cost_text(cost: WeeklyCost) -> str:
    """What a change costs or saves a week."""
    difference = cost.after - cost.before
    sign = "+" if difference > 0 else "-"
    return f"{sign}{amount_text(abs(difference))} per week, at the rates of the environment"


def _others(found: Sequence[object], word: str) -> Iterator[tuple[str, str]]:
    if (rest := len(found) - _MOST_FIGURES) > 0:
        yield "and", plural(rest, f"other {word}")
