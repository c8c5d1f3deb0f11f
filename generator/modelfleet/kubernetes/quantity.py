"""Kubernetes quantities: their value, and the spelling to which the API machinery brings them.

KServe's defaulter writes every quantity in canonical form; another spelling in Git would be drift forever
(k8s.io/apimachinery, pkg/api/resource/quantity.go: CanonicalizeBytes).
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

from modelfleet.patterns import lazy_pattern

QUANTITY_MAPS = frozenset({"requests", "limits"})
"""Fields that hold maps of quantities."""

QUANTITY_FIELDS = frozenset({"sizeLimit", "divisor"})
"""Fields that hold one."""

_FORM = lazy_pattern(
    r"([+-]?[0-9]+(?:\.[0-9]*)?|[+-]?\.[0-9]+)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?[0-9]+))?", re.ASCII
)
_DECIMAL = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


class NotAQuantity(ValueError):
    """The text is not a quantity."""


def _parts(text: str) -> tuple[Fraction, str, str | None]:
    match = _FORM.fullmatch(text)
    if match is None:
        raise NotAQuantity(text)
    number, suffix, exponent = match.groups()
    return Fraction(number), suffix or "", exponent


@lru_cache(maxsize=1024)
def quantity_value(text: str) -> Fraction:
    """The number that a quantity stands for. Raises `NotAQuantity`."""
    number, suffix, exponent = _parts(text)
    if exponent is not None:
        if len(exponent) > 3:
            raise NotAQuantity(text)
        return number * Fraction(10) ** int(exponent)
    if suffix in _BINARY:
        return number * Fraction(1024) ** _BINARY.index(suffix)
    return number * Fraction(1000) ** (_DECIMAL.index(suffix) - 3)


@lru_cache(maxsize=1024)
def canonical_quantity(text: str) -> str:
    """The quantity as the API server spells it: `1000m` is `1`, `1024Mi` is `1Gi`, `0.5` is `500m`."""
    amount = quantity_value(text)
    _, suffix, exponent = _parts(text)
    if suffix.endswith("i") and abs(amount) >= 1024:
        steps = 0
        while steps < len(_BINARY) - 1 and amount % 1024 == 0:
            amount, steps = amount / 1024, steps + 1
        return f"{-(-amount.numerator // amount.denominator)}{_BINARY[steps]}"
    nano = -(-(amount * 10**9).numerator // (amount * 10**9).denominator)  # the API machinery rounds up
    steps = 0
    while nano and steps < len(_DECIMAL) - 1 and nano % 1000 == 0:
        nano, steps = nano // 1000, steps + 1
    if nano == 0:
        return "0"
    if exponent is not None:
        return f"{nano}e{(steps - 3) * 3}" if steps != 3 else str(nano)
    return f"{nano}{_DECIMAL[steps]}"


def canonical_amount(value: Any) -> Any:
    """The canonical spelling of a value that is a quantity; any other stays as it is, for the rules to refuse."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    try:
        return canonical_quantity(str(value))
    except NotAQuantity:
        return value


def canonical_quantities(item: Any, field: str = "") -> Any:
    """A part of an object, the value of a field, with all of its quantities in canonical spelling."""
    if isinstance(item, dict):
        if field in QUANTITY_MAPS:
            return {key: canonical_amount(value) for key, value in item.items()}
        return {key: canonical_quantities(value, str(key)) for key, value in item.items()}
    if isinstance(item, list):
        return [canonical_quantities(value) for value in item]
    return canonical_amount(item) if field in QUANTITY_FIELDS else item
