from __future__ import annotations

import itertools
import json
import os
import pickle
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from modelfleet.finding import Location, MachineFailed, Rejected
from modelfleet.spec.discover import Sources, discover
from modelfleet.spec.limits import MAX_BYTES, MAX_DEPTH, MAX_NODES, MAX_SCALAR_BYTES
from modelfleet.spec.load import Document, parse, read_document
from modelfleet.spec.secret_names import names_secret, naming

FILE = "projects/acme.yaml"


def findings(content: str | bytes, *, libyaml: bool = True) -> list[str]:
    """What is said of a file, each without its name and severity: `LINE:COLUMN [CODE]: ...`."""
    try:
        parse(content if isinstance(content, bytes) else content.encode(), FILE, libyaml=libyaml)
    except Rejected as rejected:
        texts = [finding.text() for finding in rejected.findings]
        assert all(text.startswith(f"{FILE}:") for text in texts)
        return [text.removeprefix(f"{FILE}:").replace(": error[", " [", 1) for text in texts]
    return []


def data(content: str, *, libyaml: bool = True) -> Any:
    return parse(content.encode(), FILE, libyaml=libyaml).data


# ---- what a document holds -------------------------------------------------------------------------------------------

SMALL = """\
# a comment
version: 1
models:
  llama:
    tokens: [chatbot, "ci"]
    route: true
    weight: 2.10
    env: {A: "1", 'B': x}
  none:
"""


def test_a_document_is_plain_data_with_the_place_of_every_key_and_value() -> None:
    document = parse(SMALL.encode(), FILE)

    def at(line: int, column: int) -> Location:
        return Location(FILE, line, column)

    llama: tuple[str, ...] = ("models", "llama")
    assert document.file == FILE
    assert document.text == SMALL
    assert document.data == {
        "version": 1,
        "models": {
            "llama": {"tokens": ["chatbot", "ci"], "route": True, "weight": 2.1, "env": {"A": "1", "B": "x"}},
            "none": None,
        },
    }
    assert dict(document.keys) == {
        ("version",): at(2, 1),
        ("models",): at(3, 1),
        llama: at(4, 3),
        (*llama, "tokens"): at(5, 5),
        (*llama, "route"): at(6, 5),
        (*llama, "weight"): at(7, 5),
        (*llama, "env"): at(8, 5),
        (*llama, "env", "A"): at(8, 11),
        (*llama, "env", "B"): at(8, 19),
        ("models", "none"): at(9, 3),
    }
    assert dict(document.values) == {
        (): at(2, 1),
        ("version",): at(2, 10),
        ("models",): at(4, 3),
        llama: at(5, 5),
        (*llama, "tokens"): at(5, 13),
        (*llama, "tokens", 0): at(5, 14),
        (*llama, "tokens", 1): at(5, 23),
        (*llama, "route"): at(6, 12),
        (*llama, "weight"): at(7, 13),
        (*llama, "env"): at(8, 10),
        (*llama, "env", "A"): at(8, 14),
        (*llama, "env", "B"): at(8, 24),
        ("models", "none"): at(9, 8),
    }
    assert dict(document.raw) == {("version",): "1", (*llama, "route"): "true", (*llama, "weight"): "2.10"}
    assert (len(document.keys), len(document.values), len(document.raw)) == (10, 13, 3)
    assert repr(document.raw) == repr(dict(document.raw))


def test_a_place_is_found_for_what_is_there_and_for_what_is_not() -> None:
    document = parse(SMALL.encode(), FILE)
    llama = ("models", "llama")
    assert document.at((*llama, "route")) == Location(FILE, 6, 12)
    assert document.key_at((*llama, "route")) == Location(FILE, 6, 5)
    assert document.at((*llama, "replicas", "min")) == Location(FILE, 5, 5)
    assert document.key_at((*llama, "replicas")) == Location(FILE, 5, 5)
    assert document.key_at((*llama, "tokens", 1)) == Location(FILE, 5, 23)
    assert document.at(("absent",)) == Location(FILE, 2, 1)
    assert Document(FILE, {}, {}, {}, {}).at(("x",)) == Location(FILE, 1, 1)


def test_lists_within_lists_keep_their_places() -> None:
    document = parse(b"a:\n- - 1\n  - [x, {b: 2}]\n- z\n", FILE)
    assert document.data == {"a": [[1, ["x", {"b": 2}]], "z"]}
    assert {pointer: tuple(place)[1:] for pointer, place in document.values.items()} == {
        (): (1, 1),
        ("a",): (2, 1),
        ("a", 0): (2, 3),
        ("a", 0, 0): (2, 5),
        ("a", 0, 1): (3, 5),
        ("a", 0, 1, 0): (3, 6),
        ("a", 0, 1, 1): (3, 9),
        ("a", 0, 1, 1, "b"): (3, 13),
        ("a", 1): (4, 3),
    }


def test_a_document_can_be_sent_to_another_process() -> None:
    document = parse(SMALL.encode(), FILE)
    assert pickle.loads(pickle.dumps(document)) == document


@pytest.mark.parametrize("libyaml", [True, False])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("on: 1\nyes: 2\n1: 3\n~: 4\n08: 5\n1e3: 6\n=: 7\n'': 8\n", None, id="keys-are-text"),
        pytest.param('"<<": 1\n', {"<<": 1}, id="a-quoted-merge-key-is-text"),
        pytest.param("---\na: 1\n", {"a": 1}, id="document-start"),
        pytest.param("a: 1\n...\n", {"a": 1}, id="document-end"),
        pytest.param("? a\n: 1\n", {"a": 1}, id="explicit-key"),
        pytest.param("{}", {}, id="an-empty-mapping"),
        pytest.param("a: |\n  x\n\n   y\nb: >-\n  x\n  y\n", {"a": "x\n\n y\n", "b": "x y"}, id="blocks"),
        pytest.param(r'a: "\t\n\x41\u00e9\U0001f642\/\ "', {"a": "\t\nAé🙂/ "}, id="escapes"),
        pytest.param("a: 'it''s'\n", {"a": "it's"}, id="single-quotes"),
        pytest.param("a: x y\n  z\n", {"a": "x y z"}, id="continued"),
        pytest.param("a: {b: [], c: {}}\n", {"a": {"b": [], "c": {}}}, id="empty-ones"),
        pytest.param("a: b # c\n#d: e\n", {"a": "b"}, id="comments"),
        pytest.param('a: "100% & *x !y @z"\n', {"a": "100% & *x !y @z"}, id="quoted-indicators"),
        pytest.param("a: b&c*d!e%f@g|h>i\n", {"a": "b&c*d!e%f@g|h>i"}, id="indicators-within"),
        pytest.param("a: שלום\u200f ‍👩‍💻\n", {"a": "שלום\u200f ‍👩‍💻"}, id="other-scripts-and-joined-emoji"),
    ],
)
def test_legal_yaml_is_read(content: str, expected: Any, libyaml: bool) -> None:
    if expected is None:
        expected = {"on": 1, "yes": 2, "1": 3, "~": 4, "08": 5, "1e3": 6, "=": 7, "": 8}
    assert data(content, libyaml=libyaml) == expected


