"""How much a hand-written file may hold, and how much is said of one that is wrong."""

from __future__ import annotations

MOST_BYTES = 4 << 20


MOST_NODES = 200_000


MOST_DEPTH = 32


MOST_SCALAR_BYTES = 16 << 10


MOST_FINDINGS = 100


LONGEST_NAME = 63
"""Characters of a name that is allowed anywhere: a DNS label."""
