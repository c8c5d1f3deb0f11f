"""A fleet in parts: shards and the last step together tell, write and decide what one run on one machine does."""

from __future__ import annotations

import gzip
import json
import random
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench import fleet as fleets
from console import SPEC, Ran, miniature, modelfleet, tree, write
from modelfleet.pipeline.shards import Shard, projects_of
from modelfleet.tools.install import Tool
from plan_repository import repository

Name = str

MODELS = SPEC.replace("environments: {prod: {}}", "environments: {prod: {}, test: {}}")
SECOND = "  second:\n    runtime: onnx-server\n    size: Small\n    location: {connection: store, path: second}\n"
NAMES = ("acme", "bolt", "cord", "dune", "echo")


def spec(name: Name, text: str = MODELS, path: str = "") -> str:
    return text.replace("namespace: acme-ml", f"namespace: {name}-ml").replace("path: ranker", f"path: {path or name}")


START: Mapping[str, str] = {f"projects/{name}.yaml": spec(name) for name in NAMES}
LARGE = {"projects/cord.yaml": spec("cord").replace("models:\n", f"models:\n{SECOND}")}
WARNED = {"projects/dune.yaml": spec("dune").replace("    size: Small\n", "    size: Small\n    route: true\n")}
NEIGHBOUR = {"projects/echo.yaml": spec("echo", path="acm")}
WRONG = {"projects/bolt.yaml": spec("bolt").replace("Small", "Smal")}
BROKEN = {"projects/echo.yaml": spec("echo").replace("version: 1\n", "version: 1: 2\n")}
STOLEN = {"projects/echo.yaml": spec("echo").replace("echo-ml", "acme-ml")}
SHARED = {"environments/test.yaml": "version: 1\nrelase: rhoai-2.25\n"}

BESIDE = {
    "objects/acme/note.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: note}\ndata: {word: one}\n",
    "objects/dune/note.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: note}\ndata: {word: 1}\n",
}
OLD_ARGOCD = {"environments/old.yaml": "version: 1\nrelease: rhoai-2.25\n"}

FLEETS: Mapping[str, Mapping[str, str]] = {
    "in order": {},
    "one larger": LARGE,
    "a warning": WARNED,
    "paths that begin alike": NEIGHBOUR,
    "all of these": {**LARGE, **WARNED, **NEIGHBOUR},
    "a size that is not offered": {**WARNED, **WRONG},
    "what is not YAML": BROKEN,
    "a namespace of two": STOLEN,
    "an environment that is wrong": SHARED,
    "objects beside, of which one is wrong": BESIDE,
    "an environment in which facts are missing": OLD_ARGOCD,
}


def lines(*runs: Ran) -> Counter[str]:
    """The findings that runs told."""
    return Counter(line for ran in runs for line in ran.err.splitlines() if ": error[" in line or ": warning[" in line)


def in_parts(root: Path, folder: Path, of: int, *words: str) -> tuple[list[Ran], Ran]:
    """The shards of a command, and the step that joins them."""
    shards = [
        modelfleet(root, *words, "--shard", f"{number}/{of}", "--parts", str(folder)) for number in range(1, of + 1)
    ]
    return shards, modelfleet(root, *words, "--parts", str(folder))


def test_each_project_is_in_one_shard_and_shards_are_alike() -> None:
    chance = random.Random(1)
    for of in (1, 2, 3, 8):
        sizes = {f"project-{number}": chance.randrange(1, 5000) for number in range(40)}
        shards = [projects_of(Shard(number, of), sizes) for number in range(1, of + 1)]
        assert sorted(name for own in shards for name in own) == sorted(sizes)
        loads = [sum(sizes[name] for name in own) for own in shards]
        assert max(loads) - min(loads) <= max(sizes.values())


def test_a_shard_is_settled_by_sizes_alone() -> None:
    assert projects_of(Shard(1, 2), {"a": 3, "b": 2, "c": 2}) == {"a"}
    assert projects_of(Shard(2, 2), {"a": 3, "b": 2, "c": 2}) == {"b", "c"}
    assert projects_of(Shard(3, 3), {"a": 3}) == frozenset()