def test_a_runtime_as_a_cluster_exports_it_is_read() -> None:
    exported = """\
apiVersion: template.openshift.io/v1
kind: Template
metadata:
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: |
      {"apiVersion":"template.openshift.io/v1","kind":"Template","metadata":{"annotations":{},"name":"x"}}
    tags: 'rhods,rhoai,kserve,servingruntime'
  creationTimestamp: "2025-06-01T08:00:00Z"
  generation: 2
  resourceVersion: "48213377"
  uid: 4f0c2f0e-6d0b-4a51-9b52-6c2f1d1f2a10
objects:
- kind: ServingRuntime
  spec:
    containers:
    - args:
      - --port=8080
      - --served-model-name={{.Name}}
      command: [python, -m, vllm.entrypoints.openai.api_server]
      image: registry.example.org/vllm@sha256:0123
      ports:
      - containerPort: 8080
    multiModel: false
parameters: []
"""
    document = parse(exported.encode(), "runtimes/x.yaml")
    assert document.data == yaml.load(exported, Loader=yaml.CSafeLoader)
    assert document.at(("objects", 0, "spec", "containers", 0, "args", 1)) == Location("runtimes/x.yaml", 18, 9)


# ---- places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("libyaml", [True, False])
@pytest.mark.parametrize("prefix", ["", "\ufeff"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_columns_count_characters(prefix: str, newline: str, libyaml: bool) -> None:
    content = f'{prefix}a: {{"🙂é": [🇨🇭, x], ü: 08}}{newline}b: {{c: 010}}{newline}'
    assert findings(content, libyaml=libyaml) == [
        '1:23 [YAML013]: a.ü: 08 is not the same number to every YAML reader; put it in quotes if it is text: "08"; '
        "or write the number in decimal digits",
        '2:8 [YAML013]: b.c: 010 is not the same number to every YAML reader; put it in quotes if it is text: "010"; '
        "or write the number in decimal digits",
    ]


TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp", "Cn", "Co")), max_size=8)
SCALAR = TEXT | st.integers(-(1 << 63), (1 << 64) - 1) | st.booleans() | st.none()
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=12
)
FIRST = {str: '"', bool: "tf", int: "-0123456789", type(None): "n", list: "[", dict: "{"}


@given(st.dictionaries(TEXT, VALUE, max_size=4), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\ufeff"]))
@settings(max_examples=60, deadline=None)
def test_every_place_is_where_its_value_begins(value: dict[str, Any], newline: str, prefix: str) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False)
    document = parse((prefix + text.replace("\n", newline)).encode(), FILE)
    lines = text.split("\n")
    assert document.data == value
    for pointer, place in document.values.items():
        found: Any = value
        for step in pointer:
            found = found[step]
        assert lines[place.line - 1][place.column - 1] in FIRST[type(found)]
    for pointer, place in document.keys.items():
        assert lines[place.line - 1][place.column - 1 :].startswith(json.dumps(pointer[-1], ensure_ascii=False))


# ---- characters ------------------------------------------------------------------------------------------------------

TAKE_OUT = "remove it"
TURNS = "changes the direction of the text: people would read something other than tools do; remove it"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"a: 1\nb: x\xc0\xafy\n", "2:5 [YAML001]: the byte 0xC0 is not valid UTF-8 here", id="overlong"),
        pytest.param(b"a: \xe9\n", "1:4 [YAML001]: the byte 0xE9 is not valid UTF-8 here", id="latin-1"),
        pytest.param(
            "a: \U0001f642ü".encode() + b"\xff\n",
            "1:6 [YAML001]: the byte 0xFF is not valid UTF-8 here",
            id="after-astral",
        ),
        pytest.param(b"\xef\xbb\xbfa: \xff", "1:4 [YAML001]: the byte 0xFF is not valid UTF-8 here", id="after-a-bom"),
        pytest.param(
            b"a: \xed\xa0\x80", "1:4 [YAML001]: the byte 0xED is not valid UTF-8 here", id="encoded-surrogate"
        ),
        pytest.param(b"a: \xe2\x82", "1:4 [YAML001]: the byte 0xE2 is not valid UTF-8 here", id="cut-off"),
    ],
)
def test_bytes_that_are_no_utf8_are_refused_where_they_stand(content: bytes, expected: str) -> None:
    assert findings(content) == [f"{expected}; save the file as UTF-8"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings_are_named(encoding: str) -> None:
    name = encoding[:6].upper()
    assert findings("version: 1\n".encode(encoding)) == [f"1:1 [YAML001]: the file is {name}; save it as UTF-8"]
    assert data("\ufeffversion: 1\n") == {"version": 1}


@pytest.mark.parametrize(
    ("char", "message"),
    [
        ("\0", f"the control character U+0000 is not allowed; {TAKE_OUT}"),
        ("\x07", f"the control character U+0007 is not allowed; {TAKE_OUT}"),
        ("\x1b", f"the control character U+001B is not allowed; {TAKE_OUT}"),
        ("\x7f", f"the control character U+007F is not allowed; {TAKE_OUT}"),
        ("\x9b", f"the control character U+009B is not allowed; {TAKE_OUT}"),
        ("\x0b", f"the control character U+000B is not allowed; {TAKE_OUT}"),
        ("\r", "a carriage return (U+000D) without a line feed; end lines with LF or CRLF"),
        ("\x85", "U+0085 ends a line for some readers and not for others; write an ordinary line break"),
        ("\u2028", "U+2028 ends a line for some readers and not for others; write an ordinary line break"),
        ("\u2029", "U+2029 ends a line for some readers and not for others; write an ordinary line break"),
        ("\u202e", f"U+202E {TURNS}"),
        ("\u2066", f"U+2066 {TURNS}"),
        ("\ufeff", f"the byte order mark U+FEFF is allowed only at the start of the file; {TAKE_OUT}"),
        ("\ufffe", f"U+FFFE is not a character that a text can hold; {TAKE_OUT}"),
        ("\uffff", f"U+FFFF is not a character that a text can hold; {TAKE_OUT}"),
    ],
)
def test_characters_that_are_refused_raw_and_by_an_escape(char: str, message: str) -> None:
    assert findings(f"a: 1\nb: xy{char}z\n") == [f"2:6 [YAML002]: {message}"]
    assert findings(f"# note{char}!\na: 1\n") == [f"1:7 [YAML002]: {message}"]
    escape = f"\\u{ord(char):04x}"
    assert findings(f'a: 1\nb: {{c: "xy{escape}z"}}\n') == [f"2:8 [YAML002]: b.c: {message}"]
    assert data(f"a: 'xy{escape}z'\n") == {"a": f"xy{escape}z"}


def test_all_refused_characters_are_named_at_once_up_to_twenty() -> None:
    assert findings("a: \x01\nb: \x02\n") == [
        f"1:4 [YAML002]: the control character U+0001 is not allowed; {TAKE_OUT}",
        f"2:4 [YAML002]: the control character U+0002 is not allowed; {TAKE_OUT}",
    ]
    assert len(findings("\x01" * 30)) == 20


@pytest.mark.parametrize("libyaml", [True, False])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            r'a: "x \ud800 y"',
            "1:4 [YAML002]: a: U+D800 is half of a surrogate pair, not a character; write the character itself",
        ),
        (
            r'a: ["\ud83d\ude42"]',
            "1:5 [YAML002]: a[0]: U+D83D is half of a surrogate pair, not a character; write the character itself",
        ),
        (r'a: "\e[2J"', f"1:4 [YAML002]: a: the control character U+001B is not allowed; {TAKE_OUT}"),
        (
            r'a: "x\ry"',
            "1:4 [YAML002]: a: a carriage return (U+000D) without a line feed; end lines with LF or CRLF",
        ),
        (
            r'"x\Ny": 1',
            "1:1 [YAML002]: U+0085 ends a line for some readers and not for others; write an ordinary line break",
        ),
    ],
)
def test_escapes_are_held_to_the_same(content: str, expected: str, libyaml: bool) -> None:
    found = findings(content, libyaml=libyaml)
    assert found[0] == expected
    assert len(found) == (2 if "ude42" in content and not libyaml else 1)


# ---- plain scalars ---------------------------------------------------------------------------------------------------

