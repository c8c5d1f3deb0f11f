"""The options that the command lines of serving engines take, by version of the engine.

The tables are generated from the engines' own parsers (scripts/engine_options.py); data/parsers.yaml says how each of them
reads a command line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any

from modelfleet.packaged import packaged_data
from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass

Follows = str
"""What comes behind an option: nothing, a switch's nothing, optional, value or values."""

_VERSION = lazy_pattern(r"v?(\d+(?:\.\d+)+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class OptionTable:
    """What the parser of one version takes: long options, the short names of some, and those that it calls deprecated."""

    version: str
    options: Mapping[str, Follows]
    aliases: Mapping[str, str]
    deprecated: frozenset[str]


@cache
def option_table(parser: str, version: str) -> OptionTable:
    """The table of one version; a switch is in it with its counterpart `--no-...`."""
    data = packaged_data(f"options/{parser}/{version}")
    written: dict[str, Follows] = data["options"]
    negated = {f"--no-{name[2:]}": "switch" for name, follows in written.items() if follows == "switch"}
    return OptionTable(version, {**written, **negated}, data["aliases"], frozenset(data["deprecated"]))


def version_in(text: str | None) -> str | None:
    """The version that a text begins with, such as the tag of an image: `0.10.1.1` of `v0.10.1.1-cu128`."""
    found = _VERSION.match(text or "")
    return found[1] if found else None


@dataclass(frozen=True, slots=True)
class OptionParser:
    """How one engine reads its command line. `version` is the version of its table, None where that is not known."""

    name: str
    version: str | None

    @property
    def facts(self) -> Mapping[str, Any]:
        """What holds for every version of the parser."""
        found: Mapping[str, Any] = _parsers()[self.name]
        return found

    @property
    def title(self) -> str:
        """The engine, and its version where that is known."""
        return f"{self.facts['title']} {self.version}" if self.version else str(self.facts["title"])

    @property
    def tables(self) -> Iterator[OptionTable]:
        """The table of its version; where that is not known, those of all versions."""
        versions = [self.version] if self.version else reversed(self.facts["versions"])
        return (option_table(self.name, version) for version in versions)

    def spelling(self, arg: str) -> str:
        """The name of an argument's option as the parser looks it up: no value, no part of it, dashes for underscores."""
        name = arg.partition("=")[0]
        if not name.startswith("--"):
            return name
        base = name.partition(".")[0] if self.facts["dotted"] else name
        return base.replace("_", "-") if self.facts["foldsUnderscores"] else base

    def named(self, arg: str) -> tuple[str, ...]:
        """The options that an argument may name: one, several where it is cut too short, none where it is not taken."""
        return _named(self, self.spelling(arg))

    def follows(self, option: str) -> Follows:
        """What comes behind an option that is taken."""
        return next(table.options[option] for table in self.tables if option in table.options)

    def deprecated(self, option: str) -> bool:
        """Whether the parser of the known version calls an option deprecated."""
        return self.version is not None and option in option_table(self.name, self.version).deprecated

    def other_versions(self, option: str) -> tuple[str | None, str | None]:
        """The last version before this one, and the first one after it, that take an option."""
        versions: list[str] = self.facts["versions"]
        here = versions.index(str(self.version))
        taking = [option in option_table(self.name, version).options for version in versions]
        before = [version for version, takes in zip(versions[:here], taking, strict=False) if takes]
        after = [version for version, takes in zip(versions[here + 1 :], taking[here + 1 :], strict=True) if takes]
        return (before[-1] if before else None), (after[0] if after else None)

    def gone_with(self, option: str) -> str | None:
        """The first version after this one that no longer takes an option."""
        versions: list[str] = self.facts["versions"]
        later = versions[versions.index(str(self.version)) + 1 :]
        return next((version for version in later if option not in option_table(self.name, version).options), None)


@lru_cache(maxsize=4096)
def _named(parser: OptionParser, name: str) -> tuple[str, ...]:
    for table in parser.tables:
        if (exact := table.aliases.get(name, name)) in table.options:
            return (exact,)
    if parser.facts["abbreviations"] and re.match(r"--\w", name):
        for table in parser.tables:
            if begun := tuple(option for option in table.options if option.startswith(name)):
                return begun
    return ()


@cache
def _parsers() -> Mapping[str, Any]:
    found: Mapping[str, Any] = packaged_data("parsers")
    return found


@cache
def option_parser(name: str, version: str | None) -> OptionParser:
    """The parser of an engine's version, which a build number may follow: 0.9.1.0 is the parser of 0.9.1."""
    known: list[str] = _parsers()[name]["versions"]
    fitting = [item for item in known if version == item or (version or "").startswith(f"{item}.")]
    return OptionParser(name, max(fitting, key=len, default=None))
