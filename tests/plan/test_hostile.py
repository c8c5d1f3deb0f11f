"""What is committed may be anything: `plan` says so in one line, with the path and the revision, and never for long."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from console import REPOSITORY, modelfleet
from modelfleet.kubernetes.shape import without_nulls, wrong_shape
from modelfleet.kubernetes.yaml import yaml_documents
from modelfleet.packaged import packaged_data
from plan_repository import Repository

RANK = "environments/base/chat/inferenceservice-rank.yaml"
KUSTOMIZATION = "environments/prod/chat/kustomization.yaml"
OBJECT = "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: rank}\n"


@pytest.fixture
def made(rendered_repository: Repository, tmp_path: Path) -> Repository:
    return rendered_repository.copy(tmp_path / "top")


def committed(made: Repository, path: str, content: str) -> str:
    """Commits a file as `main` has it, and leaves the working tree as it was."""
    kept = made.read(path)
    made.write(path, content)
    commit = made.commit_as_it_is()
    made.git("branch", "-f", "main")
    made.write(path, kept)
    return commit


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        (
            RANK,
            OBJECT + "spec: {predictor: {minReplicas: [1]}}\n",
            f"{RANK}: spec.predictor.minReplicas must be a whole number",
        ),
        (RANK, OBJECT + "spec: -1\n", f"{RANK}: spec must be a map"),
        (
            RANK,
            OBJECT + "spec: {predictor: {containers: {a: b}}}\n",
            f"{RANK}: spec.predictor.containers must be a list of maps",
        ),
        (
            RANK,
            OBJECT + "spec: {predictor: {tolerations: [x]}}\n",
            f"{RANK}: spec.predictor.tolerations must be a list of maps",
        ),
        (RANK, OBJECT.replace("{name: rank}", "{name: [rank]}"), f"{RANK}: metadata.name must be text"),
        (RANK, OBJECT.replace("rank", "rank, labels: {a: [b]}"), f"{RANK}: metadata.labels must be a map of strings"),
    ],
)
def test_a_value_of_another_kind_is_said(path: str, content: str, said: str, made: Repository) -> None:
    commit = committed(made, path, content)
    done = modelfleet(made.root, "plan", "--against", "main")
    wanted = (
        f"modelfleet: plan: {said}, as committed at {commit[:12]}; correct it there, or compare with another revision\n"
    )
    assert (done.code, done.out, done.err.endswith(wanted)) == (5, "", True), done.err


def bomb() -> str:
    lines = ["a0: &a0 [x, x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 20))]
    return OBJECT + "spec:\n" + "".join(f"  {line}\n" for line in lines)


UNREADABLE = {
    "open lists": "[" * 30_000,
    "open maps": "{a: " * 30_000,
    "nested lists": "- " * 30_000,
    "nested keys": "? " * 30_000,
    "lists in lists": "[" * 5_000 + "]" * 5_000,
    "maps in maps": "\n".join(" " * n + "a:" for n in range(900)),
    "aliases": bomb(),
    "infinity": "a: .inf\n",
    "a key twice": "a: 1\na: 2\n",
    "a tag": "a: !!int x\n",
    "NUL": "\x00",
    "an open map": "{",
}


# By name: pytest puts the name of a test into the environment, which has no room for long ones.
@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("path", [RANK, KUSTOMIZATION, "environments/prod/argocd/appproject-models-prod.yaml"])
def test_what_cannot_be_read_is_said_at_once(content: str, path: str, made: Repository) -> None:
    committed(made, path, content)
    begun = time.monotonic()
    done = modelfleet(made.root, "plan", "--against", "main")
    assert time.monotonic() - begun < 20
    assert (done.code, done.out, path in done.err.splitlines()[-1]) == (5, "", True), done.err


def test_a_file_that_is_too_large_is_not_read(made: Repository) -> None:
    commit = committed(made, RANK, OBJECT + "#" * (5 << 20))
    done = modelfleet(made.root, "plan", "--against", "main")
    said = (
        f"modelfleet: plan: {RANK} has {len(OBJECT) + (5 << 20):,} bytes, as committed at {commit[:12]}, "
        "and 4 MiB is the limit; "
        "compare with another revision: --against\n"
    )
    assert (done.code, done.out, done.err.splitlines()[-1] + "\n") == (5, "", said)


def test_a_pattern_that_takes_without_end_is_not_tried(made: Repository) -> None:
    patch = "- op: add\n  path: /metadata/labels\n  value: {a: b}\n"
    made.write("environments/prod/chat/patch-x.yaml", patch)
    text = made.read(KUSTOMIZATION) + 'patches:\n- path: patch-x.yaml\n  target: {name: "(a|a)*(a|a)*(a|a)*b"}\n'
    committed(made, KUSTOMIZATION, text)
    begun = time.monotonic()
    done = modelfleet(made.root, "plan", "--against", "main")
    assert (done.code in (0, 5), time.monotonic() - begun < 20) == (True, True)


def test_keys_that_are_numbers_are_text(made: Repository) -> None:
    committed(made, RANK, made.read(RANK).replace("metadata:\n", "metadata:\n  annotations: {8080: x}\n", 1))
    done = modelfleet(made.root, "plan", "--against", "main")
    assert done.code in (0, 5)
    assert "bug" not in done.err


# ---- shapes ----------------------------------------------------------------------------------------------------------

RIGHT = {
    "apiVersion": "v1", "kind": "Pod",
    "metadata": {"name": "x", "labels": {"env": "prod", "replicas": "3"}},
    "spec": {"rules": [{"resources": ["pods"]}], "parallelism": {"data": 2}, "unknown": {"anything": [1]}, "env": [],
             "replicas": 0},
}  # fmt: skip


def test_what_is_right_or_not_known_is_left_alone() -> None:
    assert wrong_shape(RIGHT) is None
    assert wrong_shape({**RIGHT, "kind": "ClusterQueue", "spec": {"resources": []}}) is None
    secrets = {**RIGHT, "kind": "ExternalSecret", "spec": {"data": [{"secretKey": "a"}]}}
    assert wrong_shape(secrets) is None
    assert wrong_shape({**secrets, "kind": "Secret"}) == (("spec", "data"), "a map of strings")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"metadata": None}, (("metadata",), "a map")),
        ({"metadata": {"name": ""}}, (("metadata", "name"), "text")),
        ({"kind": ["Pod"]}, (("kind",), "text")),
        ({"spec": {"resources": []}}, (("spec", "resources"), "a map")),
        ({"spec": {"containers": [{"args": [1]}]}}, (("spec", "containers", 0, "args"), "a list of strings")),
        ({"spec": {"replicas": True}}, (("spec", "replicas"), "a whole number")),
        ({"spec": {"multiModel": "yes"}}, (("spec", "multiModel"), "true or false")),
    ],
)
def test_what_is_of_another_kind_is_found(change: dict[str, object], found: object) -> None:
    assert wrong_shape({**RIGHT, **change}) == found


def test_a_cluster_drops_what_is_null() -> None:
    assert without_nulls({"a": None, "b": [{"c": None}, None]}) == {"b": [{}, None]}


def test_a_field_has_one_shape() -> None:
    data = packaged_data("shapes")
    excepted, kinds = data.pop("except"), data.pop("kinds")
    assert len(kinds) == len(set(kinds))
    fields = [field for listed in data.values() for field in listed]
    assert set(data) == {"text", "map", "maps", "texts", "number", "truth", "textMap"}
    assert len(fields) == len(set(fields))
    assert {field for listed in excepted.values() for field in listed} <= set(fields)


def test_what_is_rendered_has_these_shapes() -> None:
    trees = [REPOSITORY / "environments", *(REPOSITORY / "tests/golden/releases").glob("*")]
    files = [path for tree in trees for path in sorted(tree.rglob("*.yaml")) if path.parent.parent != tree.parent]
    objects = [(path, item) for path in files for item in yaml_documents(path.read_bytes()) if is_object(item)]
    assert len(objects) > 100
    assert [(path, wrong_shape(item)) for path, item in objects if wrong_shape(item)] == []


def is_object(item: object) -> bool:
    return isinstance(item, dict) and "kind" in item and isinstance(item.get("metadata"), dict)