NUMBER = "or write the number in decimal digits"
DOUBTS = {
    "is a truth value to some YAML readers and text to others; put it in quotes if it is text: {}; or write true or false": (
        "y Y n N yes Yes YES yEs no No NO nO on On ON off Off OFF"
    ),
    "is a date to some YAML readers and text to others; put it in quotes if it is text: {}": (
        "2024-01-01 2024-1-1 2024-13-45 2024-01-01T10:00:00Z 2024-1-1t1:2:3 2001-12-14T21:59:43.10-05:00"
    ),
    "is a base-60 number to some YAML readers and text to others; put it in quotes if it is text: {}": (
        "1:30 12:30:45 -1:30 190:20:30 1:30.5 0:30.5"
    ),
    f"is not the same number to every YAML reader; put it in quotes if it is text: {{}}; {NUMBER}": (
        "08 010 012 -07 00 0_0 0x1F 0X1F 0x_ 0b1 0b101 0B1 0o17 0O17 0b-1 -0o7 0_x1F"
    ),
    f"is a number to some YAML readers and text to others; put it in quotes if it is text: {{}}; {NUMBER}": (
        "1e3 1E3 1e+3 1e-3 25921e05 1.5e3 .5e3 1. -.5 +.5 1_0 1_000 1_ -_1 1_0.5 1.5_0 1_e3"
    ),
    "is not a finite number; put it in quotes if it is text: {}": ".inf -.inf +.INF .Inf .nan .NaN .NAN",
    "has a special meaning to some YAML readers; put it in quotes if it is text: {}": "= <<",
    "is a number of more than 64 bits; put it in quotes if it is text: {}": (
        "18446744073709551616 -9223372036854775809 99999999999999999999999999999999"
    ),
}


@pytest.mark.parametrize(
    ("text", "message"), [(text, message) for message, texts in DOUBTS.items() for text in texts.split()]
)
def test_plain_scalars_that_are_not_read_alike_everywhere_are_refused(text: str, message: str) -> None:
    quoted = f'"{text}"'
    assert findings(f"a: [{text}]\n") == [f"1:5 [YAML013]: a[0]: {text} {message.format(quoted)}"]
    assert data(f"a: [{quoted}, '{text}']\n") == {"a": [text, text]}
    assert text == "<<" or data(f"{text}: x\n") == {text: "x"}


def test_a_time_with_a_space_is_a_date() -> None:
    assert findings("a: 2024-01-01 10:00:00 Z\n") == [
        "1:4 [YAML013]: a: 2024-01-01 10:00:00 Z is a date to some YAML readers and text to others; "
        'put it in quotes if it is text: "2024-01-01 10:00:00 Z"'
    ]


VALUES: dict[str, Any] = {
    **dict.fromkeys(["", "~", "null", "Null", "NULL"]),
    **dict.fromkeys(["true", "True", "TRUE"], True),
    **dict.fromkeys(["false", "False", "FALSE"], False),
    **{"0": 0, "1": 1, "-1": -1, "+1": 1, "-0": 0, "8080": 8080, "18446744073709551615": (1 << 64) - 1},
    **{
        "-9223372036854775808": -(1 << 63),
        "1.5": 1.5,
        "-1.5": -1.5,
        "2.10": 2.1,
        ".5": 0.5,
        "8.0": 8.0,
        "1.5e+3": 1500.0,
    },
    **{"1.5E-3": 0.0015, "00.5": 0.5},
}
TEXTS = """
    yess noo online offer yN tRUE nulL ~x y_ nope 1.2.3 10.0.0.1 2.25-cuda 1:60 8080:80 0:30 24:00:61x 2024-01 24-01-01
    2024-01-01x 2024-01-01T10 4Gi 500m 10m 8b-llama 3a 1e 1e+ e3 0x 0xg 0b 0b2 0o8 0o . .. .e3 -- +x _1 __ inf nan
    Infinity NaN .infinity == =x <x sha256:0123 a:b v1 1k 1_a +0x us-east-1
"""


@pytest.mark.parametrize("libyaml", [True, False])
@pytest.mark.parametrize("text", VALUES)
def test_plain_scalars_that_are_read_alike_everywhere_are_values(text: str, libyaml: bool) -> None:
    document = parse(f"a:\n- {text}\n".encode(), FILE, libyaml=libyaml)
    (value,) = document.data["a"]
    assert (value, type(value)) == (VALUES[text], type(VALUES[text]))
    assert dict(document.raw) == ({} if value is None else {("a", 0): text})


@pytest.mark.parametrize("text", TEXTS.split())
def test_plain_text_that_only_looks_like_something_else_is_text(text: str) -> None:
    document = parse(f"a: {text}\n".encode(), FILE)
    assert document.data == {"a": text}
    assert dict(document.raw) == {}


def pyyaml(text: str) -> Any:
    try:
        return yaml.load(f"a: {text}\n", Loader=yaml.CSafeLoader)["a"]
    except (yaml.YAMLError, ValueError):
        return ValueError


def core_schema(text: str) -> Any:
    """YAML 1.2's core schema."""
    if text in VALUES and not isinstance(VALUES[text], int | float):
        return VALUES[text]
    if text.lower() in ("true", "false") and text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text[0] in "tT"
    for pattern, base in (("[-+]?[0-9]+", 10), ("0o[0-7]+", 8), ("0x[0-9a-fA-F]+", 16)):
        if re.fullmatch(pattern, text):
            return int(text, base)
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", text):
        return float(text)
    return float(text.replace(".", "")) if re.fullmatch(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", text) else text


def go(text: str) -> Any:
    """Go's yaml, as far as the alphabet below goes: underscores are dropped, and the rest goes to strconv."""
    if text in ("", "~"):
        return None
    if text[0] not in "+-.0123456789":
        return text
    plain = text.replace("_", "") if text[0] != "." else text
    sign, digits = (plain[0], plain[1:]) if plain[:1] in ("+", "-") else ("", plain)
    for prefix, base in (("0x", 16), ("0b", 2), ("0o", 8), ("0", 8), ("", 10)):
        body = digits.removeprefix(prefix) if digits != "0" else digits
        if digits.startswith(prefix) and re.fullmatch("[0-9a-f]+", body):
            try:
                return int(f"{sign}{body}", base)
            except ValueError:
                continue
    if re.fullmatch(r"0[bo][-+][0-7]+", plain):
        return ValueError
    return float(plain) if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)(e[-+]?[0-9]+)?", plain) else text


def test_what_passes_is_the_same_to_pyyaml_yaml_1_2_and_go() -> None:
    """All short texts of an alphabet that numbers are made of."""
    texts = ["".join(chars) for length in (1, 2, 3, 4) for chars in itertools.product("0189._+-ebx:", repeat=length)]
    plain = [
        text
        for text in texts
        if not text.startswith("- ") and not text.endswith(":") and text not in ("-", "---", "...")
    ]
    passed = {}
    for start in range(0, len(plain), 2000):
        for text in plain[start : start + 2000]:
            try:
                passed[text] = data(f"a: {text}\n")["a"]
            except Rejected:
                continue
    assert len(passed) > 10_000
    differing = {
        text: (value, pyyaml(text), core_schema(text), go(text))
        for text, value in passed.items()
        if {repr(pyyaml(text)), repr(core_schema(text)), repr(go(text))} != {repr(value)}
    }
    assert differing == {}


# ---- structure -------------------------------------------------------------------------------------------------------

