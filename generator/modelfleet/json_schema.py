"""jsonschema-rs, without the date of its own build.

It reads that date with the standard library's package for mail, whose import is a twentieth of a `check` of one model.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_MAIL = "email.utils"


@contextmanager
def _without_mail() -> Iterator[None]:
    if _MAIL in sys.modules:
        yield
        return
    stand_in = sys.modules[_MAIL] = ModuleType(_MAIL)
    stand_in.__dict__["parsedate_to_datetime"] = str
    try:
        yield
    finally:
        del sys.modules[_MAIL]


with _without_mail():
    import jsonschema_rs

__all__ = ["jsonschema_rs"]
