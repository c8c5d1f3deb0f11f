"""The strict reader: a hand-written file as plain data with the place of every key and value.

YAML here is what YAML 1.1, YAML 1.2, PyYAML and Go's parser all read alike; the rest is refused with a way to write it.
No message shows what may be a secret: a file that is refused here never gets to the search for secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from modelfleet.finding import Finding, Location, Pointer, Rejected
from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass
from modelfleet.spec.characters import decoded, location_in
from modelfleet.spec.compose import Composer, Stopped
from modelfleet.spec.limits import MAX_BYTES, MAX_FINDINGS
from modelfleet.spec.places import Table
from modelfleet.spec.source import read_content, too_large
from modelfleet.spec.syntax import ESCAPES, syntax_error

_DIRECTIVE = lazy_pattern(r"(?:[ \t\r]*+(?:#[^\n]*+)?\n)*+%")


@dataclass(frozen=True, slots=True)
class Document:
    """A hand-written file: plain data (dict with text keys, list, str, int, float, bool, None) and where it stands."""

    file: str
    data: Any
    keys: Mapping[Pointer, Location]
    values: Mapping[Pointer, Location]
    raw: Mapping[Pointer, str]
    """What became a number or a truth value, as it was written."""
    text: str = field(default="", repr=False, compare=False)
    """The whole file, comments too."""
    digest: str = field(default="", repr=False, compare=False)
    """The SHA-256 of the file's bytes."""

    def at(self, pointer: Pointer) -> Location:
        """Where the value stands, or its nearest ancestor that is there."""
        for length in range(len(pointer), -1, -1):
            if (found := self.values.get(pointer[:length])) is not None:
                return found
        return Location(self.file)

    def key_at(self, pointer: Pointer) -> Location:
        """Where the key stands; where there is none, the value."""
        return self.keys.get(pointer) or self.at(pointer)


def read_document(root: Path, file: str) -> Document:
    """The document in a file below the root, whose path is separated by '/'.

    Raises Rejected and MachineFailed as `parse` and `read_content` do.
    """
    return parse(read_content(root, file), file)


def parse(content: bytes, file: str, *, libyaml: bool = True) -> Document:
    """A document from the bytes of a file; without libyaml it is read all the same, more slowly.

    Raises Rejected with everything that is wrong and can be found, about a hundred findings at most.
    """
    import hashlib

    if len(content) > MAX_BYTES:
        raise Rejected([too_large(file, len(content))])
    text = whole = decoded(content, file)
    composer = Composer(file)
    while (directive := _DIRECTIVE.match(text)) is not None:
        end = directive.end()
        at, hint = location_in(file, text, end - 1), "delete the line"
        composer.findings.append(Finding(at=at, code="YAML008", message="a directive (%...) is not allowed", hint=hint))
        text = text[: end - 1] + "#" + text[end:]  # the rest is read as if it were a comment
        if len(composer.findings) >= MAX_FINDINGS:
            raise Rejected(composer.findings)
    if _composed(composer, text, libyaml=libyaml) and not composer.findings:
        composer.findings += _wrong_root(composer)
    if findings := composer.concluded():
        raise Rejected(sorted(findings, key=lambda finding: finding.order))
    places, digest = composer.places, hashlib.sha256(content).hexdigest()
    return Document(file, composer.root[0], Table(places, 0), Table(places, 1), Table(places, 2), whole, digest)


def _composed(composer: Composer, text: str, *, libyaml: bool) -> bool:
    """Whether the parser came to the end."""
    from modelfleet.pyyaml import yaml

    parser: Any = yaml.CSafeLoader(text) if libyaml and yaml.__with_libyaml__ else yaml.SafeLoader(text)
    try:
        composer.run(parser)
    except Stopped:
        return False
    except yaml.MarkedYAMLError as error:
        composer.findings.append(syntax_error(composer, text, error))
        return False
    except (ValueError, OverflowError):  # PyYAML's own scanner, of an escape beyond the last character
        place = composer.place(composer.last)
        composer.note(place, "YAML005", "an escape in the next text is not a character", ESCAPES)
        return False
    finally:
        parser.dispose()
    return True


def _wrong_root(composer: Composer) -> list[Finding]:
    data = composer.root[0] if composer.root else None
    file = composer.places.file
    if data is None:
        hint = "write what belongs in it, or delete it"
        return [Finding(at=Location(file), code="YAML007", message="the file is empty", hint=hint)]
    if isinstance(data, dict):
        return []
    found = "a list" if isinstance(data, list) else "a single value"
    message, hint = f"the file holds {found} and must hold a map", "write key: value"
    return [Finding(at=composer.places.tables[1][()], code="YAML007", message=message, hint=hint)]