AND = "write out what is meant, or put text that begins with"
ANCHOR = f"an anchor (&...) is not allowed; {AND} & in quotes"
ALIAS = f"an alias (*...) is not allowed; {AND} * in quotes"
TAG = f"a tag (!...) is not allowed; {AND} ! in quotes"
MERGE = "a merge key (<<) is not allowed; write the fields out in each place"
COMPLEX = "a key must be text, not a list or a map; write key: value, and put text such as {{ ... }} in quotes"
DIRECTIVE = "a directive (%...) is not allowed; delete the line"
SECOND = (
    "a second YAML document begins here; one file holds one document: move it to a file of its own, or delete the ---"
)
ESCAPE = r"a backslash in this text begins an unknown escape; write \\ for a backslash, or use single quotes"
INDENT = "wrong indentation: this does not line up with the fields above; indent all fields of one map alike"
ITEMS = "wrong indentation: this does not line up with the list above; indent all items of one list alike"
TAB = "a tab is used where YAML requires spaces; indent with spaces"
BRACKET = "the bracket that opens here is not closed; close it where the list or map ends"
COMMA = "a comma or the closing bracket is missing here; separate items by commas, and close the bracket"
CLOSES_NOTHING = "this bracket has no opening counterpart; delete it, or put the text in quotes"
UNCLOSED = "the quote that opens here is not closed; close it, or put quotes around the whole text"
CLOSED_LATER = "the quote that opens here is closed only in line {}; close it where the text ends"
FOLLOWS = r"text follows the closing quote; put quotes around the whole text, and \" for a quote within"
COLON = "a colon is not allowed here; put text with a colon in quotes, or correct the indentation of a field of its own"
NO_COLON = (
    "this line is not a key: value; a colon is missing, or the text that continues the line above is not indented"
)
BEGINS = "this character cannot begin a value; put the text in quotes"
MISSING = "a value is missing here; put text that begins with a bracket or a comma in quotes"
BLOCK = (
    "the header of this block of text is wrong; write | or > at the end of the line, and the text below it, indented"
)
ITEM = "a list item cannot begin here; begin each item on a line of its own, and put text that begins with - in quotes"
MUST = "and must hold a map; write key: value"
EMPTY = "the file is empty; write what belongs in it, or delete it"
UNKNOWN = "this is not valid YAML; check the quotes, colons and indentation in this line and the one above"
ENDED = "the document ends before this; delete what does not belong to it"


def twice(line: int, column: int, path: str, first: tuple[int, int], key: str = "") -> str:
    key = key or path.rpartition(".")[2]
    at = f"({FILE}:{first[0]}:{first[1]})"
    return (
        f"{line}:{column} [YAML011]: {path}: the key {key} is written twice, first in line {first[0]}; "
        f"keep one of the two {at}"
    )


@pytest.mark.parametrize("libyaml", [True, False])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("a: &t [x]\n", [f"1:4 [YAML009]: a: {ANCHOR}"], id="anchor-of-a-list"),
        pytest.param("a: &t x\n", [f"1:4 [YAML009]: a: {ANCHOR}"], id="anchor-of-a-value"),
        pytest.param("&t a: x\n", [f"1:1 [YAML009]: {ANCHOR}"], id="anchor-of-a-key"),
        pytest.param("a: *x\n", [f"1:4 [YAML009]: a: {ALIAS}"], id="alias-of-nothing"),
        pytest.param("a: [1, *x]\n", [f"1:8 [YAML009]: a[1]: {ALIAS}"], id="alias-in-a-list"),
        pytest.param("*x : 1\nb: 2\n", [f"1:1 [YAML009]: {ALIAS}"], id="alias-as-key"),
        pytest.param("a: &e [*e]\n", [f"1:4 [YAML009]: a: {ANCHOR}", f"1:8 [YAML009]: a[0]: {ALIAS}"], id="within-itself"),
        pytest.param("a: & b\n", [f"1:4 [YAML005]: {ANCHOR}"], id="no-anchor"),
        pytest.param("a: * b\n", [f"1:4 [YAML005]: {ALIAS}"], id="no-alias"),
        pytest.param(
            "a: &x {}\nb:\n  <<: *x\n  c: 1\n",
            [f"1:4 [YAML009]: a: {ANCHOR}", f"3:3 [YAML009]: b: {MERGE}", f"3:7 [YAML009]: b.<<: {ALIAS}"],
            id="merge",
        ),
        pytest.param("a: !!python/object/apply:os.system [id]\n", [f"1:4 [YAML010]: a: {TAG}"], id="python-tag"),
        pytest.param("a: !!binary YWNtZQ==\n", [f"1:4 [YAML010]: a: {TAG}"], id="binary-tag"),
        pytest.param('a: !!timestamp "x"\n', [f"1:4 [YAML010]: a: {TAG}"], id="timestamp-tag"),
        pytest.param("a: !!str 1\n", [f"1:4 [YAML010]: a: {TAG}"], id="harmless-tag"),
        pytest.param("a: ! 1\n", [f"1:4 [YAML010]: a: {TAG}"], id="tag-without-a-name"),
        pytest.param("!!map\na: 1\n", [f"1:1 [YAML010]: {TAG}"], id="tag-of-the-root"),
        pytest.param("a: !x!y b\n", [f"1:4 [YAML005]: {TAG}"], id="tag-of-an-unknown-handle"),
        pytest.param("a: 1\nb: 2\na: 3\n", [twice(3, 1, "a", (1, 1))], id="key-twice"),
        pytest.param('a: 1\n"a": 2\n\'a\': 3\n', [twice(2, 1, "a", (1, 1)), twice(3, 1, "a", (1, 1))], id="key-thrice"),
        pytest.param("x: {a: 1, b: {a: 1}, a: 2}\n", [twice(1, 22, "x.a", (1, 5))], id="key-twice-in-a-line"),
        pytest.param("x:\n- a: 1\n  a: {b: 2}\n", [twice(3, 3, "x[0].a", (2, 3), "a")], id="key-twice-in-a-list"),
        pytest.param('1: x\n"1": z\n', [twice(2, 1, "1", (1, 1))], id="number-and-text"),
        pytest.param("a: &x 1\nb: &y 2\na: 3\n", [
            f"1:4 [YAML009]: a: {ANCHOR}", f"2:4 [YAML009]: b: {ANCHOR}", twice(3, 1, "a", (1, 1))],
                     id="all-at-once"),
        pytest.param("? [a, b]\n: 1\nc: *x\n", [f"1:3 [YAML012]: {COMPLEX}", f"3:4 [YAML009]: c: {ALIAS}"], id="list-as-key"),
        pytest.param("? {a: b}\n: {c: d}\ne: f\n", [f"1:3 [YAML012]: {COMPLEX}"], id="mapping-as-key"),
        pytest.param("a: {{ b }}\n", [f"1:5 [YAML012]: a: {COMPLEX}"], id="template-without-quotes"),
        pytest.param("%YAML 1.1\n---\na: 1\n", [f"1:1 [YAML008]: {DIRECTIVE}"], id="yaml-directive"),
        pytest.param("# c\n\n%TAG ! tag:x,2000:\n%FOO\n---\na: *x\n", [
            f"3:1 [YAML008]: {DIRECTIVE}", f"4:1 [YAML008]: {DIRECTIVE}", f"6:4 [YAML009]: a: {ALIAS}"], id="other-directives"),
        pytest.param("a: 1\n---\nb: 2\n", [f"2:1 [YAML006]: {SECOND}"], id="two-documents"),
        pytest.param("a: 1\n...\n---\n", [f"3:1 [YAML006]: {SECOND}"], id="an-empty-second-document"),
        pytest.param("", [f"1:1 [YAML007]: {EMPTY}"], id="empty"),
        pytest.param("\n# only a comment\n", [f"1:1 [YAML007]: {EMPTY}"], id="only-a-comment"),
        pytest.param("---\n", [f"1:1 [YAML007]: {EMPTY}"], id="only-a-start"),
        pytest.param("~\n", [f"1:1 [YAML007]: {EMPTY}"], id="null"),
        pytest.param("- a: 1\n", [f"1:1 [YAML007]: the file holds a list {MUST}"], id="root-list"),
        pytest.param("# c\n acme\n", [f"2:2 [YAML007]: the file holds a single value {MUST}"], id="root-scalar"),
    ],
)  # fmt: skip
def test_what_yaml_allows_and_we_do_not(content: str, expected: list[str], libyaml: bool) -> None:
    assert findings(content, libyaml=libyaml) == expected


