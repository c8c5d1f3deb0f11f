"""What accelerators cost a week, in the environment's own unit."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from modelfleet.records import dataclass
from modelfleet.resolve.environment import Environment
from modelfleet.serving.workloads import RunningWorkload, used_by_name

HOURS_OF_A_WEEK = 168


@dataclass(frozen=True, slots=True)
class WeeklyCost:
    """The cost of a week before and after a change, of what the change touches."""

    before: Fraction
    after: Fraction


def week_of(environment: Environment, workloads: Iterable[RunningWorkload]) -> Fraction | None:
    """What workloads cost in a week at their most; None where the rate of an accelerator is not known."""
    total = Fraction(0)
    for name, count in used_by_name(workloads).items():
        rate = _rate(environment, name)
        if rate is None:
            return None
        total += rate * count * HOURS_OF_A_WEEK
    return total


def _rate(environment: Environment, name: str) -> Fraction | None:
    """The rate of an accelerator by its name; by its identifier that of all that go by it, where they have the same."""
    offers = environment.accelerators
    named = [offers[name]] if name in offers else [offer for offer in offers.values() if offer.identifier == name]
    rates = {offer.rate for offer in named}
    rate = rates.pop() if len(rates) == 1 else None
    return None if rate is None else Fraction(str(rate))


def amount_text(amount: Fraction) -> str:
    """An amount for people: in whole units from a hundred on, otherwise to two places."""
    number = float(amount)
    return f"{number:,.0f}" if amount.denominator == 1 or abs(number) >= 100 else f"{number:,.2f}"
