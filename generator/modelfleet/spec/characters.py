"""The characters of a hand-written file: UTF-8, and nothing that people and tools would read differently."""

from __future__ import annotations

from itertools import islice

from modelfleet.finding import Finding, Location, Rejected
from modelfleet.patterns import lazy_pattern

_BIDIRECTIONAL = "\u202a-\u202e\u2066-\u2069"
_NO_TEXT = f"\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\u2028\u2029{_BIDIRECTIONAL}\ud800-\udfff\ufeff\ufffe\uffff"
_REFUSED = lazy_pattern(f"[{_NO_TEXT}]|\r(?!\n)")
_REFUSED_IN_VALUE = lazy_pattern(f"[\r{_NO_TEXT}]")
_MARKS = ((b"\xff\xfe\0\0", "UTF-32"), (b"\0\0\xfe\xff", "UTF-32"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))


def decoded(content: bytes, file: str) -> str:
    """The text without its byte order mark. Raises Rejected for what is not valid UTF-8 or no text."""
    wide = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    if wide is None and len(content) > 1 and (content[0] == 0) != (content[1] == 0):
        wide = "UTF-16"  # every other byte of plain letters is zero
    if wide is not None:
        raise Rejected(
            [Finding(at=Location(file), code="YAML001", message=f"the file is {wide}", hint="save it as UTF-8")]
        )
    try:
        text = content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode().removeprefix("\ufeff")
        message = f"the byte 0x{content[error.start]:02X} is not valid UTF-8 here"
        at = location_in(file, before, len(before))
        raise Rejected([Finding(at=at, code="YAML001", message=message, hint="save the file as UTF-8")]) from None
    if found := [
        refused_character(location_in(file, text, match.start()), match[0])
        for match in islice(_REFUSED.finditer(text), 20)
    ]:
        raise Rejected(found)
    return text


def location_in(file: str, text: str, index: int) -> Location:
    """Where the character of that index stands in the text of a file."""
    return Location(file, text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))


def refused_in_value(text: str) -> list[str]:
    """The characters that an escape must not put into a value, each once."""
    return list(dict.fromkeys(_REFUSED_IN_VALUE.findall(text)))


def refused_character(at: Location, char: str, path: str = "") -> Finding:
    """A finding about a character that may stand neither in a file nor, by an escape, in a value."""
    code = f"U+{ord(char):04X}"
    if char == "\r":
        message, hint = f"a carriage return ({code}) without a line feed", "end lines with LF or CRLF"
    elif char in "\x85\u2028\u2029":
        message, hint = f"{code} ends a line for some readers and not for others", "write an ordinary line break"
    elif "\ud800" <= char <= "\udfff":
        message, hint = f"{code} is half of a surrogate pair, not a character", "write the character itself"
    elif char == "\ufeff":
        message, hint = f"the byte order mark {code} is allowed only at the start of the file", "remove it"
    elif char in "\ufffe\uffff":
        message, hint = f"{code} is not a character that a text can hold", "remove it"
    elif char < "\xa0":
        message, hint = f"the control character {code} is not allowed", "remove it"
    else:
        message, hint = (
            f"{code} changes the direction of the text: people would read something other than tools do",
            "remove it",
        )
    return Finding(at=at, code="YAML002", path=path, message=message, hint=hint)
