from __future__ import annotations

import importlib.util
import itertools
import json
import math
import os
import shutil
import subprocess
from collections.abc import Callable
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from modelfleet.kubernetes.emit import dump

# What some reader takes for something else than text, or what ends, opens or changes a bare scalar.
QUOTED = """
true¦True¦TRUE¦tRuE¦false¦False¦FALSE¦yes¦Yes¦YES¦no¦No¦NO¦on¦On¦ON¦off¦Off¦OFF¦y¦Y¦n¦N
null¦Null¦NULL¦~¦~/models¦inf¦.inf¦.Inf¦-.inf¦+.INF¦Infinity¦-Infinity¦nan¦.nan¦.NaN¦NAN
0¦1¦-1¦+1¦007¦010¦08¦1_000¦1__0¦0x1F¦0XFF¦-0x1¦0x¦0x_¦0b101¦0b102¦0o17¦0O17¦-0o7¦0xdeadbeef
1.5¦-1.5¦.5¦-.5¦+.5¦5.¦1.¦.¦..¦...¦....¦...x¦1.2.3¦10.0.0.1¦2.25¦1,000¦1_0.5¦9007199254740993¦12e+¦0x1p-2¦0b1e5
1e3¦1E3¦1e+3¦1e-3¦-1e3¦12e3¦012e5¦0e12345¦25921e05¦1.5e3¦1.5e+3¦.5e1¦1e¦5E¦12345678901234567890¦1:
12:30¦12:30:45¦-12:30¦190:20:30¦1:30.5¦8080:80¦0:0¦12:30:45.5¦2024:01
2024-01-01¦2024-1-2¦2024-02-30¦2024-01¦2024-01-01T10:00:00Z¦2024-01-01 10:00:00
2024-01-01t10:00:00+01:00¦2024-12-release
=¦==¦=x¦<<¦<<x¦<¦>¦>x¦!¦!x¦!!str¦&¦&x¦*¦*x¦%¦%TAG¦@¦@x¦`¦`x`¦?¦? x¦?x¦:¦:x¦::¦-¦- ¦- x¦--- x¦---¦---x¦-x: y¦-1x¦+x¦+
{¦}¦{}¦[]¦[¦]¦[a]¦{a: b}¦{{.Name}}¦{{ x }}¦,¦,x¦#¦#x¦a #b¦a # b¦a: b¦a:¦a: ¦C:\\¦a::¦a:-b¦a:[b¦' ¦ a¦a ¦  ¦a  b
'¦'a'¦'a¦"¦"a"¦it: 's¦\\¦\\n¦*.example.org¦&anchor¦!tag¦%d¦@user¦*¦>-¦|¦|-¦|x¦;x¦)¦~user¦^x¦"quoted" words
"""

BARE = """
a¦abc¦Abc¦z¦t¦f¦T¦F¦x1¦_¦__¦_1¦yes!¦nope¦nullable¦truest¦on-call¦off-line¦infinite¦nano¦None¦none¦nil
10m¦4Gi¦100Mi¦1Gi¦8Gi¦1k¦1Ki¦80GB¦3.11-slim¦1.30.0-rc1¦2.25-cuda¦0d1¦1st¦3a¦8b¦1e5a¦259a1e05¦7th of May¦24-01-01
nvidia.com/gpu¦serving.kserve.io/v1beta1¦app.kubernetes.io/part-of¦requests.nvidia.com/gpu¦opendatahub.io/dashboard
quay.io/modh/vllm@sha256:0123abcd¦registry.example:5000/a/b:latest¦localhost:8080¦https://example.org:13808/a?b=c&d=e#f
oci://quay.io/models/granite:1.0¦s3://bucket/key¦pvc://claim/model¦git@github.com:org/repo.git¦sha256:abc¦a:b¦a:1
--max-model-len=20000¦--gpu-memory-utilization=0.95¦--x="a b"¦--trust¦-v¦-x=1
--served-model-name={{.Name}}¦--json={"a":1}
/mnt/models¦./relative¦../up¦.hidden¦path/to/file.yaml¦a/b/¦/¦$(MODEL_DIR)¦$HOME¦(none)¦a(b)
Granite 3 8B¦Product recommendations, daily¦it's here¦say "hi"¦a - b¦a ? b¦a & b¦a | b
50% off¦a*b¦x > y¦what?¦wow!¦a#b¦a,b
NVIDIA-A100-SXM4-40GB¦NoSchedule¦nvidia.com/gpu.product¦grpc-v2¦v1¦V1.2¦us-east-1¦kebab-case¦snake_case¦CamelCase
a\\b¦a :b¦back`tick¦tilde~¦caret^¦a=b¦a<<b¦a+b¦a;b¦a]¦a}¦a{b}¦a[0]¦a@b¦a%20b¦a!b¦é¦naïve
日本語¦😀¦Modèle 😀¦ﬀ¦ſ¦Ω mega¦🇨🇭
"""

