"""Layers of hand-written documents: what is laid over what, and where each value then stands."""

from __future__ import annotations

from typing import Any

import pytest

from modelfleet.finding import Location
from modelfleet.spec.load import Document, parse
from modelfleet.spec.merge import Merged, as_layer, overlay_document


def document(text: str, file: str = "file.yaml") -> Document:
    return parse(text.encode(), file)


def laid(below: str, above: str, kind: str = "environment") -> tuple[Merged, list[str]]:
    """Two environments' files, or two specs, one over the other; and what is said of the upper one."""
    merged, findings = overlay_document(as_layer(document(below, "below.yaml")), document(above, "above.yaml"), kind)
    return merged, [finding.text() for finding in findings]


@pytest.mark.parametrize(
    ("kind", "below", "above", "wanted"),
    [
        # maps merge key by key, and keys keep their order
        ("environment", "platforms: {a: 1, b: 2}", "platforms: {b: 3, c: 4}", {"platforms": {"a": 1, "b": 3, "c": 4}}),
        ("environment", "version: 1", "release: x", {"version": 1, "release": "x"}),
        # lists and scalars are replaced
        ("environment", "acknowledge: [a, b]", "acknowledge: [c]", {"acknowledge": ["c"]}),
        ("environment", "namespaces: managed", "namespaces: external", {"namespaces": "external"}),
        # what is not a map gives way to a map, and the other way round
        (
            "project",
            "models: {m: {accelerator: x}}",
            "models: {m: {accelerator: {name: w}}}",
            {"models": {"m": {"accelerator": {"name": "w"}}}},
        ),
        (
            "project",
            "models: {m: {size: {cpu: 1}}}",
            "models: {m: {size: Small}}",
            {"models": {"m": {"size": "Small"}}},
        ),
        # some maps are one value
        (
            "environment",
            "sizes: {S: {requests: {cpu: 1}, limits: {cpu: 2}}}",
            "sizes: {S: {requests: {cpu: 3}}}",
            {"sizes": {"S": {"requests": {"cpu": 3}}}},
        ),
        (
            "project",
            "models: {m: {location: {pvc: a, path: b}}}",
            "models: {m: {location: {uri: c}}}",
            {"models": {"m": {"location": {"uri": "c"}}}},
        ),
        (
            "project",
            "models: {m: {replicas: {min: 1, max: 2}}}",
            "models: {m: {replicas: {min: 0}}}",
            {"models": {"m": {"replicas": {"min": 0}}}},
        ),
        (
            "project",
            "models: {m: {env: {A: {secret: s, key: k}, B: x}}}",
            "models: {m: {env: {A: {secret: t, key: l}}}}",
            {"models": {"m": {"env": {"A": {"secret": "t", "key": "l"}, "B": "x"}}}},
        ),
        (
            "project",
            "servers: {s: {size: S, models: {m: {framework: f, location: {path: a, connection: c}}}}}",
            "servers: {s: {models: {m: {location: {path: b}}}}}",
            {"servers": {"s": {"size": "S", "models": {"m": {"framework": "f", "location": {"path": "b"}}}}}},
        ),
        # accelerators merge but for their profile
        (
            "environment",
            "accelerators: {a: {identifier: i, hardwareProfile: {name: q, namespace: o}}}",
            "accelerators: {a: {hardwareProfile: {name: p}}}",
            {"accelerators": {"a": {"identifier": "i", "hardwareProfile": {"name": "p"}}}},
        ),
        # of some keys there is one: the upper layer chooses
        (
            "environment",
            "cluster: {name: q, appsDomain: d}",
            "cluster: {server: s}",
            {"cluster": {"appsDomain": "d", "server": "s"}},
        ),
        (
            "project",
            "connections: {c: {displayName: d, s3: {bucket: b}}}",
            "connections: {c: {uri: u}}",
            {"connections": {"c": {"displayName": "d", "uri": "u"}}},
        ),
        # null takes away
        ("project", "models: {m: {route: true}, n: {}}", "models: {n: null, m: {route: null}}", {"models": {"m": {}}}),
        ("project", "tokens: [a]", "{}", {"tokens": ["a"]}),
    ],
)
def test_one_document_over_another(kind: str, below: str, above: str, wanted: dict[str, Any]) -> None:
    merged, said = laid(below, above, kind)
    assert (merged.data, said) == (wanted, [])
    assert list(merged.data) == list(wanted)


