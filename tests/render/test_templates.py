from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console import REPOSITORY
from modelfleet.finding import MachineFailed
from modelfleet.render.skeleton import TemplateError
from modelfleet.render.templates import RenderedTemplate, Templates

Write = Callable[[str], Templates]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Makes the text the template `t`."""

    def written(text: str) -> Templates:
        (tmp_path / "t.yaml.j2").write_text(dedent(text), encoding="utf-8")
        return Templates([tmp_path])

    return written


def rendered(templates: Templates, **values: Any) -> RenderedTemplate:
    found = templates.render("t", values)
    assert found is not None
    return found


def made(templates: Templates, **values: Any) -> dict[str, Any]:
    return rendered(templates, **values).object


def refused(templates: Templates, folder: Path, **values: Any) -> str:
    """The message, with the folder taken off."""
    with pytest.raises(TemplateError) as caught:
        templates.render("t", values)
    return str(caught.value).replace(f"{folder}/", "")


INFERENCE_SERVICE = """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {{ name }}
  labels:
    opendatahub.io/dashboard: "true"
    networking.kserve.io/visibility: {{ visibility }}
  annotations:
    openshift.io/display-name: {{ display_name }}
    openshift.io/description: {{ description }}
    security.opendatahub.io/enable-auth: {{ auth }}
    serving.kserve.io/deploymentMode: {{ mode }}
    opendatahub.io/hardware-profile-name: {{ profile_name }}
    opendatahub.io/hardware-profile-namespace: {{ profile_namespace }}
{% if stopped %}
    serving.kserve.io/stop: "true"
{% endif %}
spec:
  predictor:
    minReplicas: {{ replicas.min }}
    maxReplicas: {{ replicas.max }}
    automountServiceAccountToken: {{ automount }}
    serviceAccountName: {{ service_account }}
    timeout: {{ timeout }}
    tolerations: {{ tolerations }}
    model:
      modelFormat: {name: {{ format_name }}, version: {{ format_version }}}
      name: ""
      runtime: {{ runtime }}
      storage:
        key: {{ storage_key }}
        path: {{ storage_path }}
      args: {{ args }}
      env:
{% for variable in variables %}
      - name: {{ variable.name }}
        value: {{ variable.value }}
{% endfor %}
      resources:
        requests: {{ requests }}
        limits:
          cpu: {{ cpu }}
          memory: {{ memory }}
          {{ identifier }}: {{ count }}
