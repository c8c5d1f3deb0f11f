"""Writes plain data as YAML: the one place that knows how YAML is spelled and when a string needs quotes.

A string is bare only where every reader of the files takes it for that string: YAML 1.1 and 1.2, PyYAML in Python and
in C, and Go's yaml.v2, yaml.v3 and sigs.k8s.io/yaml, with which kustomize, kubeconform and Argo CD read. The decision
rests on fixed tables, not on Python's Unicode data, so that another Python writes the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any

from modelfleet.patterns import lazy_pattern

_REMEMBERED = 128  # characters; longer strings are decided anew, so that the memory of decisions stays small
_LONGEST_KEY = 1000  # characters; the readers find the colon of a key only within 1,024

_BARE = lazy_pattern(
    r"(?!---|\.\.\.)"  # markers of a document, where they stand in the first column
    r"(?:[A-Za-z0-9_/.$(]|-(?=[A-Za-z-])|[^\x00-\x7f])"
    r"(?:[^\x00-\x20:\x7f]|:(?=[A-Za-z0-9_/])|[ ](?=[^ #]))*"
)

_WORDS = frozenset(
    ["true", "false", "yes", "no", "on", "off", "y", "n", "null"]
    + [f"{sign}{word}" for sign in ("", "-", ".") for word in ("inf", "infinity", "nan")]
)


# More than any reader takes for a number or a time: 1.2.3 is a float to the letter of YAML 1.1, 8080:80 a sexagesimal.
_NUMBER = lazy_pattern(
    r"[-+]?[0-9.][0-9_.,:]*(?:[eE][-+]?[0-9_.:]*)?"
    r"|[-+]?0[xXoObB][0-9a-fA-F_.pP+-]*"
    r"|[0-9]{4}-[0-9].*",
)


# What a reader of the file could not see or a parser would change. U+E0000 and above are tags and private use.
_HIDDEN = (
    r"[\x00-\x1f\x7f-\xa0\xad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000"
    r"\ud800-\uf8ff\ufeff\ufff0-\ufffb\ufffe\uffff\U000e0000-\U0010ffff]"
)

_ESCAPES = {"\0": "\\0", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


# Blanks at the end of a line, three empty lines in a row and empty lines at the end of a file are what linters refuse
# and commit hooks "repair", and a first line that begins with a blank hides the depth of the block.
_UNFIT_FOR_BLOCK = lazy_pattern(r"\A\n*(?: |\Z)|\A\n{3}| $|\n{4}|\n\n\Z", re.MULTILINE)
_LINE_START = lazy_pattern(r"\n(?=[^\n])")


def dump(value: object) -> str:
    """The value as one YAML document in block style: keys in their order, no aliases, a newline at the end.

    The value is made of dicts with text keys, lists, tuples (written as lists), str, int, float, bool and None;
    anything else is a TypeError. A lone surrogate is a ValueError: no UTF-8 file can hold it. An int beyond 64 bits
    is written as it is, but Go's readers round it to a float.
    """
    written: list[str] = []
    value = _plain(value)
    if isinstance(value, dict) and value:
        _write_mapping(written, value, "", "")
    elif isinstance(value, list) and value:
        _write_sequence(written, value, "", "")
    else:
        written.append(f"{_scalar(value, '')}\n")
    return "".join(written)


def _write_mapping(written: list[str], mapping: Mapping[Any, Any], lead: str, indent: str) -> None:
    """Each key on a line of its own; `lead` stands before the first, `indent` before the others."""
    for name, value in mapping.items():
        key = _key(name)
        if key[0] == "?":
            key = key.replace("\n", f"\n{indent}")
        kind = type(value)
        if kind is str and len(value) <= _REMEMBERED:
            form = _short_form(value)
            written.append(f"{lead}{key} {form}\n" if form[0] != "|" else f"{lead}{key} {_indented(form, indent)}\n")
        elif kind is dict and value:
            written.append(f"{lead}{key}\n")
            deeper = f"{indent}  "
            _write_mapping(written, value, deeper, deeper)
        elif kind is list and value:
            written.append(f"{lead}{key}\n")
            inner = indent if key[0] != "?" else f"{indent}  "  # yamllint wants it so
            _write_sequence(written, value, inner, inner)
        elif kind in _SPELLED:
            written.append(f"{lead}{key} {_scalar(value, indent)}\n")
        else:
            _write_mapping(written, {name: _plain(value)}, lead, indent)
        lead = indent


def _write_sequence(written: list[str], items: list[Any], lead: str, indent: str) -> None:
    inner = f"{indent}  "
    for item in items:
        kind = type(item)
        if kind is dict and item:
            _write_mapping(written, item, f"{lead}- ", inner)
        elif kind is list and item:
            _write_sequence(written, item, f"{lead}- ", inner)
        elif kind in _SPELLED:
            written.append(f"{lead}- {_scalar(item, indent)}\n")
        else:
            _write_sequence(written, [_plain(item)], lead, indent)
        lead = indent


def _scalar(value: Any, indent: str) -> str:
    """What stands behind a key or a dash that are themselves at `indent`."""
    kind = type(value)
    if kind is not str:
        return _SPELLED[kind](value)
    form = _short_form(value) if len(value) <= _REMEMBERED else _form(value)
    return form if form[0] != "|" else _indented(form, indent)


def _indented(block: str, indent: str) -> str:
    return _LINE_START.sub(f"\n{indent}  ", block)


@lru_cache(maxsize=8192)
def _key(name: object) -> str:
    """The key with its colon, which stands on a second line where readers would not find it."""
    if not isinstance(name, str):
        message = f"cannot be written as a key: {type(name).__name__}"
        raise TypeError(message)
    text = str.__str__(name)
    form = text if _is_bare(text) else _quoted(text)
    return f"{form}:" if len(form) <= _LONGEST_KEY else f"? {form}\n:"


def _form(text: str) -> str:
    """The text as it stands in the file; a literal block begins with '|' and is not indented yet."""
    if _is_bare(text):
        return text
    if "\n" in text and _is_visible(text.replace("\n", "")) and not _UNFIT_FOR_BLOCK.search(text):
        return f"|\n{text[:-1]}" if text[-1] == "\n" else f"|-\n{text}"
    return _quoted(text)


_short_form = lru_cache(maxsize=32768)(_form)


def _number(value: float) -> str:
    text = repr(value)
    if text[-1] in "fn":
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}[text]
    return text if "." in text else text.replace("e", ".0e")  # YAML 1.1 takes 1e+16 for a string


_SPELLED: Mapping[type, Callable[[Any], str]] = {
    str: _form,
    bool: lambda value: "true" if value else "false",
    int: str,
    float: _number,
    type(None): lambda _: "null",
    dict: lambda _: "{}",
    list: lambda _: "[]",
}


def _plain(value: object) -> object:
    """The value as the plain type that it stands for: an enumeration's text, a tuple's list."""
    if type(value) in _SPELLED:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    message = f"cannot be written as YAML: {type(value).__name__}"
    raise TypeError(message)


def _is_bare(text: str) -> bool:
    return (
        _BARE.fullmatch(text) is not None
        and (text[0] not in ".0123456789" or _NUMBER.fullmatch(text) is None)
        and text.lower() not in _WORDS
        and _is_visible(text)
    )


def _is_visible(text: str) -> bool:
    return text.isprintable() if text.isascii() else _hidden().search(text) is None


@cache
def _hidden() -> re.Pattern[str]:
    # Costs a millisecond, and most runs meet nothing but visible ASCII.
    return re.compile(_HIDDEN)


def _quoted(text: str) -> str:
    if '"' in text and "'" not in text and _is_visible(text):
        return f"'{text}'"  # JSON in an annotation stays legible
    safe = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{safe}"' if _is_visible(safe) else f'"{_hidden().sub(_escape, safe)}"'


def _escape(found: re.Match[str]) -> str:
    """The escapes that PyYAML and Go read alike; Go refuses surrogates, also in pairs."""
    char = found[0]
    code = ord(char)
    if 0xD800 <= code <= 0xDFFF:
        message = f"cannot be written as YAML: the lone surrogate U+{code:04X}"
        raise ValueError(message)
    if char in _ESCAPES:
        return _ESCAPES[char]
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