def test_nothing_is_changed_in_the_documents_themselves() -> None:
    below, above = document("a: {b: {c: 1}}"), document("a: {b: {d: 2}}")
    merged, _ = overlay_document(as_layer(below), above, "environment")
    assert merged.data == {"a": {"b": {"c": 1, "d": 2}}}
    assert (below.data, above.data) == ({"a": {"b": {"c": 1}}}, {"a": {"b": {"d": 2}}})


def test_a_removal_of_nothing_is_named() -> None:
    merged, said = laid("sizes: {Small: {}, Large: {}}\nquota: {}", "sizes:\n  Smal: null\nquota:\n  x: null")
    assert merged.data == {"sizes": {"Small": {}, "Large": {}}, "quota": {}}
    assert said == [
        "above.yaml:2:9: error[SPEC090]: sizes.Smal: null removes 'Smal', which is not there; did you mean 'Small'?",
        "above.yaml:4:6: error[SPEC090]: quota.x: null removes 'x', which is not there; remove the line",
    ]


BELOW = """\
platforms:
  serverless: true
  modelMesh: true
sizes:
  Small: {requests: {cpu: 1}}
"""
ABOVE = """\
version: 1
platforms:
  modelMesh: false
sizes:
  Small:
    requests: {cpu: 2}
"""


@pytest.mark.parametrize(
    ("pointer", "at", "key_at"),
    [
        (("platforms", "serverless"), Location("below.yaml", 2, 15), Location("below.yaml", 2, 3)),
        (("platforms", "modelMesh"), Location("above.yaml", 3, 14), Location("above.yaml", 3, 3)),
        (("sizes", "Small"), Location("above.yaml", 6, 5), Location("above.yaml", 5, 3)),
        (("sizes", "Small", "requests", "cpu"), Location("above.yaml", 6, 21), Location("above.yaml", 6, 16)),
        (("platforms",), Location("below.yaml", 2, 3), Location("below.yaml", 1, 1)),
        # what is in neither stands where the nearest thing around it stands; the whole is the environment's own file
        (("platforms", "modelMesh", "x"), Location("above.yaml", 3, 14), Location("above.yaml", 3, 14)),
        (("quota", "default"), Location("below.yaml", 1, 1), Location("below.yaml", 1, 1)),
        ((), Location("above.yaml", 1, 1), Location("above.yaml", 1, 1)),
    ],
)
def test_a_value_stands_where_it_was_written(pointer: tuple[str, ...], at: Location, key_at: Location) -> None:
    merged, _ = laid(BELOW, ABOVE)
    assert (merged.at(pointer), merged.key_at(pointer)) == (at, key_at)


SPEC = """\
version: 1
models:
  a:
    size: Small
    env: {ONE: x}
environments:
  prod:
    models:
      a:
        env:
          ONE: w
          TWO: z
"""


def test_a_block_of_the_same_document_over_the_rest() -> None:
    spec = document(SPEC)
    merged, findings = overlay_document(
        as_layer(spec, without="environments"), spec, "project", ("environments", "prod")
    )
    assert (merged.data, findings) == (
        {"version": 1, "models": {"a": {"size": "Small", "env": {"ONE": "w", "TWO": "z"}}}},
        [],
    )
    assert merged.at(("models", "a", "size")) == Location("file.yaml", 4, 11)
    assert merged.at(("models", "a", "env", "ONE")) == Location("file.yaml", 11, 16)
    assert merged.key_at(("models", "a", "env", "TWO")) == Location("file.yaml", 12, 11)
    assert merged.at(()) == Location("file.yaml", 1, 1)


def test_three_layers() -> None:
    lower, _ = laid("platforms: {a: 1}", "platforms: {b: 2}")
    merged, _ = overlay_document(lower, document("platforms: {a: 3}", "top.yaml"), "environment")
    assert merged.data == {"platforms": {"a": 3, "b": 2}}
    assert [merged.at(("platforms", key)).file for key in "ab"] == ["top.yaml", "above.yaml"]