"""


@dataclass(frozen=True)
class Replicas:
    min: int
    max: int | None


def inference_service(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": "granite",
        "visibility": "exposed",
        "display_name": "Granite 3 8B",
        "description": "",
        "auth": "true",
        "mode": "RawDeployment",
        "profile_name": None,
        "profile_namespace": None,
        "stopped": False,
        "replicas": Replicas(1, 3),
        "automount": False,
        "service_account": "granite-sa",
        "timeout": 30,
        "tolerations": [{"key": "nvidia.com/gpu.product", "operator": "Exists"}],
        "format_name": "vLLM",
        "format_version": None,
        "runtime": "granite",
        "storage_key": "models",
        "storage_path": "granite/3",
        "args": ["--max-model-len=20000"],
        "variables": [{"name": "A", "value": "1"}, {"name": "B", "value": ""}],
        "requests": {"cpu": "4"},
        "cpu": "8",
        "memory": "8Gi",
        "identifier": "nvidia.com/gpu",
        "count": "1",
    }
    return {**values, **changes}


def test_a_whole_object(write: Write) -> None:
    found = made(write(INFERENCE_SERVICE), **inference_service())
    expected = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": "granite",
            "labels": {"opendatahub.io/dashboard": "true", "networking.kserve.io/visibility": "exposed"},
            "annotations": {
                "openshift.io/display-name": "Granite 3 8B",
                "openshift.io/description": "",
                "security.opendatahub.io/enable-auth": "true",
                "serving.kserve.io/deploymentMode": "RawDeployment",
            },
        },
        "spec": {
            "predictor": {
                "minReplicas": 1,
                "maxReplicas": 3,
                "automountServiceAccountToken": False,
                "serviceAccountName": "granite-sa",
                "timeout": 30,
                "tolerations": [{"key": "nvidia.com/gpu.product", "operator": "Exists"}],
                "model": {
                    "modelFormat": {"name": "vLLM"},
                    "name": "",
                    "runtime": "granite",
                    "storage": {"key": "models", "path": "granite/3"},
                    "args": ["--max-model-len=20000"],
                    "env": [{"name": "A", "value": "1"}, {"name": "B", "value": ""}],
                    "resources": {
                        "requests": {"cpu": "4"},
                        "limits": {"cpu": "8", "memory": "8Gi", "nvidia.com/gpu": "1"},
                    },
                },
            }
        },
    }
    assert repr(found) == repr(expected)


def test_the_same_template_serves_other_values(write: Write) -> None:
    templates = write(INFERENCE_SERVICE)
    first = made(templates, **inference_service())
    bare = dict.fromkeys(["storage_key", "storage_path", "tolerations", "requests", "cpu", "memory", "count"])
    second = made(
        templates, **inference_service(stopped=True, variables=[], args=[], replicas=Replicas(0, None), **bare)
    )
    assert second["metadata"]["annotations"]["serving.kserve.io/stop"] == "true"
    assert second["spec"]["predictor"] == {
        "minReplicas": 0,
        "automountServiceAccountToken": False,
        "serviceAccountName": "granite-sa",
        "timeout": 30,
        "model": {"modelFormat": {"name": "vLLM"}, "name": "", "runtime": "granite", "args": []},
    }
    assert made(templates, **inference_service()) == first


# --- a value is one value

HOSTILE = [
    "x\nauth: false",
    "x # comment",
    "{{ x }}",
    "{% if true %}",
    "{# x #}",
    "\0",
    "\x85\u2028\ufeff",
    "\ue0000\ue001",
    "\ue0001\ue001: \ue0000\ue001",
    "\ue0021\ue003",
    "yes",
    "null",
    "~",
    "",
    " ",
    "- a",
    "a: b",
    "'",
    '"',
    "*alias",
    "&anchor",
    "!!python/object:os.system",
    "---",
    "...",
    "%YAML 1.1",
    "1e3",
    "2024-01-01",
    "\ud800",
    "😀",
]
WHOLE = "first: {{ a }}\nlist:\n- {{ b }}\n- x: {{ a }}\nflow: [{{ b }}, {k: {{ a }}}]\n{{ key }}: {{ b }}\n"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_out_as_it_is(write: Write, text: str) -> None:
    found = made(write(WHOLE), a=text, b=[text], key=text)
    assert found == {"first": text, "list": [[text], {"x": text}], "flow": [[text], {"k": text}], text: [text]}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    ).filter(lambda value: value is not None)
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_comes_back(write: Write, value: Any) -> None:
    found = made(write(WHOLE), a=value, b=value, key="key")
    assert repr(found) == repr(
        {"first": value, "list": [value, {"x": value}], "flow": [value, {"k": value}], "key": value}
    )


def test_values_keep_their_types(write: Write) -> None:
    values = ["1", 1, 1.0, True, None, {}, [], {"a": None}, [None]]
    found = made(
        write("{% for value in values %}\n{{ value.key }}: {{ value.value }}\n{% endfor %}\n"), values=pairs(values)
    )
    assert repr(found) == repr(
        {"k0": "1", "k1": 1, "k2": 1.0, "k3": True, "k5": {}, "k6": [], "k7": {"a": None}, "k8": [None]}
    )


def pairs(values: list[Any]) -> list[dict[str, Any]]:
    return [{"key": f"k{number}", "value": value} for number, value in enumerate(values)]


def test_values_are_shared_and_containers_are_not(write: Write) -> None:
    templates = write("a: {b: [1, {c: 2}], v: {{ value }}}\ne: {}\nl: []\n")
    value = {"x": [1]}
    first, second = made(templates, value=value), made(templates, value=value)
    assert first["a"]["v"] is value
    first["a"]["b"][1]["c"] = 3
    first["a"]["b"].append(4)
    first["e"]["new"] = 5
    first["l"].append(6)
    del first["a"]["v"]
    assert second == {"a": {"b": [1, {"c": 2}], "v": {"x": [1]}}, "e": {}, "l": []}
    assert made(templates, value=value) == second
    assert value == {"x": [1]}


def test_literals_are_what_every_reader_takes_them_for(write: Write) -> None:
    text = """\
        ---
        # a comment
        "text": text
        "quoted": "true"
        'single': '1'
        int: 8080
        negative: -1
        zero: 0
        float: 0.5
        yes and no: [true, false]
        block: |
          two
          lines
        raw: '{% raw %}{{ .namespace }}{% endraw %}'
        nothing:
        tilde: ~
        """
    assert repr(made(write(text))) == repr(
        {
            "text": "text",
            "quoted": "true",
            "single": "1",
            "int": 8080,
            "negative": -1,
            "zero": 0,
            "float": 0.5,
            "yes and no": [True, False],
            "block": "two\nlines\n",
            "raw": "{{ .namespace }}",
        }
    )


def test_expressions_choose_among_values(write: Write) -> None:
    text = """\
        a: {{ x if x is not none else y }}
        b: {{ items[0].name }}
        c: {{ "literal" }}
        d: {{ 1 }}
        e: {{ x == 1 and y in [2, 3] }}
        f: {{ z }}
        """
    values = {"x": None, "y": 2, "items": [{"name": "n"}], "z": 1}
    assert made(write(text), **values) == {
        "a": 2,
        "b": "n",
        "c": "literal",
        "d": 1,
        "e": False,
        "f": 1,
    }


def test_loops_may_be_long(write: Write) -> None:
    templates = write("l:\n{% for x in xs %}\n- {{ x }}\n- y: {{ loop.index }}\n{% endfor %}\n")
    xs = [str(number) for number in range(1500)]
    assert made(templates, xs=xs) == {"l": [item for n, x in enumerate(xs) for item in (x, {"y": n + 1})]}
    assert made(templates, xs=["a"]) == {"l": ["a", {"y": 1}]}


def test_many_shapes_are_forgotten_and_made_again(write: Write) -> None:
    text = """\
        bits:
        {% for bit in bits %}
        {% if bit == "1" %}
        - one
        {% else %}
        - {{ bit }}
        {% endif %}
        {% endfor %}
        """
    templates = write(text)
    numbers = [*range(1024), 0, 1023, 512]
    found = [made(templates, bits=f"{number:010b}") for number in numbers]
    assert found == [{"bits": ["one" if bit == "1" else "0" for bit in f"{number:010b}"]} for number in numbers]


# --- None writes nothing


def test_none_drops_its_key_and_its_item(write: Write) -> None:
    text = "a: {{ x }}\nb: {{ y }}\nl:\n- {{ x }}\n- {{ y }}\n- {{ x }}\n- z\n- {{ x }}\n"
    assert made(write(text), x=None, y=1) == {"b": 1, "l": [1, "z"]}
    assert made(write(text), x=0, y=None) == {"a": 0, "l": [0, 0, "z", 0]}


@pytest.mark.parametrize("empty", ["", 0, False, [], {}])
def test_empty_values_are_not_none(write: Write, empty: object) -> None:
    assert repr(made(write("a: {{ x }}\nl: [{{ x }}]\n"), x=empty)) == repr({"a": empty, "l": [empty]})


def test_what_none_empties_is_dropped(write: Write) -> None:
    text = """\
        name: n
        a:
          b: {c: {{ x }}, d: {{ x }}}
          l:
          - m: {{ x }}
          - - {{ x }}
        k:
          stays: 1
          goes: {in: {{ x }}}
        list:
        - {a: {{ x }}}
        - {b: {{ y }}}
        - {a: {{ x }}}
        """
    assert made(write(text), x=None, y=1) == {"name": "n", "k": {"stays": 1}, "list": [{"b": 1}]}
    assert made(write(text), x=2, y=None) == {
        "name": "n",
        "a": {"b": {"c": 2, "d": 2}, "l": [{"m": 2}, [2]]},
        "k": {"stays": 1, "goes": {"in": 2}},
        "list": [{"a": 2}, {"a": 2}],
    }


def test_explicit_emptiness_stays(write: Write) -> None:
    text = "a: {}\nb: []\nc: {d: {{ x }}, e: {}}\nf: {{ y }}\ng: [{}]\nh: {i: {{ y }}}\n"
    assert made(write(text), x=None, y={}) == {"a": {}, "b": [], "c": {"e": {}}, "f": {}, "g": [{}], "h": {"i": {}}}


def test_nulls_of_the_template_write_nothing_either(write: Write) -> None:
    text = """\
        a: 1
        env:
        {% for x in xs %}
        - {{ x }}
        {% endfor %}
        b: {c: null, d: ~}
        e: [null, {f: }, [~]]
        {{ key }}: null
        g: {h: null, i: {{ x }}}
        """
    assert made(write(text), xs=[], x=None, key="k") == {"a": 1}
    assert made(write(text), xs=[1], x=2, key="k") == {"a": 1, "env": [1], "g": {"i": 2}}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{% if x %}\na: 1\n{% endif %}\n", {"x": False}),
        ("{% if x %}\na: {{ y }}\n{% endif %}\n", {"x": False}),
        ("", {}),
        ("\n\n# a comment\n", {}),
        ("a: {{ x }}\n", {"x": None}),
        ("a: {b: [{{ x }}]}\n", {"x": None}),
        ("a:\n", {}),
    ],
)
def test_nothing_is_none(write: Write, text: str, values: dict[str, Any]) -> None:
    templates = write(text)
    assert templates.render("t", values) is None
    assert templates.render("t", values) is None


def test_an_empty_mapping_is_something(write: Write) -> None:
    assert made(write("{}\n")) == {}


# --- values as keys


def test_keys_keep_their_order(write: Write) -> None:
    text = "a: 1\n{{ k }}: {{ x }}\nb: 2\n{{ l }}: 3\nc:\n- {{ k }}: {{ k }}\n"
    found = made(write(text), k="K", x=None, l="L")
    assert list(found.items()) == [("a", 1), ("b", 2), ("L", 3), ("c", [{"K": "K"}])]
    assert list(made(write(text), k="K", x=0, l="L")) == ["a", "K", "b", "L", "c"]


def test_a_key_without_a_value_need_not_be_text(write: Write) -> None:
    assert made(write("a: 1\n{{ k }}: {{ x }}\n"), k=None, x=None) == {"a": 1}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"k": 1, "l": "l"}, "t.yaml.j2:2: {{ k }} is a key and must be text, not 1"),
        ({"k": None, "l": "l"}, "t.yaml.j2:2: {{ k }} is a key and must be text, not None"),
        ({"k": "k", "l": ["x" * 99]}, f"t.yaml.j2:3: {{{{ l }}}} is a key and must be text, not ['{'x' * 38}"),
        ({"k": "a", "l": "l"}, "t.yaml.j2:2: {{ k }} gives the key 'a', which its mapping already has"),
        ({"k": "b", "l": "l"}, "t.yaml.j2:2: {{ k }} gives the key 'b', which its mapping already has"),
        ({"k": "k", "l": "k"}, "t.yaml.j2:3: {{ l }} gives the key 'k', which its mapping already has"),
    ],
)
def test_keys_that_are_refused(write: Write, tmp_path: Path, values: dict[str, Any], message: str) -> None:
    assert refused(write("a: 1\n{{ k }}: 2\n{{ l }}: 3\nb: 4\n"), tmp_path, **values) == message


# --- templates that are refused

SHIFTED = """\
{# this comment and what is left out
   do not move the line that is named #}
{% if false %}
gone: 1
{% endif %}
name: {{ name }}
{% for x in [1, 2] %}
"l{{ '' }}": 1
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: x-{{ a }}\n", "2: {{ a }} stands inside of a longer scalar, where only a whole value can stand"),
        ("a: 1\nb: {{ a }}-x\n", "2: {{ a }} stands inside of a longer scalar, where only a whole value can stand"),
        ("b: {{ a }} x\n", "1: {{ a }} stands inside of a longer scalar, where only a whole value can stand"),
        ("{{ a }}x: 1\n", "1: {{ a }} stands inside of a longer scalar, where only a whole value can stand"),
        ("b: |\n  {{ a }}\n  x\n", "2: {{ a }} stands inside of a longer scalar, where only a whole value can stand"),
        ("b:\n  text\n  {{ a }}\n", "3: {{ a }} stands inside of a longer scalar, where only a whole value can stand"),
        ("b: 'x {{ a }}'\n", "1: {{ a }} stands inside of a longer scalar, where only a whole value can stand"),
        ("b: {{ a }}{{ c.d }}\n", "1: {{ a }} and {{ c.d }} stand in one scalar, where only a whole value can stand"),
        ("b: {{ a }}\n  {{ a }}\n", "1: {{ a }} and {{ a }} stand in one scalar, where only a whole value can stand"),
        (
            'b: "{{ a }}"\n',
            "1: {{ a }} stands in quotes or a block scalar: write it bare, it is a whole value of any type",
        ),
        (
            "'{{ a }}': 1\n",
            "1: {{ a }} stands in quotes or a block scalar: write it bare, it is a whole value of any type",
        ),
        (
            "b: |-\n  {{ a }}\n",
            "2: {{ a }} stands in quotes or a block scalar: write it bare, it is a whole value of any type",
        ),
        ("a: 1\n# {{ a }}\nb: {{ c.d }}\n", "2: {{ a }} stands where no value can stand"),
        ("a: {{ c.d }} # {{ a }}\n", "1: {{ a }} stands where no value can stand"),
        ("# {{ a }}\n", "1: {{ a }} stands where no value can stand"),
        ("a: 1\n{{ a }}\n", "2: what the template prints is not a single YAML document: could not find expected ':'"),
        (
            "a: 1\nb: [\n",
            "2: what the template prints is not a single YAML document: did not find expected node content",
        ),
        (
            "a: 1\n b: 2\n",
            "2: what the template prints is not a single YAML document: mapping values are not allowed in this context",
        ),
        ("a: 1\n---\nb: 2\n", "2: what the template prints is not a single YAML document: but found another document"),
        ("a: &x [1]\nb: *x\n", "1: aliases are not for templates"),
        ("a: *x\n", "1: what the template prints is not a single YAML document: found undefined alias"),
        ("{{ a }}\n", "1: a template makes one mapping, not a scalar"),
        ("- {{ a }}\n", "1: a template makes one mapping, not a sequence"),
        ("text\n", "1: a template makes one mapping, not a scalar"),
        ("a: 1\nb: 2\na: 3\n", "3: the key 'a' is listed twice in its mapping"),
        ("a: {b: 1, b: {{ a }}}\n", "1: the key 'b' is listed twice in its mapping"),
        ("1: a\n", "1: a key must be text: put it into quotes"),
        ("true: a\n", "1: a key must be text: put it into quotes"),
        ("? [a]\n: 1\n", "1: a key must be text: put it into quotes"),
        ("a: 1\non: a\n", "2: 'on' is not the same to all readers of YAML: put it into quotes"),
        ("a: {b: 1}\n<<: {c: 1}\n", "2: '<<' is not the same to all readers of YAML: put it into quotes"),
        ("a: yes\n", "1: 'yes' is not the same to all readers of YAML: put it into quotes"),
        ("a: True\n", "1: 'True' is not the same to all readers of YAML: put it into quotes"),
        ("a: 010\n", "1: '010' is not the same to all readers of YAML: put it into quotes"),
        ("a: 0x1F\n", "1: '0x1F' is not the same to all readers of YAML: put it into quotes"),
        ("a: 12:30\n", "1: '12:30' is not the same to all readers of YAML: put it into quotes"),
        ("a: 2.10\n", "1: '2.10' is not the same to all readers of YAML: put it into quotes"),
        ("a: 1_000.5\n", "1: '1_000.5' is not the same to all readers of YAML: put it into quotes"),
        ("a: .nan\n", "1: '.nan' is not the same to all readers of YAML: put it into quotes"),
        ("a: 2024-01-01\n", "1: '2024-01-01' is not the same to all readers of YAML: put it into quotes"),
        ("a: =\n", "1: '=' is not the same to all readers of YAML: put it into quotes"),
        ("a: !!int '01'\n", "1: '01' is not the same to all readers of YAML: put it into quotes"),
        ("a: !Ref x\n", "1: 'x' is not the same to all readers of YAML: put it into quotes"),
        ("a: 1\nb: {{ nmae }}\n", "2: 'nmae' is undefined"),
        ("a: 1\nb: {{ c.e }}\n", "2: 'dict object' has no attribute 'e'"),
        ("b: {{ none_at_all.x }}\n", "1: 'None' has no attribute 'x'"),
        ("b: {{ [c.e] }}\n", "1: 'dict object' has no attribute 'e'"),
        ("b: {{ c.e or 1 }}\n", "1: 'dict object' has no attribute 'e'"),
        ("a: 1\n{% if nmae %}\nb: 1\n{% endif %}\n", "2: 'nmae' is undefined"),
        ("a: 1\n\n{% for x in nmae %}\nb: 1\n{% endfor %}\n", "3: 'nmae' is undefined"),
        ("{% for x in none_at_all %}\nb: 1\n{% endfor %}\n", "1: 'NoneType' object is not iterable"),
        ("{% for x, y in [1] %}\nb: 1\n{% endfor %}\n", "1: cannot unpack non-iterable int object"),
        ("{% for x, y in [[1]] %}\nb: 1\n{% endfor %}\n", "1: not enough values to unpack (expected 2, got 1)"),
        (
            "a: {{ a if false }}\n",
            "1: an `if` inside of an expression needs an `else`",
        ),
        ("a: {{ a.__class__ }}\n", "1: access to attribute '__class__' of 'str' object is unsafe."),
        ("a: {{ c.update }}\nb: 1\n", "1: access to attribute 'update' of 'dict' object is unsafe."),
        ("a: {{ range(3) }}\n", "1: 'range' is undefined"),
        ("a: {{ a|upper }}\n", "1: No filter named 'upper'."),
        ("a: 1\nb: {{ a is defined }}\n", "2: No test named 'defined'."),
        ("a: 1\nb: {{ }}\n", "2: Expected an expression, got 'end of print statement'"),
        ("a: 1\nb: {{ a\n", "2: unexpected end of template, expected 'end of print statement'."),
        ("a: 1\nb: {{ a } }}\n", "2: unexpected '}'"),
        (
            "a: 1\n{% if a %}\nb: 1\n",
            "3: Unexpected end of template. Jinja was looking for the following tags: 'elif' or 'else' or 'endif'. "
            "The innermost block that needs to be closed is 'if'.",
        ),
        ("{% set x = 1 %}\na: 1\n", "1: {% set %} is not for templates, only elif, else, endfor, endif, for, if"),
        ("a: 1\n{% include 'x' %}\n", "2: {% include %} is not for templates, only elif, else, endfor, endif, for, if"),
        (
            "{% macro m() %}{% endmacro %}",
            "1: {% macro %} is not for templates, only elif, else, endfor, endif, for, if",
        ),
        ("{% unknown %}", "1: {% unknown %} is not for templates, only elif, else, endfor, endif, for, if"),
        ("a: 1\nb: \ue0000\ue001\n", "2: the character U+E000 is not for templates"),
        ("\ufeffa: 1\n", "1: the character U+FEFF is not for templates"),
        (
            SHIFTED + "{% endfor %}\n",
            "8: {{ '' }} stands inside of a longer scalar, where only a whole value can stand",
        ),
        (SHIFTED.replace("{{ '' }}", "") + "{% endfor %}\n", "8: the key 'l' is listed twice in its mapping"),
        (
            SHIFTED.replace("{{ '' }}", "{% if x == 2 %}{{ a }}{% endif %}") + "{% endfor %}\n",
            "8: {{ a }} stands inside of a longer scalar, where only a whole value can stand",
        ),
    ],
)
def test_templates_that_are_refused(write: Write, tmp_path: Path, text: str, message: str) -> None:
    values = {"a": "A", "c": {"d": 1}, "none_at_all": None, "name": "n"}
    templates = write(text)
    assert refused(templates, tmp_path, **values) == f"t.yaml.j2:{message}"
    assert refused(templates, tmp_path, **values) == f"t.yaml.j2:{message}"