ESCAPED = {
    "": '""',
    "\0": r'"\0"',
    "\t": r'"\t"',
    "a\tb": r'"a\tb"',
    "\n": r'"\n"',
    "\n\n": r'"\n\n"',
    "\r": r'"\r"',
    "a\r\nb": r'"a\r\nb"',
    "\a": r'"\x07"',
    "\x1b[31mred": r'"\x1b[31mred"',
    "\x7f": r'"\x7f"',
    "\x80": r'"\x80"',
    "a\x85b": r'"a\x85b"',
    "a\xa0b": r'"a\xa0b"',
    "soft\xadhyphen": r'"soft\xadhyphen"',
    "zero\u200bwidth": r'"zero\u200bwidth"',
    "join\u200der": r'"join\u200der"',
    "a\u2028b": r'"a\u2028b"',
    "a\u2029b": r'"a\u2029b"',
    "\u202eright to left": r'"\u202eright to left"',
    "\u2066isolated": r'"\u2066isolated"',
    "wide\u3000space": r'"wide\u3000space"',
    "\ue000private": r'"\ue000private"',
    "\ufeffbom": r'"\ufeffbom"',
    "in\ufeffside": r'"in\ufeffside"',
    "\ufffd\ufffe\uffff": '"\ufffd\\ufffe\\uffff"',
    "\U000e0041tag": r'"\U000e0041tag"',
    "\U0010ffff": r'"\U0010ffff"',
    "{😀}": '"{😀}"',
    "a: \\": r'"a: \\"',
    "x\nauth: false\t": r'"x\nauth: false\t"',
    "blank at the end \nof a line": r'"blank at the end \nof a line"',
    "a\n \nb": r'"a\n \nb"',
    "a\n ": r'"a\n "',
    " first\nline": r'" first\nline"',
    "\n first": r'"\n first"',
    "a\n\n": r'"a\n\n"',
    "a\n\n\n\nb": r'"a\n\n\n\nb"',
    "\n\n\na": r'"\n\n\na"',
    "a\n\u2028": r'"a\n\u2028"',
}

BLOCKS = {
    "a\nb": "|-\n  a\n  b",
    "a\nb\n": "|\n  a\n  b",
    "a\n": "|\n  a",
    "\na": "|-\n\n  a",
    "\n\na\n": "|\n\n\n  a",
    "a\n\nb": "|-\n  a\n\n  b",
    "a\n\n\nb": "|-\n  a\n\n\n  b",
    "a\n  b\n": "|\n  a\n    b",
    "x\nauth: false": "|-\n  x\n  auth: false",
    "# no comment\n- a": "|-\n  # no comment\n  - a",
    "---\n...\n": "|\n  ---\n  ...",
    '{% for x in y %}\n"{{ x }}"\n{% endfor %}': '|-\n  {% for x in y %}\n  "{{ x }}"\n  {% endfor %}',
    "|\n>": "|-\n  |\n  >",
    "emoji 😀\nλ": "|-\n  emoji 😀\n  λ",
    "true\n": "|\n  true",
    "1\n2": "|-\n  1\n  2",
}


def words(table: str) -> list[str]:
    return [word for line in table.strip("\n").split("\n") for word in line.split("¦")]


QUOTED_WORDS = words(QUOTED)
BARE_WORDS = words(BARE)
STRINGS = list(dict.fromkeys([*QUOTED_WORDS, *BARE_WORDS, *ESCAPED, *BLOCKS]))
DANGEROUS = " -:#.0e1y~n\n\"'{?&|@=<_x,\t\u2028é"
SHORT_STRINGS = ["".join(chars) for length in (1, 2, 3) for chars in itertools.product(DANGEROUS, repeat=length)]

