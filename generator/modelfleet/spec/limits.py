"""How much a hand-written file may hold, and how much is said of one that is wrong."""

from __future__ import annotations

MAX_BYTES = 4 << 20
MAX_NODES = 200_000
MAX_DEPTH = 32
MAX_SCALAR_BYTES = 16 << 10
MAX_FINDINGS = 100

MAX_NAME = 63
"""Characters of a name that is allowed anywhere: a DNS label."""