@pytest.mark.parametrize("libyaml", [True, False])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param('a: "b\nc: d\n', f"1:4 [YAML005]: a: {UNCLOSED}", id="unclosed-quote"),
        pytest.param("a: 'b\nc: d\n", f"1:4 [YAML005]: a: {UNCLOSED}", id="unclosed-single-quote"),
        pytest.param('a: "b\nc: "https://x"\nd: 1\n', f"1:4 [YAML005]: {CLOSED_LATER.format(2)}", id="closed-by-the-next"),
        pytest.param('a: ["x]\nb: {c: "d"}\n', f"1:5 [YAML005]: {CLOSED_LATER.format(2)}", id="closed-by-the-next-in-a-list"),
        pytest.param('a: "b\n---\nc"\n', f"1:4 [YAML005]: a: {UNCLOSED}", id="quote-over-documents"),
        pytest.param('a: "b" c\nd: e\n', f"1:8 [YAML005]: {FOLLOWS}", id="text-after-a-quote"),
        pytest.param("a: 'it's'\n", f"1:8 [YAML005]: {FOLLOWS}", id="apostrophe"),
        pytest.param('a: ["b" "c"]\n', f"1:9 [YAML005]: {COMMA}", id="no-comma"),
        pytest.param("a: [\n  b: 1 c: 2\n]\n", f"2:9 [YAML005]: {COMMA}", id="no-comma-in-a-list-of-lines"),
        pytest.param(r'a: {b: "\d"}', f"1:8 [YAML005]: a.b: {ESCAPE}", id="unknown-escape"),
        pytest.param(r'a: "\xZZ"', f"1:4 [YAML005]: a: {ESCAPE}", id="no-hex"),
        pytest.param("a:\n    b: 1\n   c: 2\n", f"3:4 [YAML005]: {INDENT}", id="indented-less"),
        pytest.param("a: {b: 1}\n  c: 2\n", f"2:3 [YAML005]: {INDENT}", id="indented-more"),
        pytest.param("a: 1\n- b\n", f"2:1 [YAML005]: {INDENT}", id="item-among-fields"),
        pytest.param("- a\nb: 1\n", f"2:1 [YAML005]: {ITEMS}", id="field-among-items"),
        pytest.param("a: b: c\n", f"1:5 [YAML005]: {COLON}", id="colon-in-text"),
        pytest.param("a: b\n  c: d\n", f"2:4 [YAML005]: {COLON}", id="field-below-a-value"),
        pytest.param('a: "b": c\n', f"1:7 [YAML005]: {COLON}", id="colon-after-a-quote"),
        pytest.param("a: 1\nb\nc: 2\n", f"2:1 [YAML005]: {NO_COLON}", id="no-colon"),
        pytest.param("a: 1\nb:c\nd: 2\n", f"2:1 [YAML005]: {NO_COLON}", id="no-space-behind-the-colon"),
        pytest.param("a:\n\tb: 1\n", f"2:1 [YAML005]: {TAB}", id="tab"),
        pytest.param("a:\n  b: 1\n\tc: 2\n", f"3:1 [YAML005]: {TAB}", id="tab-below-text"),
        pytest.param("\ta: 1\n", f"1:1 [YAML005]: {TAB}", id="tab-first"),
        pytest.param("a:\n-\tb: 1\n  c: 1\n", f"2:2 [YAML005]: {TAB}", id="tab-behind-a-dash"),
        pytest.param("a: |\n\tb\n", f"2:1 [YAML005]: {TAB}", id="tab-in-a-block"),
        pytest.param("a: @b\n", f"1:4 [YAML005]: {BEGINS}", id="at"),
        pytest.param("a: %b\n", f"1:4 [YAML005]: {BEGINS}", id="percent"),
        pytest.param("a: `b`\n", f"1:4 [YAML005]: {BEGINS}", id="backtick"),
        pytest.param("a: - b\n", f"1:4 [YAML005]: {ITEM}", id="item-in-a-line"),
        pytest.param("a: [b, c\nd: e\n", f"1:4 [YAML005]: {BRACKET}", id="unclosed-list"),
        pytest.param("a: {b: c\nd: e\n", f"1:4 [YAML005]: {BRACKET}", id="unclosed-mapping"),
        pytest.param("a: {b: [c}\n", f"1:10 [YAML005]: {COMMA}", id="wrong-bracket"),
        pytest.param("a: [b\n", f"1:4 [YAML005]: {BRACKET}", id="unclosed-at-the-end"),
        pytest.param("a: [b", f"1:4 [YAML005]: {BRACKET}", id="unclosed-at-the-end-without-a-line-break"),
        pytest.param("a: [b,\n", f"1:4 [YAML005]: {BRACKET}", id="unclosed-after-a-comma"),
        pytest.param("a: [b]]\n", f"1:7 [YAML005]: {CLOSES_NOTHING}", id="closed-twice"),
        pytest.param("a: }\n", f"1:4 [YAML005]: {CLOSES_NOTHING}", id="never-opened"),
        pytest.param("a: [b,,c]\n", f"1:7 [YAML005]: {MISSING}", id="two-commas"),
        pytest.param("a: ,b\n", f"1:4 [YAML005]: {MISSING}", id="comma-first"),
        pytest.param("a: ? b\n", f"1:4 [YAML005]: {UNKNOWN}", id="key-in-a-value"),
        pytest.param("a: |x\n b\n", f"1:5 [YAML005]: {BLOCK}", id="text-behind-a-bar"),
        pytest.param("a: |0\n b\n", f"1:5 [YAML005]: {BLOCK}", id="no-indent"),
        pytest.param("a: 1\n... b: 2\n", f"2:5 [YAML005]: {ENDED}", id="after-the-end"),
        pytest.param("a: &x 1\nb: [\n", f"1:4 [YAML009]: a: {ANCHOR}¦2:4 [YAML005]: {BRACKET}", id="what-came-before"),
    ],
)  # fmt: skip
def test_what_is_no_yaml_is_said_in_our_words(content: str, expected: str, libyaml: bool) -> None:
    assert findings(content, libyaml=libyaml) == expected.split("¦")


def test_an_escape_beyond_the_last_character() -> None:
    content = r'a: "\UFFFFFFFF"'
    assert findings(content) == [f"1:4 [YAML005]: a: {ESCAPE}"]
    assert findings(content, libyaml=False) == [
        r"1:1 [YAML005]: a: an escape in the next text is not a character; write \\ for a backslash, or use single quotes"
    ]


@given(
    st.lists(
        st.sampled_from(
            [*"abk:-[]{},&*!|>'\"%@`#?~=<\\\t\n\r 01.eé🙂", ": ", "- ", "\n  ", "\\u", "<<", "---\n", "08"]
        ),
        max_size=40,
    )
)
@settings(max_examples=300, deadline=None)  # fmt: skip
def test_whatever_the_text_there_is_a_document_or_a_finding_in_it(parts: list[str]) -> None:
    text = "".join(parts)
    for libyaml in (True, False):
        try:
            document = parse(text.encode(), FILE, libyaml=libyaml)
        except Rejected as rejected:
            lines = text.split("\n")
            for finding in rejected.findings:
                assert 1 <= finding.at.line <= len(lines)
                assert 1 <= finding.at.column <= len(lines[finding.at.line - 1]) + 1
                assert finding.text().isprintable()
        else:
            assert isinstance(document.data, dict)
            assert set(document.values) >= set(document.keys)