LOADERS = [pytest.param(yaml.SafeLoader, id="pyyaml"), pytest.param(yaml.CSafeLoader, id="libyaml")]


def everywhere(text: str) -> dict[str, Any]:
    """The text as a value, an item, a nested item, a key and the key of an item."""
    return {"value": text, "items": [text, [text]], "keys": {text: {text: [{text: text}]}}}


@pytest.mark.parametrize("text", QUOTED_WORDS)
def test_ambiguous_text_is_quoted(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    form = f"'{text}'" if '"' in text and "'" not in text else f'"{escaped}"'
    assert dump(everywhere(text)) == (
        f"value: {form}\nitems:\n- {form}\n- - {form}\nkeys:\n  {form}:\n    {form}:\n    - {form}: {form}\n"
    )


def test_json_stays_legible() -> None:
    assert dump({"a": '["nvidia.com/gpu"]', "b": '{"it\'s": 1}'}) == (
        'a: \'["nvidia.com/gpu"]\'\nb: "{\\"it\'s\\": 1}"\n'
    )


@pytest.mark.parametrize("text", BARE_WORDS)
def test_plain_text_is_bare(text: str) -> None:
    assert dump(everywhere(text)) == (
        f"value: {text}\nitems:\n- {text}\n- - {text}\nkeys:\n  {text}:\n    {text}:\n    - {text}: {text}\n"
    )


@pytest.mark.parametrize(("text", "form"), ESCAPED.items())
def test_hidden_characters_are_escaped(text: str, form: str) -> None:
    assert dump([{text: text}]) == f"- {form}: {form}\n"


@pytest.mark.parametrize(("text", "form"), BLOCKS.items())
def test_lines_become_a_literal_block(text: str, form: str) -> None:
    assert dump(text) == f"{form}\n"
    assert dump({"a": text, "b": 1}) == f"a: {form}\nb: 1\n"
    assert dump([text, 1]) == f"- {form}\n- 1\n"


def test_literal_blocks_are_indented_with_what_holds_them() -> None:
    assert dump({"a": {"b": [{"c": "x\n\n  y\n", "d": ["p\nq"]}]}}) == (
        "a:\n  b:\n  - c: |\n      x\n\n        y\n    d:\n    - |-\n      p\n      q\n"
    )


def test_lines_in_a_key_stay_on_one_line() -> None:
    assert dump({"a\nb": 1}) == '"a\\nb": 1\n'


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("text", STRINGS)
def test_python_reads_it_back(text: str, loader: type[yaml.SafeLoader]) -> None:
    assert repr(yaml.load(dump(everywhere(text)), loader)) == repr(everywhere(text))
    assert yaml.load(dump(text), loader) == text


@pytest.mark.parametrize("loader", LOADERS)
def test_python_reads_back_every_short_string_of_dangerous_characters(loader: type[yaml.SafeLoader]) -> None:
    value = [SHORT_STRINGS, dict.fromkeys(SHORT_STRINGS, 0)]
    assert yaml.load(dump(value), loader) == value


def test_the_table_is_large() -> None:
    assert len(STRINGS) >= 150


# --- the readers of kustomize, kubeconform and Argo CD

GO_MODULE = """\
module readback

go 1.21

require (
	gopkg.in/yaml.v2 v2.4.0
	gopkg.in/yaml.v3 v3.0.1
	sigs.k8s.io/yaml v1.4.0
)
"""
GO_PROGRAM = """\
package main

import (
	"encoding/json"
	"fmt"
	"os"

	yaml2 "gopkg.in/yaml.v2"
	yaml3 "gopkg.in/yaml.v3"
	sigs "sigs.k8s.io/yaml"
)

// What JSON cannot say by itself is said by a text that no test writes.
func plain(value interface{}) interface{} {
	switch value := value.(type) {
	case map[interface{}]interface{}:
		made := map[string]interface{}{}
		for key, item := range value {
			if _, ok := key.(string); !ok {
				key = fmt.Sprintf("no text: %T %v", key, key)
			}
			made[key.(string)] = plain(item)
		}
		return made
	case map[string]interface{}:
		made := map[string]interface{}{}
		for key, item := range value {
			made[key] = plain(item)
		}
		return made
	case []interface{}:
		made := []interface{}{}
		for _, item := range value {
			made = append(made, plain(item))
		}
		return made
	case nil, string, bool, int, int64, uint64, float64:
		return value
	}
	return fmt.Sprintf("no plain data: %T %v", value, value)
}

func main() {
	var documents []string
	if err := json.NewDecoder(os.Stdin).Decode(&documents); err != nil {
		panic(err)
	}
	readers := map[string]func([]byte, interface{}) error{
		"yaml.v2": yaml2.Unmarshal,
		"yaml.v3": yaml3.Unmarshal,
		"sigs":    func(text []byte, into interface{}) error { return sigs.Unmarshal(text, into) },
	}
	read := map[string][]interface{}{}
	for name, unmarshal := range readers {
		for _, document := range documents {
			var value interface{}
			if err := unmarshal([]byte(document), &value); err != nil {
				value = "unreadable: " + err.Error()
			}
			read[name] = append(read[name], plain(value))
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(read); err != nil {
		panic(err)
	}
}
"""

GoReaders = Callable[[list[str]], dict[str, list[Any]]]


def missing(reason: str) -> NoReturn:
    if os.environ.get("REQUIRE_TOOLS"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def go_readers(tmp_path_factory: pytest.TempPathFactory) -> GoReaders:
    """Documents in; what yaml.v2, yaml.v3 and sigs.k8s.io/yaml read in them out."""
    go = shutil.which("go")
    if go is None:
        missing("Go is not on PATH: what Go's YAML readers make of our files is not tested")
    folder: Path = tmp_path_factory.mktemp("readback")
    (folder / "go.mod").write_text(GO_MODULE, encoding="utf-8")
    (folder / "main.go").write_text(GO_PROGRAM, encoding="utf-8")
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0"}
    built = subprocess.run(
        [go, "build", "-o", "readback", "."],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if built.returncode:
        missing(f"Go could not build the readers (no network?): {built.stderr.strip()[-300:]}")

    def read(documents: list[str]) -> dict[str, list[Any]]:
        run = subprocess.run(
            [folder / "readback"], input=json.dumps(documents), capture_output=True, text=True, timeout=120, check=True
        )
        found: dict[str, list[Any]] = json.loads(run.stdout)
        return found

    return read


def test_go_reads_it_back(go_readers: GoReaders) -> None:
    values = [everywhere(text) for text in STRINGS]
    read = go_readers([dump(value) for value in values])
    wrong = {
        (name, text): found
        for name, documents in read.items()
        for text, value, found in zip(STRINGS, values, documents, strict=True)
        if found != value
    }
    assert set(read) == {"yaml.v2", "yaml.v3", "sigs"}
    assert wrong == {}


def test_go_reads_back_every_short_string_of_dangerous_characters(go_readers: GoReaders) -> None:
    value = [SHORT_STRINGS, dict.fromkeys(SHORT_STRINGS, "x")]
    wrong = {
        name: [text for text, found in zip(SHORT_STRINGS, items, strict=True) if text != found]
        for name, [[items, _]] in go_readers([dump(value)]).items()
    }
    keys = {name: list(mapping) for name, [[_, mapping]] in go_readers([dump(value)]).items()}
    assert wrong == {"yaml.v2": [], "yaml.v3": [], "sigs": []}
    assert {name: sorted(found) for name, found in keys.items()} == dict.fromkeys(keys, sorted(SHORT_STRINGS))


def test_go_reads_back_values_that_are_no_text(go_readers: GoReaders) -> None:
    value = {
        "numbers": [0, -1, 2**53, -(2**53), 1.5, -0.25, 1e22, 1e-7, 123456789.125],
        "others": [True, False, None, {}, [], [[]], [{}]],
        "k" * 2000: {"nested": [1, {"b": 2}]},
    }
    read = go_readers([dump(value)])
    # JSON's spelling tells true from 1; whether 1e22 is spelled as an int or a float is Go's business.
    assert {name: json.loads(json.dumps(found), parse_int=float) for name, found in read.items()} == {
        name: [json.loads(json.dumps(value), parse_int=float)] for name in ("yaml.v2", "yaml.v3", "sigs")
    }
    assert {json.dumps(found["others"]) for [found] in read.values()} == {json.dumps(value["others"])}


def test_go_reads_back_ints_of_64_bits(go_readers: GoReaders) -> None:
    read = go_readers([dump([2**63 - 1, -(2**63)])])
    assert [read["yaml.v2"], read["yaml.v3"]] == [[[2**63 - 1, -(2**63)]]] * 2


# --- any value

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.text(st.sampled_from(DANGEROUS + "%@`>[]}\\23456789+bofatruesl\x85\ufeff😀"))
)
KEYS = st.text(st.characters(exclude_categories=["Cs"])) | st.text(st.sampled_from(DANGEROUS))
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4))


