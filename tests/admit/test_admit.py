"""`admit`: reading manifests of any origin, judging each, and saying it with the place where it is written."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from modelfleet.admit.admit import NO_SCHEMA, AdmissionVerdict, ManifestFile, admit, admit_files, gather, passed
from modelfleet.admit.report import verdict_data, verdict_findings, verdict_summary
from modelfleet.finding import Finding, Location, MachineFailed, Rejected, Severity
from modelfleet.kubernetes.schemas import FolderSchemas
from modelfleet.kubernetes.yaml import DEPTH, ParsedDocument, Unreadable, read_documents
from modelfleet.resolve import catalog
from modelfleet.rules.admission.rulebook import Rulebook, rulebook
from modelfleet.rules.admission.schema import schema_check

TITLE = "RHOAI 2.25"


class Known:
    """Schemas out of a mapping by kind, all of one group and version."""

    def __init__(self, **schemas: Mapping[str, Any]) -> None:
        self.schemas = schemas

    def schema(self, group: str, version: str, kind: str) -> Mapping[str, Any] | None:
        return self.schemas.get(kind) if version == "v1" else None

    def versions(self, group: str, kind: str) -> list[str]:
        return ["v1"] if kind in self.schemas else []


@cache
def book() -> Rulebook:
    release = catalog.release("rhoai-2.25")
    return rulebook(release.capabilities, release.terms)


def judged(text: str, existing: str | None = None, schemas: Known | None = None) -> list[AdmissionVerdict]:
    live = None if existing is None else existing.encode()
    return admit([ManifestFile(file="a.yaml", content=text.encode(), existing=live)], book(), schemas or Known())


def told(text: str, existing: str | None = None, schemas: Known | None = None) -> list[str]:
    verdicts = judged(text, existing, schemas)
    return [*(finding.text() for finding in verdict_findings(verdicts)), *verdict_summary(verdicts, TITLE)]


def data(text: str) -> list[Any]:
    return [part.data for part in read_documents(text.encode(), "a.yaml") if isinstance(part, ParsedDocument)]


# ---- reading ---------------------------------------------------------------------------------------------------------


def test_all_of_yaml_is_read() -> None:
    text = """
    base: &base {a: 1, b: "2"}
    more: &more {b: 3, c: 4}
    merged: {<<: *base, b: 5}
    list: {<<: [*base, *more], d: *base}
    on: yes
    1: !!str 7
    mine: !mine x
    scalar: [&s 5, *s, !!int "8"]
    """
    assert data(text) == [
        {
            "base": {"a": 1, "b": "2"},
            "more": {"b": 3, "c": 4},
            "merged": {"a": 1, "b": 5},
            "list": {"a": 1, "b": "2", "c": 4, "d": {"a": 1, "b": "2"}},
            "true": True,
            "1": "7",
            "mine": "x",
            "scalar": [5, 5, 8],
        }
    ]


def test_json_with_tabs_is_read() -> None:
    assert data('{\n\t"kind": "A",\n\t"n": [\n\t\t1.0\n\t]\n}\n') == [{"kind": "A", "n": [1]}]


def test_documents_and_lists_give_their_objects_in_order() -> None:
    text = "# Source: a\n---\n---\nkind: A\n---\nkind: List\nitems:\n- kind: B\n- kind: C\n---\n{kind: DList, items: [kind: D]}\n"
    assert data(text) == [{"kind": "A"}, {"kind": "B"}, {"kind": "C"}, {"kind": "D"}]


def test_a_list_that_is_none_is_an_object() -> None:
    assert data(
        "kind: List\nitems: none\n---\nkind: PodList\n---\nkind: A\nitems: [1]\n---\nkind: List\nitems: []\n"
    ) == [
        {"kind": "List", "items": "none"},
        {"kind": "PodList"},
        {"kind": "A", "items": [1]},
    ]


def test_places_are_those_of_keys_and_values() -> None:
    (part,) = read_documents("ä:\n- b: 1\n  ç: &x {d: 2}\n- *x\n".encode(), "a.yaml")
    assert isinstance(part, ParsedDocument)
    assert [str(part.at(pointer)) for pointer in ((), ("ä",), ("ä", 0, "ç"), ("ä", 0, "ç", "d"), ("ä", 1))] == [
        "a.yaml:1:1", "a.yaml:2:1", "a.yaml:3:6", "a.yaml:3:13", "a.yaml:4:3",
    ]  # fmt: skip
    assert str(part.at(("ä", 0, "ç"), key=True)) == "a.yaml:3:3"
    assert str(part.at(("ä", 1, "d"))) == "a.yaml:3:13"
    assert [str(part.at(pointer, key=True)) for pointer in (("ä", 0, "e", "f"), ("ä", 5), ("x",))] == [
        "a.yaml:2:3", "a.yaml:2:1", "a.yaml:1:1",
    ]  # fmt: skip


def test_a_key_that_is_written_twice_belongs_to_its_object() -> None:
    text = 'kind: List\nitems:\n- {a: 1}\n- {a: 1, b: 2, a: 3}\n- {b: 1, "b": 1}\n'
    parts = [part for part in read_documents(text.encode(), "a.yaml") if isinstance(part, ParsedDocument)]
    assert [part.twice for part in parts] == [
        [],
        [("a", Location("a.yaml", 4, 16))],
        [("b", Location("a.yaml", 5, 10))],
    ]
    assert parts[1].data == {"a": 3, "b": 2}


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        (b"a: [1\n", "a.yaml:2:1", "this is not valid YAML: did not find expected ',' or ']'"),
        (b"a: *b\n", "a.yaml:1:4", "the alias has no anchor before it"),
        (b"a: &a [*a]\n", "a.yaml:1:8", "the alias has no anchor before it"),
        (b"? [a]\n: 1\n", "a.yaml:1:3", "a key is a map or a list"),
        (b"<<: 1\n", "a.yaml:1:5", "what << merges is not a map"),
        (b"a: \x01\n", "a.yaml:1:1", "the file is not text in UTF-8, or holds a control character "
            "(control characters are not allowed)"),
        (b"a: \xff\n", "a.yaml:1:1", "the file is not text in UTF-8, or holds a control character (invalid leading UTF-8 octet)"),
        (b"[" * 300, f"a.yaml:1:{DEPTH + 1}", "the document nests deeper than 200 levels"),
        (
            b"a: &a [" + b"x," * 2000 + b"]\nb: &b [" + b"*a," * 2000 + b"]\nc: [*b]\n",
            "a.yaml:2:3002",
            "the document has more than 2,000,000 values, with aliases expanded",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_and_ends_the_file(content: bytes, place: str, message: str) -> None:
    parts = list(read_documents(b"kind: A\n---\n" + content, "a.yaml"))
    line = int(place.split(":")[1]) + (2 if "UTF-8" not in message else 0)
    assert [part.data for part in parts if isinstance(part, ParsedDocument)] == (
        [{"kind": "A"}] if "UTF-8" not in message else []
    )
    assert [(part.at.line, part.at.column, part.message) for part in parts if isinstance(part, Unreadable)] == [
        (line, int(place.split(":")[2]), message)
    ]


def test_aliases_that_are_not_too_many_are_fine() -> None:
    assert data("a: &a [1, 2]\nb: [*a, *a]\n") == [{"a": [1, 2], "b": [[1, 2], [1, 2]]}]


# ---- schemas ---------------------------------------------------------------------------------------------------------

THING = {
    "type": "object",
    "required": ["spec"],
    "additionalProperties": False,
    "properties": {
        "apiVersion": {}, "kind": {}, "metadata": {}, "stringData": {"additionalProperties": {"type": "string"}},
        "spec": {
            "type": "object",
            "required": ["size"],
            "additionalProperties": False,
            "properties": {
                "size": {"type": "integer", "minimum": 1, "maximum": 9},
                "word": {"type": ["string", "null"], "enum": ["all", "none"]},
                "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5, "minLength": 2},
                "amount": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
                "share": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                "flag": {"type": "boolean"},
                "open": {"type": "object"},
                "list": {"type": "array", "items": {"type": "object"}, "minItems": 1, "maxItems": 2, "uniqueItems": True},
                "map": {"type": "object", "minProperties": 1, "maxProperties": 1},
                "either": {"anyOf": [{"type": "null"}, {"type": "object", "required": ["x"]}]},
                "not": {"not": {"enum": ["x"]}},
                "even": {"multipleOf": 2},
            },
        },
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"size": 1, "word": None, "amount": "1", "share": 0.5, "open": {"x": None}, "either": None}, []),
        ({"size": 1, "sise": 1}, [("spec.sise", "unknown field 'sise'", "did you mean 'size'?")]),
        (
            {"size": 1, "zzz": 1},
            [
                (
                    "spec.zzz",
                    "unknown field 'zzz'",
                    "there are size, word, name, amount, share, flag, open, list, map, either, not, even",
                )
            ],
        ),
        ({}, [("spec.size", "'size' is missing", "add size: ...")]),
        ({"size": None}, [("spec.size", "'size' is missing", "add size: ...")]),
        ({"size": "1"}, [("spec.size", "expected a whole number, found the text '1'", "remove the quotes: 1")]),
        ({"size": True}, [("spec.size", "expected a whole number, found true", "")]),
        ({"size": {}}, [("spec.size", "expected a whole number, found a map", "")]),
        ({"size": 1, "name": 5}, [("spec.name", "expected text, found the number 5", "put it in quotes")]),
        (
            {"size": 1, "list": [None]},
            [("spec.list[0]", "there is no value", "write a map")],
        ),
        (
            {"size": 1, "amount": []},
            [("spec.amount", "expected a whole number or text, found a list", "")],
        ),
        ({"size": 0}, [("spec.size", "0 is less than 1", "write 1 or more")]),
        ({"size": 10}, [("spec.size", "10 is more than 9", "write 9 or less")]),
        ({"size": 1, "share": 0}, [("spec.share", "0 is not more than 0", "write more than 0")]),
        ({"size": 1, "share": 1}, [("spec.share", "1 is not less than 1", "write less than 1")]),
        (
            {"size": 1, "word": "al"},
            [("spec.word", "'al' is not a valid value", "did you mean 'all'? it is all or none")],
        ),
        ({"size": 1, "word": "x"}, [("spec.word", "'x' is not a valid value", "write all or none")]),
        ({"size": 1, "name": "A1"}, [("spec.name", "'A1' does not have the right form", "it must match ^[a-z]+$")]),
        (
            {"size": 1, "name": "abcdef"},
            [("spec.name", "'abcdef' has 6 characters, and at most 5 are allowed", "shorten it by 1")],
        ),
        ({"size": 1, "name": "a"}, [("spec.name", "'a' has fewer than 2 characters", "")]),
        ({"size": 1, "list": []}, [("spec.list", "the list is empty", "")]),
        (
            {"size": 1, "list": [{}, {"x": 1}, {"y": 1}]},
            [("spec.list[2]", "there are 3 entries, and at most 2 are allowed", "")],
        ),
        ({"size": 1, "list": [{}, {}]}, [("spec.list[1]", "a map is listed twice", "remove it here")]),
        ({"size": 1, "map": {}}, [("spec.map", "the map is empty", "")]),
        ({"size": 1, "map": {"a": 1, "b": 1}}, [("spec.map", "there are 2 entries, and only 1 is allowed", "")]),
        ({"size": 1, "either": {}}, [("spec.either.x", "'x' is missing", "add x: ...")]),
        ({"size": 1, "not": "x"}, [("spec.not", "'x' does not belong here", "")]),
        (
            {"size": 1, "even": 3},
            [("spec.even", "it is refused by the schema of its kind", "see `oc explain` for what is allowed")],
        ),
    ],
)
def test_what_a_schema_refuses_is_said_in_words(spec: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    from modelfleet.finding import dotted

    found = schema_check(THING)({"kind": "Thing", "spec": spec})
    assert [(dotted(problem.pointer), problem.message, problem.hint) for problem in found] == expected


def test_of_a_secret_no_value_is_shown() -> None:
    closed = {**THING, "required": []}
    closed["properties"] = {**THING["properties"], "type": {"enum": ["Opaque"]}}  # type: ignore[dict-item]
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ntype: hunter2\nstringData: {a: 12345, 1: 0x12}\n"
    assert told(text, schemas=Known(Secret=closed)) == [
        "a.yaml:4:7: error[ADM002]: Secret s: type: refused by the API server: (hidden) is not a valid value; write Opaque",
        "a.yaml:5:17: error[ADM002]: Secret s: stringData.a: refused by the API server: expected text, found the number (hidden); "
        "put it in quotes",
        "a.yaml:5:27: error[ADM002]: Secret s: stringData.1: refused by the API server: expected text, found the number (hidden); "
        "put it in quotes",
        "RHOAI 2.25: 0 accepted, 1 refused",
    ]


def test_at_most_a_hundred_problems_of_an_object_are_said() -> None:
    spec = {"size": 1, **{f"x{number}": 1 for number in range(150)}}
    assert len(list(schema_check(THING)({"kind": "Thing", "spec": spec}))) == 100


def test_schemas_are_files_in_folders(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    (first / "thing-example.org-v1.json").write_text(json.dumps({"title": "first"}))
    (second / "thing-example.org-v1.json").write_text(json.dumps({"title": "second"}))
    (second / "thing-example.org-v2.json").write_text(json.dumps({"title": "newer"}))
    (second / "pod-v1-v1.json").write_text(
        json.dumps({"properties": {"spec": {"$ref": "_definitions.json#/$defs/a.Spec"}, "list": {"items": [{}]}}})
    )
    definitions = {"a.Spec": {"properties": {"b": {"$ref": "#/$defs/a.B"}}}, "a.B": {"type": "string"}, "a.C": {}}
    (second / "_definitions.json").write_text(json.dumps({"$defs": definitions}))
    schemas = FolderSchemas((first, second))
    assert schemas.schema("example.org", "v1", "Thing") == {"title": "first"}
    assert schemas.versions("example.org", "Thing") == ["v1", "v2"]
    assert schemas.schema("example.org", "v3", "Thing") is None
    assert schemas.schema("..", "../thing-example.org-v1", "Thing") is None
    assert schemas.schema("example.org", "v" * 300, "Thing") is None
    assert (schemas.versions("", "Pod"), schemas.versions("*", "Thing")) == ((), ())
    assert schemas.schema("", "v1", "Pod") == {
        "properties": {"spec": {"$ref": "#/$defs/a.Spec"}, "list": {"items": [{}]}},
        "$defs": {"a.Spec": {"properties": {"b": {"$ref": "#/$defs/a.B"}}}, "a.B": {"type": "string"}},
    }
    assert FolderSchemas(()).schema("", "v1", "Pod") is None


# ---- judging ---------------------------------------------------------------------------------------------------------

SERVICE = """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: granite
  namespace: demo
  annotations:
    serving.kserve.io/deploymentMode: RawDeployment