@given(st.binary(max_size=40))
@settings(max_examples=200, deadline=None)
def test_whatever_the_bytes_there_is_a_document_or_a_finding(content: bytes) -> None:
    try:
        assert isinstance(parse(content, FILE).data, dict)
    except Rejected as rejected:
        assert rejected.findings


# ---- what must not be said -------------------------------------------------------------------------------------------

RANDOM_KEY = "AKIA" + "Z7QXM4T2PLC6WRNB"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("password: 0123\n", "1:11 [YAML013]: password: this is not the same", id="by-its-field"),
        pytest.param("a: {HF_TOKEN: 1e10}\n", "1:15 [YAML013]: a.HF_TOKEN: this is a number to", id="by-its-variable"),
        pytest.param(
            "- {value: 08, name: DB_PASSWORD}\n",
            "1:11 [YAML013]: [0].value: this is not the same",
            id="by-the-name-beside",
        ),
        pytest.param("- --api-key\n- 0123\n", "2:3 [YAML013]: [1]: this is not the same", id="by-the-option-before"),
        pytest.param(
            "- {op: add, path: /env/API_KEY, value: 0x1}\n",
            "1:40 [YAML013]: [0].value: this is not the",
            id="by-a-patch",
        ),
        pytest.param("secret: {a: [1_0]}\n", "1:14 [YAML013]: secret.a[0]: this is a number to", id="below-its-field"),
    ],
)
def test_a_value_that_may_be_a_secret_is_not_shown(content: str, expected: str) -> None:
    found = findings(content)[-1]
    assert found.startswith(expected)
    assert '"' not in found


def test_a_key_that_may_be_a_secret_is_not_shown() -> None:
    (found,) = findings(f"a: {{{RANDOM_KEY}: 1, {RANDOM_KEY}: 2}}\n")
    assert found == twice(1, 30, "a.(hidden)", (1, 5), "(hidden)")
    (found,) = findings(f"{'long-' * 20}: &x 1\n")
    assert found == f"1:103 [YAML009]: {'long-' * 12}...: {ANCHOR}"


@pytest.mark.parametrize(
    "text", ["password: *hunter2", "password: !hunter2", "password: &hunter2", "password: 'hunter2"]
)
def test_text_behind_an_indicator_is_not_shown(text: str) -> None:
    assert "hunter2" not in "".join(findings(f"{text}\n"))


# ---- limits ----------------------------------------------------------------------------------------------------------


def nested(depth: int) -> str:
    return "\n".join(f"{' ' * level}a:" for level in range(depth))