@given(VALUES)
@settings(max_examples=150, deadline=None)
def test_any_value_comes_back(value: Any) -> None:
    written = dump(value)
    assert repr(yaml.load(written, yaml.SafeLoader)) == repr(value)
    assert repr(yaml.load(written, yaml.CSafeLoader)) == repr(value)
    assert not any(line.endswith((" ", "\t")) for line in written.split("\n"))
    assert "\t" not in written
    assert written.endswith("\n")
    assert not written.endswith("\n\n")


@pytest.mark.slow
@given(VALUES)
@settings(max_examples=5000, deadline=None)
def test_any_value_comes_back_at_length(value: Any) -> None:
    written = dump(value)
    assert repr(yaml.load(written, yaml.SafeLoader)) == repr(value)
    assert repr(yaml.load(written, yaml.CSafeLoader)) == repr(value)


# --- what it looks like


def test_a_whole_object() -> None:
    value = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": "granite",
            "labels": {"opendatahub.io/dashboard": "true"},
            "annotations": {"openshift.io/display-name": "Granite 3 8B", "openshift.io/description": "Ask: it answers"},
        },
        "spec": {
            "predictor": {
                "minReplicas": 1,
                "automountServiceAccountToken": False,
                "tolerations": [{"key": "nvidia.com/gpu.product", "operator": "Equal", "value": "NVIDIA-A100"}],
                "nodeSelector": {},
                "model": {
                    "modelFormat": {"name": "vLLM", "version": "1"},
                    "name": "",
                    "args": ["--max-model-len=20000", "--served-model-name={{.Name}}", "{{.Name}}"],
                    "env": [],
                    "resources": {"requests": {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "1"}},
                    "matrix": [["a", "b"], [], [[1.0]]],
                },
            }
        },
    }
    assert (
        dump(value)
        == """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: granite
  labels:
    opendatahub.io/dashboard: "true"
  annotations:
    openshift.io/display-name: Granite 3 8B
    openshift.io/description: "Ask: it answers"
spec:
  predictor:
    minReplicas: 1
    automountServiceAccountToken: false
    tolerations:
    - key: nvidia.com/gpu.product
      operator: Equal
      value: NVIDIA-A100
    nodeSelector: {}
    model:
      modelFormat:
        name: vLLM
        version: "1"
      name: ""
      args:
      - --max-model-len=20000
      - --served-model-name={{.Name}}
      - "{{.Name}}"
      env: []
      resources:
        requests:
          cpu: "4"
          memory: 8Gi
          nvidia.com/gpu: "1"
      matrix:
      - - a
        - b
      - []
      - - - 1.0
"""
    )


