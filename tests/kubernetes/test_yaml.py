from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from modelfleet.kubernetes.scalar import NotReadable, plain_scalar, tagged
from modelfleet.kubernetes.yaml import DEPTH, ParsedObject, UnreadableYaml, objects_of, yaml_documents
from modelfleet.tools.install import Tool
from modelfleet.tools.kubeconform import kubeconform
from modelfleet.tools.kustomize import kustomize_build
from modelfleet.tools.schemas import Schemas

MEANINGS: Sequence[tuple[str, Any]] = [
    ("y", True), ("Yes", True), ("on", True), ("true", True), ("yEs", "yEs"), ("yep", "yep"),
    ("n", False), ("NO", False), ("Off", False), ("nope", "nope"),
    ("", None), ("~", None), ("null", None), ("nil", "nil"),
    ("0", 0), ("-12", -12), ("+7", 7), ("1_000", 1000), ("-1_000", -1000), ("_1", "_1"), ("-0", 0),
    ("017", 15), ("0o17", 15), ("0O17", 15), ("08", 8), ("09.5", 9.5), ("0777777777777777777777777", 777777777777777777777777.0),
    ("0x1F", 31), ("-0x1f", -31), ("0x", "0x"), ("0x_", "0x_"), ("0xFFFFFFFFFFFFFFFFF", "0xFFFFFFFFFFFFFFFFF"),
    ("0b11", 3), ("-0b11", -3), ("0b-1", -1), ("0b+1", 1), ("-0b+1", "-0b+1"), ("0b_", "0b_"), ("0b2", "0b2"),
    ("1.0", 1), ("1.", 1), ("1.50", 1.5), (".5", 0.5), (".5_5", 0.55), ("._5", "._5"), ("-.5", -0.5), ("1_0.5", 10.5),
    ("1e3", 1000), ("12e03", 12000), ("1e-3", 0.001), ("1e", "1e"), ("1e21", 1e21), ("1e400", "1e400"), ("1e-400", 0),
    ("9223372036854775807", 9223372036854775807), ("9223372036854775808", 9223372036854775808.0),
    ("18446744073709551615", 18446744073709551615.0), ("18446744073709551616", 18446744073709551616.0),
    ("4611686018427387904.0", 4611686018427388000), ("9" * 400, "9" * 400),
    ("1.2.3", "1.2.3"), ("12:30", "12:30"), ("2026-01-02", "2026-01-02"), ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
    (".", "."), ("=", "="), ("v1", "v1"), ("'y'", "y"), ('"1e3"', "1e3"), ("! y", "y"),
    ("!!str 1", "1"), ('!!int "8"', 8), ("!!float 3", 3), ("!!bool on", True), ("!!null ''", None), ("!mine 1", "1"),
    ("!!binary YQ==", "a"), ("!!binary /w==", "\ufffd"), ("!!timestamp 2026-01-02", "2026-01-02"),
    ("!!set {a, b}", {"a": None, "b": None}),
    ("[0o17, {1e6: 1.0}]", [15, {"1e+06": 1}]), ("{1: a, 1.5: b, on: c, 0.0001: d, .inf: e}",
        {"1": "a", "1.5": "b", "true": "c", "0.0001": "d", ".inf": "e"}),
    ("{16777217.0: a, 1e-7: b, 123456.0: c, -0x10: d}", {"1.6777216e+07": "a", "1e-07": "b", "123456": "c", "-16": "d"}),
    ("[&a 1, *a, {*a : 2}]", [1, 1, {"1": 2}]), ("[&a {b: 1}, {<<: *a, b: 2}, {b: 2, <<: *a}]", [{"b": 1}, {"b": 2}, {"b": 1}]),
    ("{<<: [{a: 1}, {a: 2, b: 3}]}", {"a": 1, "b": 3}), ("{'<<': 1}", {"<<": 1}),
]  # fmt: skip
"""What stands behind `value: `, and what a cluster has there."""


REFUSED = [
    ".inf", "-.INF", ".nan", "!!int x", "!!int 1.5", "!!float true", "!!bool 1", "!!null x", "!!timestamp x", "!!binary a",
    "!!float 18446744073709551615", "{~: 1}", "{18446744073709551615: 1}", "{[a]: 1}", "{<<: 1}", "{<<: [1]}", "*a",
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), MEANINGS)
def test_a_value_means_what_it_means_to_kubernetes(text: str, value: Any) -> None:
    (found,) = yaml_documents(f"value: {text}\n".encode())
    assert json.dumps(found) == json.dumps({"value": value})