@pytest.mark.parametrize("of", [1, 2, 7])
@pytest.mark.parametrize("name", FLEETS)
def test_a_check_in_parts_tells_each_finding_once_and_ends_as_the_whole_does(
    tmp_path: Path, name: str, of: int
) -> None:
    root = miniature(tmp_path / "root", {**START, **FLEETS[name]})
    whole = modelfleet(root, "check")
    shards, joined = in_parts(root, tmp_path / "parts", of, "check")
    assert joined.code == whole.code
    assert lines(*shards, joined) == lines(whole)
    if whole.code == 0:
        assert joined.out == whole.out
        assert {shard.code for shard in shards} == {0}


@pytest.mark.parametrize("name", ["in order", "all of these"])
def test_trees_that_shards_write_are_the_tree_that_one_run_writes(tmp_path: Path, name: str) -> None:
    root = miniature(tmp_path / "root", {**START, **FLEETS[name]})
    other = tmp_path / "other"
    shutil.copytree(root, other)
    leftover = {"environments/prod/gone/serviceaccount-a.yaml": "# mine\n"}
    for place in (root, other):
        assert modelfleet(write(place, {"projects/gone.yaml": spec("gone")}), "render").code == 0
        (place / "projects/gone.yaml").unlink()
        write(place, {"projects/acme.yaml": spec("acme").replace("Acme assistants", "Helpers")})
    assert leftover.keys().isdisjoint(tree(root))
    assert modelfleet(root, "render").code == 0
    drifted, found = in_parts(other, tmp_path / "drift", 3, "render", "--check")
    assert (found.code, sorted(shard.code for shard in drifted)) == (3, [0, 0, 3])
    assert "environments/prod/gone" in found.out and "environments/prod/acme" not in found.out
    shards, joined = in_parts(other, tmp_path / "parts", 3, "render")
    assert {ran.code for ran in (*shards, joined)} == {0}
    assert tree(other) == tree(root)
    checked, last = in_parts(other, tmp_path / "checked", 3, "render", "--check")
    assert {ran.code for ran in (*checked, last)} == {0}


def test_a_shard_that_warns_ends_a_strict_check_with_its_code(tmp_path: Path) -> None:
    root = miniature(tmp_path / "root", {**START, **WARNED})
    shards, joined = in_parts(root, tmp_path / "parts", 2, "check", "--strict")
    assert (sorted(shard.code for shard in shards), joined.code) == ([0, 1], 1)
    assert joined.code == modelfleet(root, "check", "--strict").code


def test_all_overlays_are_verified_in_parts(tmp_path: Path, real_tools: Mapping[str, Tool]) -> None:
    root = miniature(tmp_path / "root", START)
    assert modelfleet(root, "render").code == 0
    shards, joined = in_parts(root, tmp_path / "parts", 2, "verify", "--no-cache")
    whole = modelfleet(root, "verify", "--no-cache")
    assert {ran.code for ran in (*shards, joined, whole)} == {0}
    assert joined.out == whole.out
    assert shards[0].out.startswith("shard 1 of 2: verified 6 overlays with ")


# ---- what is refused


def test_what_is_not_a_shard_is_a_wrong_call(tmp_path: Path) -> None:
    root = miniature(tmp_path / "root", START)
    for wrong in ("0/2", "3/2", "1", "1/", "a/b", "1/1000", "-1/2"):
        ran = modelfleet(root, "check", f"--shard={wrong}")
        said = f"modelfleet: Invalid value for '--shard': '{wrong}' is not a shard: write 3/8 for the third of eight, at most 256\n"
        assert ran == (2, "", said)
    assert modelfleet(root, "check", "--shard", "1/2", "--project", "acme") == (
        2,
        "",
        "modelfleet: --project cannot be combined with --shard and --parts: which projects a shard has is settled\n",
    )


