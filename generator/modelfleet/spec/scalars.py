"""What a plain scalar of YAML means: to all readers the same, or else in doubt."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from modelfleet.patterns import lazy_pattern

_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}

NO_PLAIN_TEXT = frozenset([*"0123456789+-.yYnNoO=<", *(word[:1] for word in _WORDS)])
"""What a plain scalar begins with that may be more than text."""

_INTEGER = lazy_pattern(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = lazy_pattern(r"[-+]?[0-9]+\.[0-9]+(?:[eE][-+][0-9]+)?|\.[0-9]+(?:[eE][-+][0-9]+)?")
_BIG = "is a number of more than 64 bits"

_DOUBTS: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (what, instead, lazy_pattern(pattern, re.VERBOSE))
    for what, instead, pattern in (
        ("is a truth value to some YAML readers and text to others", "true or false", "(?i:y|n|yes|no|on|off)"),
        (
            "is a date to some YAML readers and text to others",
            "",
            r"""[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}
            (?: (?: [Tt] | [ \t]+ ) [0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]*)?
                (?: [ \t]* (?: Z | [-+][0-9]{1,2}(?::?[0-9]{2})? ) )? )?""",
        ),
        (
            "is a base-60 number to some YAML readers and text to others",
            "",
            r"[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+ | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*",
        ),
        (
            "is not the same number to every YAML reader",
            "the number in decimal digits",
            r"[-+]?(?: 0[0-9_]+ | 0[xX][0-9a-fA-F_]+ | 0[bB][-+]?[01_]+ | 0[oO][-+]?[0-7_]+ )",
        ),
        (
            "is a number to some YAML readers and text to others",
            "the number in decimal digits",
            r"[-+]?(?:\.[0-9][0-9_]* | [0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?_*[0-9][0-9_]*)?",
        ),
        ("is not a finite number", "", r"[-+]?\.(?i:inf|nan)"),
        ("has a special meaning to some YAML readers", "", "= | <<"),
    )
)


def meaning(text: str) -> tuple[Any, str, str]:
    """What a plain scalar is to all readers of YAML; where they differ also what is wrong, and what else it could be.

    The readers: YAML 1.1 and 1.2 (core schema) as specified, PyYAML's resolver, `resolve` of Go's yaml v2 and v3.
    """
    if text in _WORDS:
        return _WORDS[text], "", ""
    if _INTEGER.fullmatch(text):
        if len(text) <= 20 and -(1 << 63) <= int(text) < 1 << 64:
            return int(text), "", ""
        return text, _BIG, ""
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number, "", ""
    forms = (text, text.replace("_", "")) if text[0] in "+-.0123456789" and "_" in text else (text,)  # Go drops them
    for what, instead, pattern in _DOUBTS:
        if any(map(pattern.fullmatch, forms)):
            return text, what, instead
    return text, "", ""