LIMITS: dict[str, tuple[Callable[[int], str], int, str]] = {
    "bytes": (
        lambda size: "a: 1\n#" + "x" * (size - 6),
        MAX_BYTES,
        "1:1 [YAML004]: the file has 4,194,305 bytes, and the limit is 4 MiB (4,194,304); "
        "split it, or remove what is not part of the spec",
    ),
    "nodes": (
        lambda nodes: "a: [" + "x," * (nodes - 3) + "]",
        MAX_NODES,
        "1:399999 [YAML004]: a[199997]: more than 200,000 keys and values, which is the limit; split the file",
    ),
    "depth": (
        nested,
        MAX_DEPTH,
        f"33:33 [YAML004]: {'.'.join('a' * 32)}: nested more than 32 levels deep; that is the limit: flatten it",
    ),
    "brackets": (
        lambda depth: f"a: {'[' * (depth - 1)}{']' * (depth - 1)}",
        MAX_DEPTH,
        f"1:35 [YAML004]: a{'[0]' * 31}: nested more than 32 levels deep; that is the limit: flatten it",
    ),
    "text": (
        lambda size: f"a: {'x' * size}",
        MAX_SCALAR_BYTES,
        "1:4 [YAML004]: a: a text of more than 16 KiB, which is the limit; "
        "shorten it, or keep it in a file of its own beside the model",
    ),
    "text-in-bytes": (
        lambda size: f"a: |\n  {'x' * (size % 4)}{'🙂' * (size // 4)}",
        MAX_SCALAR_BYTES,
        "1:4 [YAML004]: a: a text of more than 16 KiB, which is the limit; "
        "shorten it, or keep it in a file of its own beside the model",
    ),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_is_met_exactly(limit: str) -> None:
    made, most, expected = LIMITS[limit]
    assert findings(made(most)) == []
    assert findings(made(most + 1)) == [expected]


def test_a_limit_ends_the_reading_and_keeps_what_was_found() -> None:
    deep = "[" * 100_000
    found = findings(f"a: &x 1\nb: {deep}")
    assert found[0] == f"1:4 [YAML009]: a: {ANCHOR}"
    assert found[1:] == [
        f"2:35 [YAML004]: b{'[0]' * 31}: nested more than 32 levels deep; that is the limit: flatten it"
    ]


def test_a_hundred_findings_are_enough() -> None:
    assert findings("- 08\n" * 100_000) == findings("- 08\n" * 100)
    assert len(findings("a: 1\n" * 1000)) == 100
    assert len(findings("%X\n" * 1000)) == 100


def test_a_number_of_many_digits_is_not_written_out() -> None:
    assert findings(f"a: {'9' * 5000}\n") == [
        "1:4 [YAML013]: a: this is a number of more than 64 bits; put it in quotes if it is text"
    ]


HOSTILE = {
    "brackets": "[" * MAX_BYTES,
    "braces": "{" * MAX_BYTES,
    "dashes": "- " * (MAX_BYTES // 2),
    "questions": "? " * (MAX_BYTES // 2),
    "blank lines": "\n" * MAX_BYTES,
    "comments": "#\n" * (MAX_BYTES // 2),
    "one quote": f'a: "{"x" * (MAX_BYTES - 4)}',
    "percents": "%\n" * (MAX_BYTES // 2),
    "aliases": "*a " * (MAX_BYTES // 3),
    "carriage returns": "\r" * MAX_BYTES,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_at_once(name: str) -> None:
    assert 1 <= len(findings(HOSTILE[name])) <= 100


# ---- files -----------------------------------------------------------------------------------------------------------


def write(root: Path, *files: str, content: str = "version: 1\n") -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(content, encoding="utf-8")


def read_findings(root: Path, file: str = FILE) -> list[tuple[str, bool]]:
    with pytest.raises(Rejected) as rejected:
        read_document(root, file)
    return [(finding.text(), finding.policy) for finding in rejected.value.findings]


LINK = "this is a symbolic link, and links are not followed; put what it points to in its place"


def test_a_file_is_read(tmp_path: Path) -> None:
    write(tmp_path, FILE, content="a: ü\n")
    assert read_document(tmp_path, FILE) == parse("a: ü\n".encode(), FILE)


def test_a_link_is_not_followed_wherever_it_stands(tmp_path: Path) -> None:
    write(tmp_path, "outside/acme.yaml")
    (tmp_path / "projects").mkdir()
    (tmp_path / FILE).symlink_to(tmp_path / "outside/acme.yaml")
    assert read_findings(tmp_path) == [(f"{FILE}:1:1: error[YAML020]: {LINK}", True)]
    (tmp_path / "runtimes").symlink_to(tmp_path / "outside")
    assert read_findings(tmp_path, "runtimes/acme.yaml") == [(f"runtimes:1:1: error[YAML020]: {LINK}", True)]
    (tmp_path / "root").symlink_to(tmp_path / "outside")
    assert read_document(tmp_path / "root", "acme.yaml").data == {"version": 1}


def test_a_link_to_nothing_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "projects").mkdir()
    (tmp_path / FILE).symlink_to("/nowhere")
    assert read_findings(tmp_path) == [(f"{FILE}:1:1: error[YAML020]: {LINK}", True)]


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))


@pytest.mark.parametrize(
    ("make", "what"),
    [(make_fifo, "a FIFO (named pipe)"), (Path.mkdir, "a folder"), (make_socket, "a socket")],
    ids=["fifo", "folder", "socket"],
)
def test_what_is_no_regular_file_is_refused_and_not_waited_for(
    tmp_path: Path, make: Callable[[Path], None], what: str
) -> None:
    (tmp_path / "projects").mkdir()
    make(tmp_path / FILE)
    expected = [
        (
            f"{FILE}:1:1: error[YAML021]: this is {what}, not a regular file; put a regular file in its place",
            False,
        )
    ]
    assert read_findings(tmp_path) == expected
    assert discovered(tmp_path) == expected


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "projects").mkdir()
    with (tmp_path / FILE).open("wb") as stream:
        stream.truncate(3 << 30)
    assert read_findings(tmp_path) == [
        (
            f"{FILE}:1:1: error[YAML004]: the file has 3,221,225,472 bytes, and the limit is 4 MiB (4,194,304); "
            "split it, or remove what is not part of the spec",
            False,
        )
    ]


def test_a_file_that_cannot_be_read_is_the_machine_s_fault(tmp_path: Path) -> None:
    with pytest.raises(MachineFailed) as failed:
        read_document(tmp_path, FILE)
    assert str(failed.value) == f"cannot read {FILE}: No such file or directory; run the command again when it is there"
    name = "x" * 300
    with pytest.raises(MachineFailed) as failed:
        read_document(tmp_path, name)
    assert str(failed.value) == f"cannot read {name}: File name too long; run the command again when it is there"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_the_right_to_read_it(tmp_path: Path) -> None:
    write(tmp_path, FILE)
    (tmp_path / FILE).chmod(0)
    with pytest.raises(MachineFailed) as failed:
        read_document(tmp_path, FILE)
    assert str(failed.value) == f"cannot read {FILE}: Permission denied; give this user the right to read it"


# ---- what there is ---------------------------------------------------------------------------------------------------


def discovered(root: Path) -> Sources | list[tuple[str, bool]]:
    try:
        return discover(root)
    except Rejected as rejected:
        return [(finding.text(), finding.policy) for finding in rejected.findings]


def test_hand_written_files_are_found_by_their_names(tmp_path: Path) -> None:
    write(tmp_path, FILE, "projects/shop-2.yaml", "environments/base.yaml", "environments/prod.yaml")
    write(tmp_path, "runtimes/vllm.yaml", "runtimes/prod/vllm.v2.yaml", "environments/prod/acme/kustomization.yaml")
    write(tmp_path, "README.md", "schemas/project.yaml", "environments/notes.txt")
    (tmp_path / "runtimes/dev").mkdir()
    assert discovered(tmp_path) == Sources(
        projects={"acme": FILE, "shop-2": "projects/shop-2.yaml"},
        environments={"prod": "environments/prod.yaml"},
        base="environments/base.yaml",
        runtimes={(None, "vllm"): "runtimes/vllm.yaml", ("prod", "vllm.v2"): "runtimes/prod/vllm.v2.yaml"},
        models={},
    )


def test_environments_and_runtimes_may_be_missing(tmp_path: Path) -> None:
    write(tmp_path, FILE)
    assert discovered(tmp_path) == Sources(projects={"acme": FILE}, environments={}, base=None, runtimes={}, models={})


def test_what_editors_and_people_leave_beside_specs_is_ignored(tmp_path: Path) -> None:
    write(tmp_path, FILE)
    leftovers = [
        *(".acme.yaml.swp", "acme.yaml~", "acme.yaml.orig", "acme.yaml.bak", "#acme.yaml#", "._acme.yaml", ".DS_Store"),
        *("README.md", "helper.py", "yaml", "notes.txt", ".git/config.yaml", ".#other.yaml"),
    ]
    write(tmp_path, *(f"{folder}/{name}" for folder in ("projects", "environments", "runtimes") for name in leftovers))
    (tmp_path / "projects/.#acme.yaml").symlink_to("somebody@host.1234")
    assert discovered(tmp_path) == Sources(projects={"acme": FILE}, environments={}, base=None, runtimes={}, models={})


RULE = "rename it: lower-case letters, digits and '-', beginning and ending with a letter or digit"
SAME = "the same file on macOS and Windows"
DEEP = "a file at this depth is not read; move it to {}, or give it another suffix if it is not for modelfleet"


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("projects/shop.yml", "the name of shop.yml does not end in .yaml; rename it to shop.yaml"),
        ("projects/acme.yml", "the name of acme.yml does not end in .yaml; merge it into projects/acme.yaml, or delete it"),
        ("projects/shop.YAML", "the name of shop.YAML does not end in .yaml; rename it to shop.yaml"),
        ("environments/dev.yml", "the name of dev.yml does not end in .yaml; rename it to dev.yaml"),
        ("runtimes/vllm.Yaml", "the name of vllm.Yaml does not end in .yaml; rename it to vllm.yaml"),
        ("runtimes/prod/vllm.yml", "the name of vllm.yml does not end in .yaml; rename it to vllm.yaml"),
        ("projects/team/shop.yaml", DEEP.format("projects/")),
        ("projects/team/a/b.yml", DEEP.format("projects/")),
        ("runtimes/prod/deep/x.yaml", DEEP.format("runtimes/prod/")),
        ("projects/.github.yaml", "the name begins with a dot; rename it, or delete it if it is a leftover"),
        ("projects/.yaml", "the name begins with a dot; rename it, or delete it if it is a leftover"),
        ("projects/Shop.yaml", f"'Shop' is not a valid resource name; {RULE}"),
        ("projects/my shop.yaml", f"'my shop' is not a valid resource name; {RULE}"),
        ("projects/a.b.yaml", f"'a.b' is not a valid resource name; {RULE}"),
        ("projects/-a.yaml", f"'-a' is not a valid resource name; {RULE}"),
        ("projects/a-.yaml", f"'a-' is not a valid resource name; {RULE}"),
        ("projects/llama\u0663.yaml", f"'llama\u0663' is not a valid resource name; {RULE}"),
        ("projects/\u212aelvin.yaml", f"'\u212aelvin' is not a valid resource name; {RULE}"),
        (f"projects/{'A' * 50}.yaml", f"'{'A' * 37}...' is not a valid resource name; {RULE}"),
        (f"projects/{'a' * 64}.yaml", "the name has 64 characters; rename it: at most 63"),
        ("projects/con.yaml", "'con' is a device on Windows, where such a file cannot be checked out; rename it"),
        ("projects/argocd.yaml", "'argocd' is the folder of Argo CD's own objects; choose another name"),
        ("environments/Prod.yaml", f"'Prod' is not a valid resource name, and environments/prod.yaml is {SAME}; {RULE}"),
        ("projects/ACME.yaml", f"'ACME' is not a valid resource name, and {FILE} is {SAME}; {RULE}"),
        ("runtimes/Vllm.yaml", "'Vllm' is not a valid resource name; " + RULE.replace("'-'", "'-' or '.'")),
    ],
)  # fmt: skip
def test_a_name_that_cannot_be_is_refused(tmp_path: Path, file: str, message: str) -> None:
    write(tmp_path, FILE, "environments/prod.yaml", file)
    assert discovered(tmp_path) == [(f"{file}:1:1: error[YAML022]: {message}", False)]


def test_what_lies_deep_and_is_no_yaml_is_ignored(tmp_path: Path) -> None:
    write(tmp_path, FILE, "projects/notes/a.txt", "projects/notes/.b.yaml", "projects/notes/c/d.md")
    assert discover(tmp_path).projects == {"acme": FILE}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list everything")
def test_a_folder_that_cannot_be_listed_is_the_machine_s_fault(tmp_path: Path) -> None:
    write(tmp_path, FILE)
    (tmp_path / "projects").chmod(0)
    with pytest.raises(MachineFailed) as failed:
        discover(tmp_path)
    (tmp_path / "projects").chmod(0o755)
    assert str(failed.value) == "cannot list projects/: Permission denied; give this user the right to read it"


@pytest.mark.parametrize("name", ["a" * 63, "0", "a-b", "8b", "base", "cons", "console"])
def test_a_name_that_can_be(tmp_path: Path, name: str) -> None:
    write(tmp_path, f"projects/{name}.yaml")
    assert discover(tmp_path).projects == {name: f"projects/{name}.yaml"}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"x\n::error::y.yaml", r"x\u000a::error::y"),
        (b"x\xff.yaml", r"x\udcff"),
        (b"x\x1b[2J.yaml", r"x\u001b[2J"),
        ("x\u202ey.yaml".encode(), r"x\u202ey"),
    ],
)
def test_a_hostile_name_is_written_in_escapes(tmp_path: Path, name: bytes, shown: str) -> None:
    write(tmp_path, FILE)
    with open(os.path.join(os.fsencode(tmp_path / "projects"), name), "wb"):  # noqa: PTH118, PTH123  # no Path of bytes
        pass
    expected = f"projects/{shown}.yaml:1:1: error[YAML022]: '{shown}' is not a valid resource name; {RULE}"
    assert discovered(tmp_path) == [(expected, False)]


