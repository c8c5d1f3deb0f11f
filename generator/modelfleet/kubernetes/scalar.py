"""What a scalar of YAML means to Kubernetes: the rules of goyaml.v2, and of the JSON that is made of it.

Source: sigs.k8s.io/yaml 1.4.0, goyaml.v2/resolve.go and yaml.go; encoding/json; int64 before float64 as apimachinery decodes.
Timestamps stay text. A whole number is an integer however it is spelled, as JSON writes 1e3 as 1000.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from modelfleet.patterns import lazy_pattern

_TAG = "tag:yaml.org,2002:"


_WORDS: Mapping[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}


FIRST_OF_NO_TEXT = frozenset("0123456789+-.yYnNtTfFoO~<")
"""What a plain scalar begins with that may be more than text."""


_INTEGER = lazy_pattern(
    r"([-+]?)(?:0[bB]([01]+)|0[oO]([0-7]+)|0[xX]([0-9a-fA-F]+)|0([0-7]+)|(0|[1-9][0-9]*))", re.ASCII
)


_BASES = (2, 8, 16, 8, 10)


_SIGNED_BINARY = lazy_pattern(r"0b([-+][01]+)", re.ASCII)


_FLOAT = lazy_pattern(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)


_FRACTION = lazy_pattern(r"\.[0-9](?:_?[0-9])*(?:[eE][-+]?[0-9](?:_?[0-9])*)?", re.ASCII)


_INT64, _UINT64 = range(-(1 << 63), 1 << 63), range(1 << 64)


_EXACT = 1 << 53  # below it every whole number is a float


class NotReadable(Exception):
    """A value that JSON does not have, or that is not what its tag says."""


def plain_scalar(text: str) -> Any:
    """What a scalar without quotes and tags means. Raises NotReadable for infinity and what is not a number."""
    return _as_json(_resolved(text))


def _resolved(text: str) -> Any:
    """What goyaml.v2 makes of it, before it is made JSON of."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] == ".":
        return _finite(text) if _FRACTION.fullmatch(text) else text
    if text[0] not in "0123456789+-":
        return text
    digits = text.replace("_", "")
    number = _integer(digits)
    if number is not None:
        return number
    found = _finite(digits) if _FLOAT.fullmatch(digits) else digits
    return text if isinstance(found, str) else found


def _finite(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _integer(digits: str) -> int | None:
    """A number of 64 bits, with a sign or without."""
    if match := _INTEGER.fullmatch(digits):
        sign, *amounts = match.groups()
        amount, base = next((amount, base) for amount, base in zip(amounts, _BASES, strict=True) if amount is not None)
        if base == 10 and len(amount) > 20:
            return None
        number = int(f"{sign}{amount}", base)
        return number if number in (_INT64 if sign else _UINT64) else None
    if match := _SIGNED_BINARY.fullmatch(digits):
        number = int(match[1], 2)
        return number if number in _INT64 else None
    return None


def _as_json(value: Any) -> Any:
    """What is left of a value when it is written as JSON, and read from it."""
    if type(value) is int:
        return value if value in _INT64 else float(value)
    if type(value) is not float:
        return value
    if not math.isfinite(value):
        message = "an infinite number or NaN cannot be written as JSON"
        raise NotReadable(message)
    if not value.is_integer():
        return value
    whole = int(value) if abs(value) < _EXACT else int(Decimal(repr(value)))  # JSON fills up with zeros
    return whole if whole in _INT64 else value


_DATE = lazy_pattern(r"[0-9]{4}-[0-9]+-[0-9].*", re.DOTALL)


def means_text(text: str) -> bool:
    """Whether a scalar without quotes is text, as most keys are."""
    return text != "<<" and isinstance(_resolved(text), str)


def read_otherwise(text: str) -> bool:
    """Whether kustomize makes something else of a scalar without quotes: text of a word, another spelling of a date."""
    if isinstance(_WORDS.get(text), bool):
        return text.lower() not in ("true", "false")
    return _DATE.fullmatch(text) is not None


_TAGGED: Mapping[str, type | tuple[type, ...]] = {"bool": bool, "int": int, "float": (int, float), "null": type(None)}


_TIMESTAMP = lazy_pattern(
    r"([0-9]{4}-[0-9]{1,2}-[0-9]{1,2})(?:[Tt ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]+)?(?:Z|[-+][0-9]{2}:[0-9]{2})?)?",
    re.ASCII,
)


def tagged(tag: str, text: str) -> Any:
    """What a scalar with a tag means. Raises NotReadable where it is not what the tag says."""
    return _as_json(_of_tag(tag, text))


def _of_tag(tag: str, text: str) -> Any:
    name = tag.removeprefix(_TAG)
    if name == "binary":
        return _decoded(text)
    if name == "timestamp" and _TIMESTAMP.fullmatch(text):
        return text
    if name not in (*_TAGGED, "timestamp"):
        return text  # !!str, and tags of somebody's own
    value = _resolved(text)
    fits = name in _TAGGED and isinstance(value, _TAGGED[name]) and (name == "bool" or not isinstance(value, bool))
    if not fits or (name == "float" and type(value) is int and value not in _INT64):
        message = f"the value is not what its tag !!{name} says"
        raise NotReadable(message)
    return float(value) if name == "float" else value


def _decoded(text: str) -> str:
    import base64
    import binascii

    digits = text.replace("\n", "").replace("\r", "")
    try:
        content = base64.b64decode(digits, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotReadable(_NOT_BASE64) from error
    if len(digits) % 4:
        raise NotReadable(_NOT_BASE64)
    return re.sub("[\udc80-\udcff]", "\ufffd", content.decode("utf-8", "surrogateescape"))


_NOT_BASE64 = "the value is not base64, as its tag !!binary says"


def key_text(tag: str | None, text: str) -> str:
    """A key without quotes, or with a tag, as JSON has it. Raises NotReadable where it cannot have it."""
    value = _resolved(text) if tag is None else _of_tag(tag, text)
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _short(value)
    if value is None or value not in _INT64:
        message = "a key cannot be null or a number of more than 64 bits"
        raise NotReadable(message)
    return str(value)


def _short(number: float) -> str:
    """The fewest digits that tell a number from others of 32 bits, as Go writes them."""
    try:
        (single,) = struct.unpack("f", struct.pack("f", number))
    except OverflowError:
        single = math.copysign(math.inf, number)
    if not math.isfinite(single):
        return ".nan" if math.isnan(single) else ".inf" if single > 0 else "-.inf"
    spellings = (f"{single:.{digits}e}" for digits in range(9))
    shortest = next(text for text in spellings if struct.pack("f", float(text)) == struct.pack("f", single))
    digits, _, exponent = shortest.partition("e")
    if not -5 < int(exponent) < 6:
        return shortest
    return f"{single:.{max(sum(map(str.isdigit, digits)) - 1 - int(exponent), 0)}f}"