@pytest.mark.parametrize("text", REFUSED)
def test_what_a_cluster_cannot_read_is_refused(text: str) -> None:
    with pytest.raises(UnreadableYaml):
        yaml_documents(f"value: {text}\n".encode())


def verdicts(tool: Tool, folder: Path, values: Sequence[tuple[str, Any]]) -> list[str]:
    """What kubeconform says of objects with these values, whose schema allows nothing but ours."""
    streams = {}
    for index, (text, value) in enumerate(values):
        whole = float(value) if type(value) is int and abs(value) > 2**53 else value  # it compares as floats
        schema = {"properties": {"value": {"enum": [whole]}}, "required": ["value"]}
        (folder / f"v{index}-example.org-v1.json").write_text(json.dumps(schema))
        streams[str(index)] = (
            f"apiVersion: example.org/v1\nkind: V{index}\nmetadata: {{name: v}}\nvalue: {text}\n".encode()
        )
    said = kubeconform(tool, Schemas((folder,), "1.32"), streams)
    assert said.valid + len(said.verdicts) == len(values)
    found = dict.fromkeys(streams, "valid") | {one.label: one.status for one in said.verdicts}
    return [found[str(index)] for index in range(len(values))]


def test_kubeconform_reads_the_same(real_tools: Mapping[str, Tool], tmp_path: Path) -> None:
    tool = real_tools["kubeconform"]
    meanings = [
        (text, value) for text, value in MEANINGS if "<<: *a, b" not in text and "<<: [{" not in text
    ]  # -strict refuses it
    assert verdicts(tool, tmp_path, meanings) == ["valid"] * len(meanings)
    assert verdicts(tool, tmp_path, [(text, None) for text in REFUSED]) == ["error"] * len(REFUSED)
    near = [("0o17", 17), ("1e3", "1e3"), ("y", "y"), ("08", "08"), ("1e400", 1e300)]
    assert verdicts(tool, tmp_path, near) == ["invalid"] * len(near)


