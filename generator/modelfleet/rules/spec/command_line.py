"""What the version of an engine makes of its command line: options that it does not take, or takes otherwise.

All of these are warnings: which version an image holds is known from its release or its tag, and both may be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from modelfleet.finding import Pointer, Severity
from modelfleet.patterns import lazy_pattern
from modelfleet.resolve.option_tables import OptionParser
from modelfleet.rules import Violation
from modelfleet.rules.spec.subjects import OfModel, spec_rule
from modelfleet.wording import listed

Arguments = Sequence[tuple[Pointer, str]]
"""Elements of command lines, each with where it is written."""

_OPTION = lazy_pattern(r"(--?[A-Za-z][\w.+-]*)(?=[=\s]|\Z)", re.ASCII)
"""The name of an option; behind it stands a value, or (where a shell reads the arguments) a space."""

_QUOTES = "“”„‟‘’‚‛«»‹›"
_TYPOGRAPHIC = f"{_QUOTES}‐‑‒–—―−"
_QUOTED_JSON = lazy_pattern(r"[{\[:,]\s*[“”„‟‘’«»]")

_NOTHING = "remove it: nothing replaces it"

_LIKE = 0.8
"""How like an option a name must be to be taken for a slip; what plugins and forks add was tried, and is less like any."""


def _options(arguments: Arguments) -> Iterator[tuple[Pointer, str, str]]:
    """Every element that is an option: where, the element, and its name."""
    for pointer, arg in arguments:
        if found := _OPTION.match(arg):
            yield pointer, arg, found[1]


@spec_rule("OPT010", "The engine's version does not take the option")
def unknown_option(subject: OfModel) -> Iterator[Violation]:
    if (engine := subject.model.engine) and engine.parser:
        own = [(pointer, arg) for pointer, arg in subject.arguments if engine.option(arg) not in engine.reserved_args]
        yield from unknown_options(engine.parser, own)


def unknown_options(parser: OptionParser, arguments: Arguments) -> Iterator[Violation]:
    """Options that are gone, not there yet, misspelt or cut too short; one that is like no other may be a plugin's."""
    for pointer, _, name in _options(arguments):
        named = parser.named(name)
        if len(named) == 1:
            continue
        said = _too_short(parser, name, named) if named else _of_other_version(parser, name) or _misspelt(parser, name)
        if said:
            message, hint = said
            yield Violation(pointer=pointer, message=message, hint=hint, severity=Severity.WARNING)


def _too_short(parser: OptionParser, name: str, named: Sequence[str]) -> tuple[str, str]:
    return f"{name} is abbreviated too far: {parser.title} has {listed(named, most=4)}", "write the option in full"


def _of_other_version(parser: OptionParser, name: str) -> tuple[str, str] | None:
    if parser.version is None:
        return None
    option = parser.spelling(name)
    before, after = parser.other_versions(_affirmed(option))
    if before:
        instead = parser.facts["instead"].get(_affirmed(option), _NOTHING)
        return f"{parser.title} no longer takes {option}, and would not start with it", instead
    if after:
        newer = f"remove it, or use a newer image: {parser.facts['title']} {after} takes it"
        return f"{parser.title} does not take {option} yet, and would not start with it", newer
    return None


def _misspelt(parser: OptionParser, name: str) -> tuple[str, str] | None:
    import difflib

    spelt = parser.spelling(name).lstrip("-")
    known = {option.lstrip("-"): option for table in parser.tables for option in table.options}
    likely = [key for key in known if key.startswith("no-") == spelt.startswith("no-")]
    near = difflib.get_close_matches(spelt, likely, n=1, cutoff=_LIKE)
    if not near:
        return None
    return f"{parser.title} does not take {name}, and would not start with it", f"did you mean {known[near[0]]!r}?"


@spec_rule("OPT011", "The engine's version calls the option deprecated")
def deprecated_option(subject: OfModel) -> Iterator[Violation]:
    if (engine := subject.model.engine) and engine.parser:
        yield from deprecated_options(engine.parser, subject.arguments)


def deprecated_options(parser: OptionParser, arguments: Arguments) -> Iterator[Violation]:
    """Options that still work, and that a later version does not start with."""
    for pointer, _, name in _options(arguments):
        named = parser.named(name)
        option = _affirmed(named[0]) if len(named) == 1 else ""
        if not parser.deprecated(option):
            continue
        gone = parser.gone_with(option)
        until = f", and {gone} no longer takes it" if gone else ""
        yield Violation(
            pointer=pointer,
            message=f"{option} is deprecated in {parser.title}{until}",
            hint=parser.facts["instead"].get(option, _NOTHING),
            severity=Severity.WARNING,
        )


@spec_rule("OPT012", "The option takes no value, or needs one")
def value_of_option(subject: OfModel) -> Iterator[Violation]:
    if (engine := subject.model.engine) and engine.parser:
        yield from values_of_options(engine.parser, subject.arguments)


def values_of_options(parser: OptionParser, arguments: Arguments) -> Iterator[Violation]:
    """Options with a value that they do not take, and without one that they need."""
    following = {at: text for (at, _), (to, text) in pairwise(arguments) if at[:-1] == to[:-1]}
    for pointer, arg, name in _options(arguments):
        named = parser.named(name)
        if parser.version is None or len(named) != 1 or "." in name:
            continue
        follows, given = parser.follows(named[0]), len(arg) > len(name)
        if given and follows in ("nothing", "switch"):
            other = f", or {_opposite(named[0])} for the opposite" if follows == "switch" else ""
            message, hint = f"{named[0]} takes no value in {parser.title}", f"write {named[0]}{other}"
        elif not given and follows in ("value", "values") and _OPTION.match(following.get(pointer, "--none")):
            message, hint = f"{named[0]} needs a value", f"write {named[0]}=..."
        else:
            continue
        yield Violation(pointer=pointer, message=message, hint=hint, severity=Severity.WARNING)


def _affirmed(option: str) -> str:
    """The option itself, where it stands with `--no-`."""
    return f"--{option.removeprefix('--no-')}" if option.startswith("--no-") else option


def _opposite(option: str) -> str:
    return _affirmed(option) if option.startswith("--no-") else f"--no-{option[2:]}"


@spec_rule("OPT013", "A typographic quotation mark or dash")
def typographic_argument(subject: OfModel) -> Iterator[Violation]:
    for pointer, arg in subject.arguments:
        name, _, value = arg.partition("=")
        wrong = next((char for char in name if char in _TYPOGRAPHIC), None)
        if wrong and (name[0] in _TYPOGRAPHIC or name.startswith("-")):
            yield Violation(
                pointer=pointer,
                message=f"the argument contains {wrong}, which is a typographic "
                f"{'quotation mark' if wrong in _QUOTES else 'dash'}, and would become part of the argument",
                hint="write options with - alone, and without quotation marks around them",
            )
        elif _typographic(value):
            yield _kept(pointer)
    for pointer, _, value in subject.variables:
        if isinstance(value, str) and _typographic(value):
            yield _kept(pointer)


def _typographic(value: str) -> bool:
    """Whether a value stands between quotation marks of a word processor, or is JSON that is written with them."""
    quoted = len(value) > 1 and value[0] in _QUOTES and value[-1] in _QUOTES
    return quoted or (value[:1] in ("{", "[") and _QUOTED_JSON.search(value) is not None)


def _kept(pointer: Pointer) -> Violation:
    return Violation(
        pointer=pointer,
        message="the value has typographic quotation marks, which would become part of it",
        hint='write " instead, or none',
        severity=Severity.WARNING,
    )