def test_parts_that_are_missing_or_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    root, parts = miniature(tmp_path / "root", START), tmp_path / "parts"
    call = ("check", "--parts", str(parts))
    said = f"modelfleet: there is no part of `check` in {parts}; `modelfleet check --shard I/N --parts {parts}` leaves one\n"
    assert modelfleet(root, *call) == (5, "", said)
    modelfleet(root, "check", "--shard", "2/3", "--parts", str(parts))
    said = f"modelfleet: part 1 of 3, part 3 of 3 are not in {parts}; run the shards that are missing\n"
    assert modelfleet(root, *call) == (5, "", said)
    for number in (1, 3):
        modelfleet(root, "check", "--shard", f"{number}/3", "--parts", str(parts))
    assert modelfleet(root, *call).code == 0
    write(root, {"projects/acme.yaml": spec("acme") + "# changed\n"})
    said = f"modelfleet: the parts in {parts} were not made from these files by this version; run all shards again\n"
    assert modelfleet(root, *call) == (5, "", said)
    modelfleet(root, "check", "--shard", "1/3", "--parts", str(parts))
    said = f"modelfleet: the parts in {parts} do not belong together; run all shards on the same files, into an empty folder\n"
    assert modelfleet(root, *call) == (5, "", said)


@pytest.mark.parametrize(
    "content",
    [b"", b"text", gzip.compress(b"{}\n"), gzip.compress(b"[1]\n"), gzip.compress(b"x\n")],
    ids=["empty", "text", "an empty object", "a list", "packed text"],
)
def test_a_part_that_is_damaged_is_refused(tmp_path: Path, content: bytes) -> None:
    root, parts = miniature(tmp_path / "root", START), tmp_path / "parts"
    modelfleet(root, "check", "--shard", "1/1", "--parts", str(parts))
    (path,) = parts.iterdir()
    path.write_bytes(content)
    said = f"modelfleet: {path} is not the part of a shard, or is damaged; run its shard again\n"
    assert modelfleet(root, "check", "--parts", str(parts)) == (5, "", said)


def test_a_part_of_another_version_is_refused(tmp_path: Path) -> None:
    root, parts = miniature(tmp_path / "root", START), tmp_path / "parts"
    modelfleet(root, "check", "--shard", "1/1", "--parts", str(parts))
    (path,) = parts.iterdir()
    head, *rest = gzip.decompress(path.read_bytes()).split(b"\n")
    path.write_bytes(gzip.compress(b"\n".join([json.dumps({**json.loads(head), "format": 0}).encode(), *rest])))
    said = f"modelfleet: {path} was left by another version of modelfleet; run its shard again\n"
    assert modelfleet(root, "check", "--parts", str(parts)) == (5, "", said)


def test_the_plan_of_all_parts_is_that_of_one_run(tmp_path: Path) -> None:
    made = repository(tmp_path / "made")
    root = made.root
    changed = sorted((root / "projects").iterdir())[0]
    changed.write_text(changed.read_text().replace("displayName: ", "displayName: New "))
    assert modelfleet(root, "render").code == 0
    for form in ("markdown", "json", "text"):
        shards, joined = in_parts(root, tmp_path / form, 2, "plan", "--format", form, "--against", "HEAD")
        assert {shard.code for shard in shards} == {0}
        assert joined == modelfleet(root, "plan", "--format", form, "--against", "HEAD")


def test_what_is_at_hand_on_a_machine_does_not_tell_parts_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, parts = miniature(tmp_path / "root", {**START, **BESIDE}), tmp_path / "parts"
    (root / "objects/dune/note.yaml").unlink()
    for number in (1, 2):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / f"cache-{number}"))
        (tmp_path / f"cache-{number}/modelfleet/schemas/core-{number}").mkdir(parents=True)
        assert modelfleet(root, "check", "--shard", f"{number}/2", "--parts", str(parts)).code == 0
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert modelfleet(root, "check", "--parts", str(parts)) == modelfleet(root, "check")


def test_a_warning_about_what_all_share_is_told_and_counted_once(tmp_path: Path) -> None:
    root = tmp_path / "root"
    fleets.write_fleet(root, 20)
    for path in (root / "projects").iterdir():
        path.write_text(path.read_text().replace("    route: true\n    tokens: [ci]\n", ""))
    whole = modelfleet(root, "check", "--strict")
    shards, joined = in_parts(root, tmp_path / "parts", 2, "check", "--strict")
    assert sum(lines(whole).values()) == 1
    assert lines(*shards, joined) == lines(whole)
    assert ([shard.code for shard in shards], joined.code) == ([1, 0], 1)
