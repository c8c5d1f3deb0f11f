from __future__ import annotations

from typing import Any

import pytest
import yaml

from modelfleet.kubernetes.built import ParsedObject, number_of, objects_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("y", True),
        ("Off", False),
        ("true", True),
        ("~", None),
        ("", None),
        ("1e3", 1000.0),
        ("0o17", 15),
        ("017", 15),
        ("08", 8.0),
        ("0x1F", 31),
        ("-1_000", -1000),
        (".5", 0.5),
        ("1.0", 1.0),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("=", "="),
        ("yep", "yep"),
        ("nul", "nul"),
        ("v1", "v1"),
        ("1.2.3", "1.2.3"),
        ('"y"', "y"),
        ('"1e3"', "1e3"),
    ],
)
def test_what_is_built_is_read_as_kubernetes_reads_it(text: str, value: Any) -> None:
    (built,) = objects_of(f"a: {text}\n".encode())
    assert (built.item, type(built.item["a"])) == ({"a": value}, type(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("a: !!binary YQ==", {"a": b"a"}),
        ("a: !!set {b}", {"a": {"b"}}),
        ("a: 1\na: 2", {"a": 2}),
        ("? [a]\n: 1", None),
        ("a: !other 1", None),
    ],
)
def test_what_is_not_plain_is_read_as_pyyaml_reads_it(text: str, value: Any) -> None:
    if value is None:
        with pytest.raises(yaml.YAMLError):
            objects_of(text.encode())
    else:
        assert objects_of(text.encode()) == [ParsedObject(value, text.encode())]


def test_what_holds_itself_is_read_without_end() -> None:
    (built,) = objects_of(b"a: &x [*x]")
    assert built.item["a"][0] is built.item["a"]


def test_a_stream_is_split_into_objects() -> None:
    assert objects_of(b"a: |\n  ---\n  b\n---\nc: 1\n") == [
        ParsedObject({"a": "---\nb\n"}, b"a: |\n  ---\n  b\n"),
        ParsedObject({"c": 1}, b"c: 1\n"),
    ]
    assert objects_of(b"") == []


def test_numbers_that_are_none() -> None:
    assert (str(number_of(".nan")), number_of("-.inf"), number_of("+7")) == ("nan", float("-inf"), 7)