def test_a_template_that_is_not_there(tmp_path: Path) -> None:
    templates = Templates([tmp_path / "a", tmp_path / "b"])
    for name in ("t", "../t", "/etc/passwd", "", "T", "a/../t", "t.yaml.j2"):
        with pytest.raises(TemplateError) as caught:
            templates.render(name, {})
        assert str(caught.value) == f"there is no template {name!r} in {tmp_path / 'a'}, {tmp_path / 'b'}"


def test_a_template_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "t.yaml.j2").mkdir()
    with pytest.raises(MachineFailed) as caught:
        Templates([tmp_path]).render("t", {})
    path = tmp_path / "t.yaml.j2"
    assert str(caught.value) == f"cannot read the template {path}: Is a directory; install modelfleet again"


def test_a_template_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "t.yaml.j2").write_bytes(b"a: \xff\n")
    assert (
        refused(Templates([tmp_path]), tmp_path)
        == "t.yaml.j2:1: the template is not UTF-8: invalid start byte at byte 3"
    )


# --- folders


def test_the_earlier_folder_counts(tmp_path: Path) -> None:
    for folder, name in (("line", "both"), ("common", "both"), ("common", "one"), ("common", "deep/er")):
        path = tmp_path / folder / f"{name}.yaml.j2"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"from: {folder}\nx: {{{{ x }}}}\n")
    templates = Templates([tmp_path / "line", tmp_path / "common"])
    found = [templates.render(name, {"x": 1}) for name in ("both", "one", "deep/er")]
    assert [one and one.object for one in found] == [
        {"from": "line", "x": 1},
        {"from": "common", "x": 1},
        {"from": "common", "x": 1},
    ]


