"""Values of objects as the plan shows them: masked where they could be secret, short where they are long."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from modelfleet.kubernetes.differences import ABSENT
from modelfleet.kubernetes.emit import dump
from modelfleet.kubernetes.objects import Object
from modelfleet.spec.secret_names import naming
from modelfleet.spec.secret_shapes import HIDDEN
from modelfleet.spec.secrets import redacted
from modelfleet.wording import printable

# ---- for people ------------------------------------------------------------------------------------------------------

_REFERENCES = frozenset({"secretKey", "secretName", "secretKeyRef"})
"""Fields that name a secret by what they are called, and hold only where it is."""

_DIGITS = 8
_ALIKE = 8  # characters

CONTEXT = 2
"""Lines around a difference."""


def masked(value: Any) -> Any:
    """The value without anything in it that is or may be a secret."""
    if isinstance(value, dict):
        return {key: _masked(value, key, child) for key, child in value.items()}
    if isinstance(value, list):
        return [_masked(value, index, child) for index, child in enumerate(value)]
    return HIDDEN if isinstance(value, str) and _shown(value, "") == HIDDEN else value


def _masked(parent: Any, step: str | int, value: Any) -> Any:
    if isinstance(value, dict | list):
        return masked(value)
    if not isinstance(value, str):
        return value
    name = naming(parent, step) or ""
    return HIDDEN if _shown(value, "" if name in _REFERENCES else name) == HIDDEN else value


@lru_cache(maxsize=1 << 14)
def _shown(value: str, name: str) -> str:
    """What `secret.shown` says of a text: the objects of a fleet hold the same ones a thousand times."""
    return redacted(value, name)


def unified(before: Object | None, after: Object | None) -> list[str]:
    """The difference of two objects as lines of YAML that begin with `+`, `-` or a space; `@@` where lines are left out."""
    import difflib

    if before is not None and after is not None:
        before = _aligned(before, after)
    old = dump(masked(before)).splitlines() if before is not None else []
    new = dump(masked(after)).splitlines() if after is not None else []
    lines = difflib.unified_diff(old, new, n=CONTEXT, lineterm="")
    found = ["@@" if line.startswith("@@") else line for line in lines if not line.startswith(("---", "+++"))]
    return found[1:] if found[:1] == ["@@"] else found


def _aligned(before: Any, after: Any) -> Any:
    """The older value with the keys of its maps in the order of the newer one."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = (*(key for key in after if key in before), *(key for key in before if key not in after))
        return {key: _aligned(before[key], after.get(key)) for key in keys}
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [_aligned(old, new) for old, new in zip(before, after, strict=True)]
    return before


def value_text(value: Any, name: str = "") -> str:
    """A value in a few words, never a secret; empty for what has no short form."""
    if value is ABSENT or isinstance(value, dict | list):
        return ""
    if not isinstance(value, str):
        return redacted(value, name)
    word = _shown(value, name)
    if word == HIDDEN:
        return word
    return short_image(value) if "@sha256:" in value else word[1:-1]


def both_texts(before: Any, after: Any, name: str = "") -> tuple[str, str]:
    """Two values in a few words each; where they begin alike for so long that these are the same, from where they differ."""
    old, new = value_text(before, name), value_text(after, name)
    if (
        old != new
        or old in ("", HIDDEN)
        or not isinstance(before, str)
        or not isinstance(after, str)
        or before == after
    ):
        return old, new
    pairs = enumerate(zip(before, after, strict=False))
    alike = next((index for index, (one, other) in pairs if one != other), min(len(before), len(after)))
    start = max(alike - _ALIKE, 0)
    return value_text(f"...{before[start:]}", name), value_text(f"...{after[start:]}", name)


def short_image(image: str) -> str:
    """An image with so much of its digest as tells it from others."""
    before, digest, rest = image.partition("@sha256:")
    return printable(f"{before}{digest}{rest[:_DIGITS]}" + ("…" if len(rest) > _DIGITS else ""))
