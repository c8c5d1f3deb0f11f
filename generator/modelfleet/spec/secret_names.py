"""Which names tell of a secret, and how to name a place in a message without telling one."""

from __future__ import annotations

import re
from typing import Any

from modelfleet.finding import Pointer, dotted
from modelfleet.patterns import lazy_pattern
from modelfleet.spec.limits import MAX_NAME
from modelfleet.spec.secret_shapes import may_be_secret

_MAY_NAME_SECRET = lazy_pattern(r"pass|pwd|secret|token|key|bearer|jwt|pat\b|dsn|docker|connection", re.IGNORECASE)
_WORD = lazy_pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_NAMES_SECRET = lazy_pattern(
    r"""(?:^|_)(?:
        [a-z]*passw(?:or)?ds? | [a-z]*pwd | pass(?:phrase|code)?
      | [a-z]*secret | secret_(?:id|data|string) | [a-z]*token | bearer | jwt | (?:gh|git|github|gitlab|azure)_pat
      | (?:api|access|auth|client|secret|private|signing|encryption|account|shared|master|ssh|deploy|license|session
          |service|admin|hmac|aws|azure|gcp|openai|anthropic|hf|huggingface|github|gitlab|wandb|ngc|stripe)_?keys?
      | (?:access|secret)_?key_?id | client_key_data | connection_string | dsn | htpasswd
      | docker_?config_?json | dockercfg
    )(?:_(?:[0-9]+|value|text|plain|string|b_64|base_64|old|new|current|default|prod|dev|test))*$""",
    re.VERBOSE,
)

_NAMES_NONE = lazy_pattern(
    r"""(?:^|_)(?:
        (?:[beu]os|pad|unk|sep|cls|mask|stop|special|start|end|image|audio|video|max|min|num|per|think|tool|placeholder
          |first|last|next|prefill|decode|draft|input|output|prompt|completion|forced|decoder|budget)_token
      | (?:pull|existing|tls)_secret
      | (?:one|two|three|single|multi|first|second|by|forward|backward|full)_pass
    )$""",
    re.VERBOSE,
)

_LIKE_A_SECRET = lazy_pattern(r"(?=[A-Za-z]*[0-9])[A-Za-z0-9]{20,}|[A-Za-z0-9]{32,}|@|-----")


def names_secret(name: str) -> bool:
    """Whether a field, variable or option of this name holds a secret, to judge by the name alone."""
    if not _MAY_NAME_SECRET.search(name):
        return False
    words = "_".join(_WORD.findall(name)).lower()
    return bool(_NAMES_SECRET.search(words)) and not _NAMES_NONE.search(words)


def naming(parent: Any, step: str | int) -> str | None:
    """The name that tells what a value is: its field, the variable or path beside it, the option before it."""
    if isinstance(step, int):
        before = parent[step - 1] if isinstance(parent, list) and 0 < step <= len(parent) else None
        return before if isinstance(before, str) and before.startswith("-") and "=" not in before else None
    if step == "value" and isinstance(parent, dict):
        name = parent.get("name", parent.get("path"))
        return name.rpartition("/")[2] if isinstance(name, str) else None
    return step


def guarded(data: Any, pointer: Pointer) -> bool:
    """Whether a name on the way to the value tells of a secret."""
    for step in pointer:
        if (name := naming(data, step)) is not None and names_secret(name):
            return True
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):  # the file is wrong in another way too: better to hide too much
            return True
    return False


def redacted_pointer(pointer: Pointer) -> str:
    """A pointer for a message, without keys that may be secrets themselves."""
    return dotted(tuple(step if isinstance(step, int) else _key_told(step) for step in pointer))


def shortened(key: str) -> str:
    """A key for a message: no name that is allowed anywhere is longer than what is shown of it."""
    return key if len(key) <= MAX_NAME else f"{key[:60]}..."


def _key_told(key: str) -> str:
    if _LIKE_A_SECRET.search(key) or may_be_secret(key):
        return "(hidden)"
    return shortened(key)