def test_a_patch() -> None:
    value = [
        {"op": "replace", "path": "/spec/replicas", "value": 2},
        {"op": "add", "path": "/metadata/annotations/serving.kserve.io~1stop", "value": "true"},
        {"op": "remove", "path": "/spec/template/command", "value": None},
    ]
    assert (
        dump(value)
        == """\
- op: replace
  path: /spec/replicas
  value: 2
- op: add
  path: /metadata/annotations/serving.kserve.io~1stop
  value: "true"
- op: remove
  path: /spec/template/command
  value: null
"""
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({}, "{}\n"),
        ([], "[]\n"),
        (None, "null\n"),
        (True, "true\n"),
        ("word", "word\n"),
        (-3, "-3\n"),
        (0.5, "0.5\n"),
        (2.0, "2.0\n"),
        (-0.0, "-0.0\n"),
        (1e16, "1.0e+16\n"),
        (1.5e300, "1.5e+300\n"),
        (5e-324, "5.0e-324\n"),
        (math.inf, ".inf\n"),
        (-math.inf, "-.inf\n"),
        (math.nan, ".nan\n"),
        ([None, False], "- null\n- false\n"),
    ],
)
def test_scalars_and_empty_containers(value: object, text: str) -> None:
    assert dump(value) == text


def test_the_order_of_keys_is_kept() -> None:
    assert dump({"b": 1, "a": 2, "B": 3}) == "b: 1\na: 2\nB: 3\n"