def test_jinja2_is_loaded_for_a_template_once_and_then_no_more(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; import modelfleet.render.templates as r;"
        f"t = r.Templates([Path({str(tmp_path)!r})]); print(sorted({{'jinja2', 'yaml'}} & set(sys.modules)));"
        "print(t.render('t', {'x': 1}).object, sorted({'jinja2', 'yaml'} & set(sys.modules)))"
    )
    (tmp_path / "t.yaml.j2").write_text("a: {{ x }}\n")
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "PYTHONPYCACHEPREFIX": str(tmp_path / "prefix")}
    said = [
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=REPOSITORY, env=environment
        ).stdout
        for _ in range(2)
    ]
    assert said == ["[]\n{'a': 1} ['jinja2', 'yaml']\n", "[]\n{'a': 1} ['yaml']\n"]


# --- where values come from

SOURCES = """\
kind: K
name: {{ name }}
labels: {{ labels }}
list:
- {{ first }}
- key: {{ d.second }}
  other: 1
- [{{ third }}, {{ first }}]
{{ key }}: {{  count  }}
env:
{% for variable in variables %}
- name: {{ variable.name }}
  value: {{ variable['value'] }}
{% endfor %}
chosen: {{ name if first is none
           else key }}
"""


def sources(first: object) -> Mapping[str, Any]:
    return {
        "name": "n",
        "labels": {"a": {"b": ["c"]}},
        "first": first,
        "d": {"second": {"x": [1]}},
        "third": [[0]],
        "key": "nvidia.com/gpu",
        "count": "1",
        "variables": [{"name": "A", "value": None}, {"name": "B", "value": "b"}],
    }