PIECES = [
    *"0123456789+-._eExXoObBnNyY~", "0x", "0b", "0o", "1e", "00", "17", "18446744073709551615", "9223372036854775807", ".inf",
    ".nan", "yes", "On", "null", "2001-1-1", "1.0", "e400", "0777", "<<", "!!int ", "!!float ", "!!bool ", "!!str ", "!x ", "! ",
]  # fmt: skip
SPELLINGS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(texts=st.lists(SPELLINGS, min_size=200, max_size=300))
def test_kubeconform_reads_anything_the_same(
    real_tools: Mapping[str, Tool], tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    values = []
    for text in texts:
        try:
            values.append((text, yaml_documents(f"value: {text}\n".encode())[0]["value"], "valid"))
        except UnreadableYaml:
            values.append((text, None, "error"))
    said = verdicts(
        real_tools["kubeconform"], tmp_path_factory.mktemp("v"), [(text, value) for text, value, _ in values]
    )
    assert [(one[0], verdict) for one, verdict in zip(values, said, strict=True)] == [
        (text, wanted) for text, _, wanted in values
    ]


UNLIKE = {
    *(
        "y",
        "Yes",
        "on",
        "n",
        "NO",
        "Off",
        "2026-01-02",
        "2026-01-02T03:04:05Z",
        "!!str 1",
        '!!int "8"',
        "!!float 3",
        "! y",
    ),
    *("!!bool on", "!!null ''", "!mine 1", "!!binary YQ==", "!!binary /w==", "!!timestamp 2026-01-02"),
    *(text for text, _ in MEANINGS if "&a" in text or "<<" in text or text.startswith(("{1", "[0o17"))),
}


@pytest.mark.parametrize(("text", "value"), MEANINGS)
def test_what_kustomize_may_read_otherwise_is_known(text: str, value: Any) -> None:
    content = f"value: {text}\n".encode()
    if text in UNLIKE:
        with pytest.raises(UnreadableYaml) as refused:
            yaml_documents(content, alike=True)
        assert refused.value.message == "kustomize reads this in another way"
    else:
        assert yaml_documents(content, alike=True) == [{"value": value}]


def test_kustomize_changes_no_meaning_of_the_rest(real_tools: Mapping[str, Tool], tmp_path: Path) -> None:
    plain_ones = [(text, value) for text, value in MEANINGS if text not in UNLIKE and not text.startswith("!!set")]
    lines = [f"  v{index}: {text}" for index, (text, _) in enumerate(plain_ones)]
    head = "apiVersion: example.org/v1\nkind: V\nmetadata: {name: v}\nspec:\n"
    (tmp_path / "v.yaml").write_text(head + "\n".join(lines) + "\n")
    (tmp_path / "kustomization.yaml").write_text("resources: [v.yaml]\n")
    done = kustomize_build(real_tools["kustomize"], [tmp_path], 60)
    (built,) = objects_of(done.out)
    assert json.dumps(built.item["spec"], sort_keys=True) == json.dumps(
        {f"v{index}": value for index, (_, value) in enumerate(plain_ones)}, sort_keys=True
    )


# ---- streams ---------------------------------------------------------------------------------------------------------


def test_a_stream_is_split_into_objects() -> None:
    assert objects_of(b"a: |\n  ---\n  b\n---\nc: 1\n") == [
        ParsedObject({"a": "---\nb\n"}, b"a: |\n  ---\n  b\n"),
        ParsedObject({"c": 1}, b"c: 1\n"),
    ]
    assert objects_of(b"") == []


def test_all_documents_are_read() -> None:
    assert yaml_documents(b"a: 1\n---\n# none\n--- b\n...\n") == [{"a": 1}, None, "b"]
    assert yaml_documents(b"") == []


@pytest.mark.parametrize(
    ("content", "line", "column", "message"),
    [
        (b"a: 1\n---\nb: 1\nb: 2\n", 4, 1, "a key is written twice"),
        (b"y: 1\ntrue: 2\n", 2, 1, "a key is written twice"),
        (b"a: [1\n", 2, 1, "this is not valid YAML: did not find expected ',' or ']'"),
        (b"a: &a [*a]\n", 1, 8, "the alias has no anchor before it"),
        (b"a: &a 1\n---\nb: *a\n", 3, 4, "the alias has no anchor before it"),
        (b"[" * 30_000, 1, DEPTH + 1, f"the document nests deeper than {DEPTH} levels"),
        (b"- " * 30_000, 1, 2 * DEPTH + 1, f"the document nests deeper than {DEPTH} levels"),
        (b"{a: " * 30_000, 1, 4 * DEPTH + 1, f"the document nests deeper than {DEPTH} levels"),
        (
            b"- &a " + b"[" * 150 + b"]" * 150 + b"\n- " + b"[" * 50 + b"*a" + b"]" * 50,
            2,
            53,
            f"the document nests deeper than {DEPTH} levels",
        ),
        (b"? [a]\n: 1\n", 1, 3, "a key is a map or a list"),
        (b"a: .inf\n", 1, 4, "an infinite number or NaN cannot be written as JSON"),
    ],
)
def test_what_is_refused_is_placed(content: bytes, line: int, column: int, message: str) -> None:
    with pytest.raises(UnreadableYaml) as refused:
        yaml_documents(content)
    assert (refused.value.line, refused.value.column, refused.value.message) == (line, column, message)


def test_aliases_that_nest_as_deep_as_may_be_are_read() -> None:
    content = b"- &a " + b"[" * 150 + b"]" * 150 + b"\n- " + b"[" * (DEPTH - 151) + b"*a" + b"]" * (DEPTH - 151)
    assert len(yaml_documents(content)[0]) == 2


def test_a_bomb_of_aliases_is_refused_before_it_goes_off() -> None:
    lines = [b"a0: &a0 [x, x]", *(b"a%d: &a%d [*a%d, *a%d]" % (n, n, n - 1, n - 1) for n in range(1, 60))]
    with pytest.raises(UnreadableYaml) as refused:
        yaml_documents(b"\n".join(lines), nodes=1000)
    assert refused.value.message == "the document has more than 1,000 values, with aliases expanded"


def test_a_scalar_alone() -> None:
    assert (plain_scalar("0o17"), tagged("tag:yaml.org,2002:int", "0x1f"), tagged("!", "y")) == (15, 31, "y")
    with pytest.raises(NotReadable) as refused:
        tagged("tag:yaml.org,2002:binary", "YQ=")
    assert str(refused.value) == "the value is not base64, as its tag !!binary says"