spec:
  predictor:
    minReplicas: 3
    maxReplicas: 2
    model:
      modelFormat: {name: vLLM}
      storageUri: s3://models/granite
      storage: {path: granite}
"""

RUNTIME = """\
apiVersion: serving.kserve.io/v1alpha1
kind: ServingRuntime
metadata: {name: %s, namespace: demo}
spec:
  protocolVersions: [v2]
  supportedModelFormats: [{name: onnx, autoSelect: true, priority: 1}]
  containers: [{name: kserve-container, image: server}]
"""


def test_a_verdict_for_programs() -> None:
    account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: granite-sa}\n"
    assert verdict_data(judged(f"{account}---\n{SERVICE}---\nkind: [\n")) == [
        {
            "file": "a.yaml", "kind": "ServiceAccount", "apiVersion": "v1", "namespace": None, "name": "granite-sa",
            "verdict": "accept", "stage": None, "code": None, "message": None, "hint": None, "line": 1, "column": 1,
            "note": NO_SCHEMA,
        },
        {
            "file": "a.yaml", "kind": "InferenceService", "apiVersion": "serving.kserve.io/v1beta1", "namespace": "demo",
            "name": "granite", "verdict": "reject", "stage": "webhook", "code": "ADM071",
            "message": "minReplicas 3 is greater than maxReplicas 2", "hint": "raise maxReplicas or lower minReplicas",
            "line": 14, "column": 18,
            "problems": [
                {
                    "stage": "webhook", "code": "ADM071", "message": "minReplicas 3 is greater than maxReplicas 2",
                    "hint": "raise maxReplicas or lower minReplicas", "line": 14, "column": 18, "severity": "error",
                    "path": "spec.predictor.minReplicas",
                },
                {
                    "stage": "reconcile", "code": "ADM061", "message": "the model has both storageUri and storage.path",
                    "hint": "keep storage for a connection's bucket, storageUri for everything else", "line": 19,
                    "column": 17, "severity": "warning", "path": "spec.predictor.model.storage.path",
                },
            ],
            "note": NO_SCHEMA,
        },
        {
            "file": "a.yaml", "kind": None, "apiVersion": None, "namespace": None, "name": None, "verdict": "reject",
            "stage": "schema", "code": "ADM004", "message": "this is not valid YAML: did not find expected node content",
            "hint": "what follows it is not checked", "line": 22, "column": 1,
            "problems": [
                {
                    "stage": "schema", "code": "ADM004", "message": "this is not valid YAML: did not find expected node content",
                    "hint": "what follows it is not checked", "line": 22, "column": 1, "severity": "error", "path": "",
                }
            ],
        },
    ]  # fmt: skip


def test_what_is_admitted_and_stuck_is_accepted() -> None:
    (verdict,) = judged(SERVICE.replace("minReplicas: 3", "minReplicas: 1"))
    assert (verdict.rejected, verdict.stuck) == (False, True)
    (entry,) = verdict_data([verdict])
    assert (entry["verdict"], entry["stage"], entry["code"]) == ("accept", "reconcile", "ADM061")
    assert verdict_summary([verdict], TITLE) == [
        "RHOAI 2.25: 0 accepted, 1 accepted but stuck",
        "no schema known for this kind, so only its name was checked: 1 InferenceService (serving.kserve.io/v1beta1)",
    ]


def test_what_the_controller_refuses_is_refused() -> None:
    ftp = SERVICE.replace("s3://models/granite", "ftp://host/granite").replace("      storage: {path: granite}\n", "")
    (verdict,) = judged(ftp.replace("minReplicas: 3", "minReplicas: 1"))
    (entry,) = verdict_data([verdict])
    assert (verdict.rejected, entry["verdict"], entry["stage"], entry["code"]) == (
        True,
        "reject",
        "reconcile",
        "ADM060",
    )


def test_lines_for_people_and_findings_for_other_formats() -> None:
    text = f"{SERVICE}---\nkind: A\napiVersion: v1\nmetadata: {{name: x, name: a}}\n---\n- 1\n"
    found = verdict_findings(judged(text, schemas=Known(A={})))
    assert found[0] == Finding(
        at=Location("a.yaml", 10, 18),
        code="ADM071",
        path="InferenceService demo/granite: spec.predictor.minReplicas",
        message="refused by the webhook: minReplicas 3 is greater than maxReplicas 2",
        hint="raise maxReplicas or lower minReplicas",
        severity=Severity.ERROR,
    )
    assert told(text, schemas=Known(A={})) == [
        "a.yaml:10:18: error[ADM071]: InferenceService demo/granite: spec.predictor.minReplicas: refused by the webhook: "
        "minReplicas 3 is greater than maxReplicas 2; raise maxReplicas or lower minReplicas",
        "a.yaml:15:17: warning[ADM061]: InferenceService demo/granite: spec.predictor.model.storage.path: accepted, but stuck: "
        "the model has both storageUri and storage.path; keep storage for a connection's bucket, storageUri for everything else",
        "a.yaml:19:21: warning[ADM005]: A a: accepted: the key 'name' is written twice; kubectl takes the last, kustomize "
        "refuses the file; keep one of them",
        "a.yaml:21:1: error[ADM006]: refused by the API server: the document is not an object; an object is a map with a kind",
        "RHOAI 2.25: 1 accepted (1 A), 2 refused",
        "no schema known for this kind, so only its name was checked: 1 InferenceService (serving.kserve.io/v1beta1)",
    ]


def test_nothing_at_all_does_not_pass() -> None:
    assert told("# nothing\n") == ["the input holds no object"]
    things = "{apiVersion: v1, kind: A, metadata: {name: a}}\n"
    assert [passed(judged(text)) for text in ("", "# nothing\n", things, "kind: A\n")] == [False, False, True, False]


def test_where_no_version_is_named_nothing_is_said_of_schemas() -> None:
    assert told("kind: Foo\nmetadata: {name: a}\n") == [
        "a.yaml:1:1: error[ADM001]: Foo a: apiVersion: refused by the API server: apiVersion is missing; an object needs "
        "apiVersion, kind and metadata.name",
        "RHOAI 2.25: 0 accepted, 1 refused",
    ]


def test_a_version_that_is_not_served_is_refused() -> None:
    assert told("apiVersion: example.org/v2\nkind: Thing\nmetadata: {name: a}\n", schemas=Known(Thing=THING)) == [
        "a.yaml:1:13: error[ADM007]: Thing a: apiVersion: refused by the API server: Thing is not served as 'example.org/v2' "
        "here; write example.org/v1",
        "RHOAI 2.25: 0 accepted, 1 refused",
    ]


def test_of_two_runtimes_that_conflict_the_later_one_is_refused() -> None:
    text = "---\n".join(RUNTIME % name for name in ("b", "a"))
    assert [(verdict.name, verdict.rejected) for verdict in judged(text)] == [("b", False), ("a", True)]


def test_a_runtime_conflicts_with_a_live_one_that_the_file_does_not_hold() -> None:
    live = "kind: List\nitems:\n" + "".join(
        "- " + (RUNTIME % name).replace("\n", "\n  ").rstrip() + "\n" for name in ("mine", "other")
    )
    (verdict,) = judged(RUNTIME % "mine", live)
    assert [found.message for found in verdict.found] == [
        "the runtime 'other' claims the format 'onnx' with the same priority"
    ]


def test_a_service_is_judged_beside_the_runtime_that_comes_after_it() -> None:
    workers = SERVICE.replace("    model:", "    workerSpec: {}\n    model:").replace(
        "modelFormat:", "runtime: mine\n      modelFormat:"
    )
    codes = [found.code for found in judged(f"{workers}---\n{RUNTIME % 'mine'}")[0].found]
    assert "ADM050" in codes


CHANGED = SERVICE.replace("minReplicas: 3", "minReplicas: 1").replace("      storage: {path: granite}\n", "")
LIVE = CHANGED.replace("RawDeployment", "Serverless")


@pytest.mark.parametrize(
    ("live", "refused"),
    [
        (LIVE, True),
        (LIVE.replace("  namespace: demo\n", ""), True),
        (LIVE.replace("namespace: demo", "namespace: elsewhere"), False),
        (LIVE.replace("name: granite", "name: other"), False),
        ("status: {deploymentMode: Serverless}\n", True),
        ("", False),
        ("- 1\n", False),
    ],
    ids=["itself", "without a namespace", "elsewhere", "another", "a part of it", "nothing", "no object"],
)
def test_the_live_object_is_the_one_of_the_same_name(live: str, refused: bool) -> None:
    (verdict,) = judged(CHANGED, live)
    assert [found.code for found in verdict.found] == (["ADM040"] if refused else [])


def test_a_live_part_without_a_name_belongs_to_nobody_where_there_are_two() -> None:
    two = f"{CHANGED}---\n{CHANGED.replace('granite', 'other')}"
    assert [verdict.found for verdict in judged(two, "status: {deploymentMode: Serverless}\n")] == [(), ()]


def test_a_live_file_that_is_no_yaml_is_refused() -> None:
    with pytest.raises(Rejected) as refused:
        judged(CHANGED, "a: [")
    assert [finding.text() for finding in refused.value.findings] == [
        "a.yaml (live):2:1: error[ADM004]: this is not valid YAML: did not find expected node content"
    ]


MODEL = """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: granite, namespace: demo, annotations: {serving.kserve.io/deploymentMode: RawDeployment}}
spec: {predictor: {model: {modelFormat: {name: vLLM}, runtime: mine, storageUri: "s3://models/granite"}}}
"""


def across(*texts: str) -> list[tuple[str, str]]:
    """What is found where each text is a file of its own."""
    files = [ManifestFile(file=f"{index}.yaml", content=text.encode()) for index, text in enumerate(texts)]
    return [(one.at.file, one.code) for verdict in admit(files, book(), Known()) for one in verdict.found]


def test_what_an_object_names_is_looked_up_in_the_other_files() -> None:
    runtime = RUNTIME % "mine"
    fits = runtime.replace("onnx", "vLLM")
    assert across(runtime, MODEL) == [("1.yaml", "ADM052")]
    assert across(MODEL, runtime) == [("0.yaml", "ADM052")]
    assert across(fits, MODEL) == []
    assert across(runtime, fits, MODEL) == []  # two have the name, as in the overlays of two environments
    assert across(runtime, f"{fits}---\n{MODEL}") == []  # the one of the same file counts
    assert across(runtime.replace("demo", "other"), MODEL) == []
    assert across(RUNTIME % "other", MODEL) == []


KUEUE = """\
apiVersion: v1
kind: Namespace
metadata: {name: demo, labels: {%s: "%s"}}
"""


def test_a_namespace_that_kueue_manages_may_come_in_another_file() -> None:
    def found(release: str, *texts: str) -> list[str]:
        known = catalog.release(release)
        files = [ManifestFile(file=f"{index}.yaml", content=text.encode()) for index, text in enumerate(texts)]
        verdicts = admit(files, rulebook(known.capabilities, known.terms), Known())
        return [one.code for verdict in verdicts for one in verdict.found]

    managed = KUEUE % ("kueue.openshift.io/managed", "true")
    assert (
        found("rhoai-3.3", managed, MODEL) == found("rhoai-3.3", KUEUE % ("kueue-managed", "true"), MODEL) == ["ADM150"]
    )
    assert found("rhoai-3.3", KUEUE % ("kueue-managed", "false"), MODEL) == []
    assert found("rhoai-3.3", managed.replace("demo", "other"), MODEL) == []
    labelled = MODEL.replace("namespace: demo,", "namespace: demo, labels: {kueue.x-k8s.io/queue-name: %s},")
    assert found("rhoai-3.3", managed, labelled % "default") == []
    assert found("rhoai-3.3", managed, labelled % "''") == ["ADM150"]
    by_profile = MODEL.replace("annotations: {", "annotations: {opendatahub.io/hardware-profile-name: a100, ")
    assert found("rhoai-3.3", managed, by_profile) == []
    releases = ("rhoai-2.22", "rhoai-2.23", "rhoai-2.24", "rhoai-2.25", "rhoai-3.0", "rhoai-3.4")
    assert [found(release, managed, MODEL) for release in releases] == [[], ["ADM150"], ["ADM150"], [], ["ADM150"], []]


UNSAID = """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: granite}
spec:
  predictor:
    deploymentStrategy: {type: RollingUpdate}
    model: {modelFormat: {name: vLLM}, storageUri: "oci://quay.io/example/granite:1"}
