"""PyYAML. It compiles a pattern of all characters for its own reader, which is not used where libyaml reads: here it does not."""

from __future__ import annotations

from modelfleet.patterns import lazy_patterns

with lazy_patterns():
    import yaml

__all__ = ["yaml"]