@pytest.mark.parametrize(
    ("pointer", "source"),
    [
        ((), None),
        (("kind",), None),
        (("kind", 0), None),
        (("kind", "x"), None),
        (("missing",), None),
        (("name",), ("name", ())),
        (("name", "x"), ("name", ("x",))),
        (("labels",), ("labels", ())),
        (("labels", "a", "b", 0), ("labels", ("a", "b", 0))),
        (("labels", "nothing"), ("labels", ("nothing",))),
        (("list",), None),
        (("list", 0), ("first", ())),
        (("list", 1), None),
        (("list", 1, "key"), ("d.second", ())),
        (("list", 1, "key", "x", 0), ("d.second", ("x", 0))),
        (("list", 1, "other"), None),
        (("list", 2, 0, 0, 0), ("third", (0, 0))),
        (("list", 2, 1), ("first", ())),
        (("list", 3), None),
        (("list", "key"), None),
        (("nvidia.com/gpu",), ("count", ())),
        (("env", 0, "name"), ("variable.name", ())),
        (("env", 0, "value"), None),
        (("env", 1, "value"), ("variable['value']", ())),
        (("chosen",), ("name if first is none\n           else key", ())),
    ],
)
def test_sources(write: Write, pointer: tuple[str | int, ...], source: object) -> None:
    assert rendered(write(SOURCES), **sources("f")).source(pointer) == source


def test_sources_where_items_were_dropped(write: Write) -> None:
    found = rendered(write(SOURCES), **sources(None))
    assert found.object["list"] == [{"key": {"x": [1]}, "other": 1}, [[[0]]]]
    assert found.source(("list", 0, "key", "x")) == ("d.second", ("x",))
    assert found.source(("list", 1, 0, 0)) == ("third", (0,))
    assert found.source(("list", 2)) is None


def test_sources_do_not_depend_on_what_became_of_the_object(write: Write) -> None:
    found = rendered(write(SOURCES), **sources("f"))
    found.object.clear()
    assert found.source(("list", 1, "key")) == ("d.second", ())


def test_a_rendered_object_travels_between_processes(write: Write) -> None:
    found = rendered(write(SOURCES), **sources("f"))
    again = pickle.loads(pickle.dumps(found))
    assert again.object == found.object
    assert again.source(("list", 1, "key")) == ("d.second", ())