def test_links_are_refused_by_policy(tmp_path: Path) -> None:
    write(tmp_path, FILE, "environments/prod.yaml", "other/x.yaml")
    for link in ("projects/b.yaml", "projects/team", "environments/dev.yaml", "runtimes"):
        (tmp_path / link).symlink_to(tmp_path / "other")
    (tmp_path / "environments/prod").symlink_to(tmp_path / "other")  # generated, so not looked at here
    assert discovered(tmp_path) == [
        (f"{link}:1:1: error[YAML020]: {LINK}", True)
        for link in ("environments/dev.yaml", "projects/b.yaml", "projects/team", "runtimes")
    ]


def test_runtimes_for_an_environment_that_is_not_there(tmp_path: Path) -> None:
    write(tmp_path, FILE, "environments/prod.yaml", "runtimes/prdo/x.yaml", "runtimes/base/x.yaml")
    assert discovered(tmp_path) == [
        (
            "runtimes/base:1:1: error[YAML022]: there is no environments/base.yaml; "
            "what applies to all environments is in runtimes/ itself",
            False,
        ),
        (
            "runtimes/prdo:1:1: error[YAML022]: there is no environments/prdo.yaml; did you mean runtimes/prod/?",
            False,
        ),
    ]


def test_all_that_is_wrong_with_names_is_said_at_once(tmp_path: Path) -> None:
    write(tmp_path, "projects/A.yaml", "projects/b.yml", "environments/C.yaml")
    assert discovered(tmp_path) == [
        (f"environments/C.yaml:1:1: error[YAML022]: 'C' is not a valid resource name; {RULE}", False),
        (f"projects/A.yaml:1:1: error[YAML022]: 'A' is not a valid resource name; {RULE}", False),
        (
            "projects/b.yml:1:1: error[YAML022]: the name of b.yml does not end in .yaml; rename it to b.yaml",
            False,
        ),
    ]


WRITE_ONE = "write projects/<name>.yaml; --root names the folder that holds projects/"


def test_without_a_project_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert discovered(tmp_path) == [(f".:1:1: error[YAML023]: there is no folder projects/; {WRITE_ONE}", False)]
    write(tmp_path, "projects/README.md")
    assert discovered(tmp_path) == [(f"projects:1:1: error[YAML023]: projects/ holds no project; {WRITE_ONE}", False)]
    (tmp_path / "projects/README.md").unlink()
    (tmp_path / "projects").rmdir()
    write(tmp_path, "projects")
    assert discovered(tmp_path) == [
        ("projects:1:1: error[YAML021]: this is a file, not a folder; put a folder in its place", False)
    ]


def test_without_a_root_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(MachineFailed) as failed:
        discover(tmp_path / "no\nwhere")
    assert str(failed.value) == (
        f"there is no folder {tmp_path}/no\\u000awhere: --root names the folder that holds projects/"
    )


# ---- names of secrets ------------------------------------------------------------------------------------------------


SECRET_NAMES = """
    password PASSWORD dbPassword DB_PASSWORD passwd MYSQL_PWD pass DB_PASS passphrase secret clientSecret client_secret token
    HF_TOKEN hfToken HFToken api-token authToken AUTH_TOKEN_2 token_base64 apiKey api_key APIKey OPENAI_API_KEY apikey
    --api-key --hf-token --password accessKey secretAccessKey AWS_SECRET_ACCESS_KEY AWS_ACCESS_KEY_ID access_key_id
    privateKey SIGNING_KEY encryption-key WANDB_API_KEY NGC_API_KEY HF_KEY STRIPE_KEY GITHUB_PAT JWT bearer SENTRY_DSN
    AZURE_STORAGE_CONNECTION_STRING VAULT_SECRET_ID .dockerconfigjson htpasswd rootPassword keystorePassword PASSWORD_OLD
    acme.example.org/api-token client-key-data
"""
NO_SECRET_NAMES = """
    TOKENIZERS_PARALLELISM TIKTOKEN_ENCODINGS_BASE tokens tokenizer tokenizer_mode --tokenizer --tokenizer-mode --max-tokens
    --max-num-batched-tokens --enable-auto-tool-choice --tool-call-parser keyPrefix keys key secrets secretName secretRef
    secretKeyRef HF_TOKEN_PATH API_KEY_FILE token_count max_token eos_token PAD_TOKEN stop_token num_token publicKey
    public_key topologyKey labelKey primaryKey S3_KEY sort_key imagePullSecret existingSecret passthrough bypass compass
    two_pass first-pass PATH path pattern passwordFile passwordPolicy token-limit tokenEndpoint author authority
    automountServiceAccountTokenMode keyring monkey turkey hotkeys keyboard secretary password-less jwtIssuer patch
"""


@pytest.mark.parametrize("name", SECRET_NAMES.split())
def test_names_of_secrets(name: str) -> None:
    assert names_secret(name)


@pytest.mark.parametrize("name", NO_SECRET_NAMES.split())
def test_names_of_no_secrets(name: str) -> None:
    assert not names_secret(name)


def test_what_names_a_value() -> None:
    assert naming({"a": 1}, "a") == "a"
    assert naming({"name": "HF_TOKEN", "value": "x"}, "value") == "HF_TOKEN"
    assert naming({"op": "add", "path": "/spec/env/HF_TOKEN", "value": "x"}, "value") == "HF_TOKEN"
    assert naming({"value": "x"}, "value") is None
    assert naming({"name": 1, "value": "x"}, "value") is None
    assert naming(["--api-key", "x"], 1) == "--api-key"
    assert naming(["--api-key=y", "x"], 1) is None
    assert naming(["serve", "x"], 1) is None
    assert naming(["x"], 0) is None