"""


def test_the_default_mode_of_a_cluster_may_be_another() -> None:
    def said(release: str, text: str, mode: str | None) -> list[tuple[str, str]]:
        verdicts = admit_files([ManifestFile(file="a", content=text.encode())], catalog.release(release), (), mode)
        return [(one.message, one.hint) for verdict in verdicts for one in verdict.found]

    remove = "remove it, or write the annotation serving.kserve.io/deploymentMode: "
    assert said("rhoai-2.25", UNSAID, None) == [
        (
            "deploymentStrategy is not allowed in the default deployment mode 'Serverless'",
            f"{remove}RawDeployment; --default-mode names another default of the cluster",
        )
    ]
    assert said("rhoai-2.25", UNSAID, "RawDeployment") == []
    assert said("rhoai-3.5", UNSAID, None) == said("rhoai-3.5", UNSAID, "RawDeployment") == []
    assert [message for message, _ in said("rhoai-3.5", UNSAID, "Serverless")] == [
        "deploymentStrategy is not allowed in the default deployment mode 'Knative'",
        "this release has no Knative, so nothing serves a model in serverless mode",
    ]
    written = UNSAID.replace("granite}", "granite, annotations: {serving.kserve.io/deploymentMode: Serverless}}")
    assert said("rhoai-2.25", written, "RawDeployment") == [
        ("deploymentStrategy is not allowed in deployment mode 'Serverless'", f"{remove}RawDeployment")
    ]


def test_files_are_judged_alone() -> None:
    files = [ManifestFile(file=name, content=(RUNTIME % name).encode()) for name in ("a", "b")]
    assert [verdict.rejected for verdict in admit(files, book(), Known())] == [False, False]


# ---- files -----------------------------------------------------------------------------------------------------------


def stdin() -> bytes:
    return b"kind: A\n"


def test_files_are_gathered_with_their_live_counterparts(tmp_path: Path) -> None:
    new, live = tmp_path / "new", tmp_path / "live"
    new.mkdir()
    live.mkdir()
    (new / "a.yaml").write_text("kind: A\n")
    (new / "b.yaml").write_text("kind: B\n")
    (live / "b.yaml").write_text("kind: C\n")
    assert gather([str(new / "a.yaml"), "-", str(new / "b.yaml")], live, stdin) == [
        ManifestFile(file=str(new / "a.yaml"), content=b"kind: A\n"),
        ManifestFile(file="(stdin)", content=b"kind: A\n"),
        ManifestFile(file=str(new / "b.yaml"), content=b"kind: B\n", existing=b"kind: C\n"),
    ]


def test_what_is_no_file_is_refused_all_at_once(tmp_path: Path) -> None:
    huge = tmp_path / "huge.yaml"
    huge.touch()
    os.truncate(huge, (64 << 20) + 1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Rejected) as refused:
        gather([str(tmp_path / name) for name in ("missing", "", "pipe", "huge.yaml")], tmp_path / "live", stdin)
    assert [finding.text().replace(str(tmp_path), "") for finding in refused.value.findings] == [
        "/live:1:1: error[ADM004]: there is no such folder",
        "/missing:1:1: error[ADM004]: there is no such file",
        ":1:1: error[ADM004]: it is not a regular file; name its files",
        "/pipe:1:1: error[ADM004]: it is not a regular file; pipe it in and name the file -",
        "/huge.yaml:1:1: error[ADM004]: it is larger than 64 MiB; split it",
    ]


def test_what_kustomize_builds_from_is_told_from_what_it_builds(tmp_path: Path) -> None:
    files = [
        f"{folder}/{name}"
        for folder in ("here", "with space")
        for name in ("deployment.yaml", "kustomization.yaml", "modelfleet-application.yaml", "patch-a.yaml")
    ]
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("kind: A\n")
    with pytest.raises(Rejected) as refused:
        gather([str(tmp_path / file) for file in files], None, stdin)
    assert [finding.text().replace(f"{tmp_path}/", "") for finding in refused.value.findings] == [
        "here/kustomization.yaml:1:1: error[ADM004]: no cluster is given this: kustomize or Argo CD reads it; judge what it "
        "builds: kustomize build here | modelfleet admit --release RELEASE -",
        "with space/kustomization.yaml:1:1: error[ADM004]: no cluster is given this: kustomize or Argo CD reads it; judge "
        "what it builds: kustomize build 'with space' | modelfleet admit --release RELEASE -",
    ]
    deployments = [file for file in files if "deployment" in file]
    assert len(gather([str(tmp_path / file) for file in deployments], None, stdin)) == 2


def test_a_file_that_cannot_be_read_is_the_machines_fault(tmp_path: Path) -> None:
    name = "x" * 300
    with pytest.raises(MachineFailed) as failed:
        gather([str(tmp_path / name)], None, stdin)
    assert str(failed.value) == f"{tmp_path / name} cannot be read: File name too long"


def test_all_at_once(tmp_path: Path) -> None:
    (tmp_path / "thing-example.org-v1.json").write_text(json.dumps(THING))
    file = tmp_path / "a.yaml"
    file.write_text("apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: a}\nspec: {size: 0}\n")
    verdicts = admit_files(gather([str(file)], None, stdin), catalog.release("rhoai-2.25"), [tmp_path])
    assert [(found.code, found.message) for verdict in verdicts for found in verdict.found] == [
        ("ADM002", "0 is less than 1")
    ]