def test_no_aliases_for_what_occurs_twice() -> None:
    shared = {"a": [1]}
    assert dump([shared, shared]) == "- a:\n  - 1\n- a:\n  - 1\n"


def test_long_text_is_not_folded() -> None:
    text = "word " * 3000 + "end"
    assert dump({"a": text}) == f"a: {text}\n"


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("key", ["k" * 1000, "k" * 1001, "k" * 20000, "\n" * 499, "\n" * 500, '"' * 600, "é: " * 400])
def test_long_keys_are_found_again(key: str, loader: type[yaml.SafeLoader]) -> None:
    value = {"a": {key: "x", f"{key}1": {"b": "p\nq"}, f"{key}2": [1, [2]]}, "b": [{key: {key: []}}]}
    assert yaml.load(dump(value), loader) == value


def test_a_key_too_long_for_one_line_is_marked() -> None:
    key = "k" * 1001
    assert dump([{key: "x"}]) == f"- ? {key}\n  : x\n"
    assert dump({key[:-1]: "x"}) == f"{key[:-1]}: x\n"


@pytest.mark.parametrize("loader", LOADERS)
def test_deep_values(loader: type[yaml.SafeLoader]) -> None:
    value: Any = "leaf"
    for depth in range(80):
        value = {"k": value} if depth % 3 else [value]
    assert yaml.load(dump(value), loader) == value


class Word(StrEnum):
    YES = "yes"


class Count(IntEnum):
    TWO = 2


class Ratio(float):
    pass


def test_what_stands_for_plain_data_is_written_as_such() -> None:
    value = {Word.YES: Word.YES, "t": (1, (Count.TWO,)), "e": (), "d": {"r": Ratio(0.5)}}
    assert dump(value) == '"yes": "yes"\nt:\n- 1\n- - 2\ne: []\nd:\n  r: 0.5\n'
    assert dump(("a",)) == "- a\n"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({1: "a"}, "cannot be written as a key: int"),
        ({"a": {None: "a"}}, "cannot be written as a key: NoneType"),
        ({"a": {1}}, "cannot be written as YAML: set"),
        ([b"bytes"], "cannot be written as YAML: bytes"),
        (object(), "cannot be written as YAML: object"),
    ],
)
def test_other_data_is_refused(value: object, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        dump(value)
    assert str(caught.value) == message


@pytest.mark.parametrize("value", ["\ud83d", ["a\udc80b\n"], {"\ud83d\ude00": 1}])
def test_a_lone_surrogate_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"^cannot be written as YAML: the lone surrogate U\+D"):
        dump(value)


# --- what a commit hook says

STRICT_RULES = """\
extends: default
rules:
  line-length: disable
  document-start: disable
  indentation: {indent-sequences: whatever}
  hyphens: {max-spaces-after: 4}
  truthy: {check-keys: false}
"""


def test_yamllint_finds_nothing() -> None:
    if importlib.util.find_spec("yamllint") is None:
        missing("yamllint is not installed: its rules are not tested")
    linter = importlib.import_module("yamllint.linter")
    config = importlib.import_module("yamllint.config").YamlLintConfig(STRICT_RULES)
    value = {"strings": {text: everywhere(text) for text in STRINGS}, "empty": [{}, [], "", {"a": {}}], "k" * 1001: [1]}
    assert [str(problem) for problem in linter.run(dump(value), config)] == []
    assert [str(problem) for text in STRINGS for problem in linter.run(dump([text]), config)] == []
