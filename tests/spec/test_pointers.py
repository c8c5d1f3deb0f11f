"""Where jsonschema-rs says that something is wrong, against jsonschema, which says it exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console import modelfleet, write
from modelfleet.schema_errors import ErrorPlaces
from modelfleet.spec.load import parse
from modelfleet.spec.schema import validate

KEYS = st.sampled_from(
    ["7", "07", "007", "+7", "+007", "0", "00", "", "a", "a/b", "~0", "-1", "1_0", "+", "99999999999999999999"]
)
LEAVES = st.sampled_from(["text", 1, 0.5, True, None])
DATA = st.dictionaries(
    KEYS,
    st.recursive(
        LEAVES, lambda inner: st.dictionaries(KEYS, inner, max_size=4) | st.lists(inner, max_size=3), max_leaves=12
    ),
)
SCHEMA: Any = {
    "$defs": {
        "any": {
            "type": ["object", "array", "string"],
            "additionalProperties": {"$ref": "#/$defs/any"},
            "items": {"$ref": "#/$defs/any"},
            "maxProperties": 3,
            "propertyNames": {"pattern": "^[^+]*$"},
        }
    },
    "$ref": "#/$defs/any",
}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DATA)
def test_each_error_is_where_it_is(data: Any) -> None:
    exact = {
        (error.validator, tuple(error.absolute_path))
        for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(data)
    }
    exact = {("propertyNames" if name == "pattern" else name, path) for name, path in exact}
    found, places = set(), ErrorPlaces(data)
    for error in jsonschema_rs.Draft202012Validator(SCHEMA).iter_errors(data):
        for pointer in places.pointers(error):
            found.add((error.kind.name, pointer))
    assert found == exact


@pytest.mark.parametrize("key", ["007", "012", "+1", "00", "0", "7"])
@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("connections: {{'{key}': {{s4: 1}}}}", "connections.{key}.s4", "unknown key 's4'"),
        ("models: {{'{key}': 1}}", "models.{key}", "expected a map, found the number 1"),
        ("models: {{m: {{env: {{'{key}': 1}}}}}}", "models.m.env.{key}", "'{key}' is not a valid name for a variable"),
        ("secrets: {{'{key}': {{keys: [1]}}}}", "secrets.{key}.keys[0]", "expected text, found the number 1"),
    ],
)
def test_what_is_wrong_with_a_key_of_digits_is_said_of_it(
    key: str, text: str, path: str, message: str, tmp_path: Path
) -> None:
    write(
        tmp_path,
        {"projects/a.yaml": "version: 1\nplatform: single-model\n" + text.format(key=key) + "\nenvironments: {}\n"},
    )
    done = modelfleet(tmp_path, "check")
    assert done.code == 1
    assert f"{path.format(key=key)}: {message.format(key=key)}" in done.err


def test_a_right_value_beside_a_wrong_one_is_not_blamed(tmp_path: Path) -> None:
    connections = "connections:\n  '7': {uri: 'https://a.example'}\n  '007': {s4: 1}\n"
    write(tmp_path, {"projects/a.yaml": f"version: 1\nplatform: single-model\n{connections}environments: {{}}\n"})
    done = modelfleet(tmp_path, "check")
    assert (done.code, "projects/a.yaml:5:11: error[SPEC002]: connections.007.s4: " in done.err) == (1, True)
    assert "connections.7" not in done.err


@pytest.mark.parametrize("text", ["models: {'': 1}", "connections: {'': {s4: 1}}", "secrets: {'': {'': 1}}"])
def test_an_empty_key_is_a_finding(text: str, tmp_path: Path) -> None:
    write(tmp_path, {"projects/a.yaml": f"version: 1\nplatform: single-model\n{text}\nenvironments: {{}}\n"})
    done = modelfleet(tmp_path, "check")
    assert (done.code, "projects/a.yaml:3:" in done.err) == (1, True)


def test_of_thousands_of_entries_only_the_first_are_told(tmp_path: Path) -> None:
    models = "".join(f"  m{number}:\n" for number in range(5_000))
    spec = f"version: 1\nplatform: single-model\nmodels:\n{models}environments: {{prod: {{}}}}\n"
    found = [finding.text() for finding in validate(parse(spec.encode(), "projects/big.yaml"), "project")]
    assert [line.partition(" ")[0] for line in found] == [
        f"projects/big.yaml:{4 + n}:{3 + len(f'm{n}:')}:" for n in range(101)
    ]
    assert (
        found[-1] == "projects/big.yaml:104:8: error[SPEC011]: there are more errors from here on; fix the others first"
    )
