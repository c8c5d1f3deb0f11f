from __future__ import annotations

import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

import modelfleet
from console import TESTS
from modelfleet.finding import MachineFailed, Rejected
from modelfleet.layout import Scope
from modelfleet.tree.compare import Changes, compare_tree, current
from modelfleet.tree.conflicts import conflicts
from modelfleet.tree.lock import WriteOptions
from modelfleet.tree.seal import seal_state, sealed
from modelfleet.tree.write import recover, unfinished, write

CHILD = [sys.executable, str(TESTS / "support" / "write_child.py")]
CHILD_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": str(Path(modelfleet.__file__).parents[1]),
    "PYTHONDONTWRITEBYTECODE": "1",
}
HALF_WRITTEN = "environments/ is partly written: a run was interrupted; `modelfleet render` finishes it"
AS_BEFORE = "the generated folders are unchanged"
NOTHING = Changes(added=(), changed=(), removed=(), unchanged=0, foreign=(), edited=(), links=(), blocked=(), before={})


def text(body: str) -> str:
    return sealed("projects/acme.yaml", f"{body}\n")


OLD = {
    "environments/base/acme/deployment.yaml": text("replicas: 1"),
    "environments/base/acme/kustomization.yaml": text("resources: [deployment.yaml]"),
    "environments/gone/acme/kustomization.yaml": text("resources: []"),
    "environments/prod/acme/kustomization.yaml": text("resources: [../../base/acme]"),
    "environments/prod/acme/patch-deployment.yaml": text("- op: test"),
    "environments/prod/gone/kustomization.yaml": text("resources: []"),
}
NEW = {
    "environments/base/acme/deployment.yaml": text("replicas: 2"),
    "environments/base/acme/kustomization.yaml": OLD["environments/base/acme/kustomization.yaml"],
    "environments/prod/acme/extra.yaml": text("extra: true"),
    "environments/prod/acme/kustomization.yaml": text("resources: [extra.yaml]"),
    "environments/prod/shop/deployment.yaml": text("replicas: 3"),
    "environments/prod/shop/kustomization.yaml": text("resources: [deployment.yaml]"),
    "environments/test/acme/kustomization.yaml": text("resources: []"),
}
WORDS = {  # what must be said of a file, by what is wrong with it
    "foreign": "modelfleet did not write this file, and the folder is generated",
    "in the way": "modelfleet did not write this file, and it is in the place of a generated one",
    "edited": "edited by hand or merged since it was generated",
    "edited, stale": "edited by hand or merged since it was generated, and it is no longer generated",
    "link": "a symbolic link among the generated files, which is neither followed nor replaced; remove it",
    "blocked": "it is in the place of a generated file or folder; move it away",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return made(tmp_path / "root", OLD)


def made(root: Path, files: Mapping[str, str]) -> Path:
    """A repository that holds these files."""
    (root / "environments").mkdir(parents=True)
    (root / "environments/prod.yaml").write_text("version: 1\n", encoding="utf-8")
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, encoding="utf-8")
    return root


def tree(root: Path) -> dict[str, str]:
    """Every path below the root that is not hidden, with what a file holds; folders end with a slash."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if not any(step.startswith(".modelfleet") for step in name.split("/")):
            found[name + "/" * path.is_dir()] = path.read_text(encoding="utf-8") if path.is_file() else ""
    return found


def as_tree(files: Mapping[str, str]) -> dict[str, str]:
    """What `tree` must find after these files were written to a repository of `made`."""
    parents = {str(parent) for path in files for parent in Path(path).parents if str(parent) != "."}
    folders = {f"{parent}/": "" for parent in parents} | {"environments/": ""}
    return dict(sorted((folders | dict(files) | {"environments/prod.yaml": "version: 1\n"}).items(), key=by_path))


def by_path(item: tuple[str, str]) -> tuple[str, ...]:
    return tuple(item[0].split("/"))


def hidden(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "environments").iterdir() if path.name.startswith("."))


def said(changes: Changes, *, overwrite: bool = False) -> list[str]:
    return [finding.text() for finding in conflicts(changes, overwrite=overwrite)]


def refused(root: Path, files: Mapping[str, str], *, overwrite: bool = False) -> list[str]:
    """What a refused run says; nothing may have been written."""
    before = tree(root)
    with pytest.raises(Rejected) as caught:
        write(root, files, Scope(), overwrite=overwrite)
    assert (tree(root), hidden(root)) == (before, [])
    assert all(finding.policy for finding in caught.value.findings if finding.severity == "error")
    return [finding.text() for finding in caught.value.findings]


# ---- the seal


def test_seal_names_the_sources_and_holds_the_checksum_of_the_rest() -> None:
    assert sealed("projects/acme.yaml and environments/prod.yaml", "kind: Secret\n") == (
        "# Generated from projects/acme.yaml and environments/prod.yaml: edit those, then `modelfleet render`. "
        "sha256:ef05408c11b5b821\nkind: Secret\n"
    )


@pytest.mark.parametrize("sources", ["", "projects/a\n.yaml", "projects/\x1b.yaml"])
def test_seal_needs_sources_that_fit_in_a_line(sources: str) -> None:
    with pytest.raises(ValueError, match="cannot name the sources in one line"):
        sealed(sources, "")


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (text("a: 1"), "ours"),
        (text("a: é"), "ours"),
        (sealed("x", ""), "ours"),
        (text("a: 1").replace("a: 1", "a: 2"), "edited"),
        (text("a: 1") + "b: 2\n", "edited"),
        (text("a: 1").replace("\n", "\r\n"), "edited"),
        (text("a: 1").replace("sha256:", "sha256: "), "edited"),
        ("# a note\n" + text("a: 1"), "edited"),
        ("<<<<<<< HEAD\n" + text("a: 1"), "edited"),
        (text("a: 1").partition("\n")[2], "foreign"),
        ("# Generated from a template\na: 1\n", "foreign"),
        ("see # Generated from x: edit those, then `modelfleet render`\n", "foreign"),
        ("", "foreign"),
    ],
)
def test_seal_state(content: str, state: str) -> None:
    assert seal_state(content.encode()) == state


# ---- comparing


def test_compare_tells_what_is_to_be_done(root: Path) -> None:
    changes = compare_tree(root, NEW, Scope())
    assert changes == Changes(
        added=(
            "environments/prod/acme/extra.yaml",
            "environments/prod/shop/deployment.yaml",
            "environments/prod/shop/kustomization.yaml",
            "environments/test/acme/kustomization.yaml",
        ),
        changed=("environments/base/acme/deployment.yaml", "environments/prod/acme/kustomization.yaml"),
        removed=(
            "environments/gone/acme/kustomization.yaml",
            "environments/prod/acme/patch-deployment.yaml",
            "environments/prod/gone/kustomization.yaml",
        ),
        unchanged=1,
        foreign=(),
        edited=(),
        links=(),
        blocked=(),
        before=changes.before,
    )
    assert sorted(changes.before) == sorted([*changes.changed, *changes.removed])
    assert changes.writes
    assert said(changes) == []


def test_compare_finds_nothing_to_do_where_nothing_differs(root: Path) -> None:
    changes = compare_tree(root, OLD, Scope())
    assert changes == replace(NOTHING, unchanged=6)
    assert not changes.writes


def test_compare_takes_a_missing_folder_for_an_empty_one(tmp_path: Path) -> None:
    assert compare_tree(tmp_path, NEW, Scope()) == replace(NOTHING, added=tuple(sorted(NEW)))


def test_compare_needs_a_root(tmp_path: Path) -> None:
    with pytest.raises(MachineFailed) as caught:
        compare_tree(tmp_path / "nowhere", {}, Scope())
    assert str(caught.value) == f"No such file or directory: {tmp_path}/nowhere; nothing was written"


@pytest.mark.parametrize(
    "path",
    [
        "environments/prod/kustomization.yaml",
        "environments/prod/../../projects/acme.yaml",
        "environments/prod/acme/.hidden",
        "environments/prod/acme/Upper.yaml",
        "environments/prod/acme//kustomization.yaml",
        "environments/prod/acme/kustomization.yaml\n",
        "/environments/prod/acme/kustomization.yaml",
        "projects/prod/acme/kustomization.yaml",
    ],
)
def test_compare_refuses_paths_outside_of_the_generated_folders(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="not the path or not the text of a generated file"):
        compare_tree(tmp_path, {path: text("a: 1")}, Scope())


def test_compare_refuses_a_text_without_a_seal(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not the path or not the text of a generated file"):
        compare_tree(tmp_path, {"environments/prod/acme/a.yaml": "a: 1\n"}, Scope())


@pytest.mark.parametrize(
    ("scope", "removed"),
    [
        (Scope(), ["gone/acme", "prod/acme", "prod/gone"]),
        (Scope(environments=frozenset({"prod"})), ["prod/acme", "prod/gone"]),
        (Scope(projects=frozenset({"acme"})), ["gone/acme", "prod/acme"]),
        (Scope(environments=frozenset({"prod"}), projects=frozenset({"acme"})), ["prod/acme"]),
        (Scope(environments=frozenset()), []),
    ],
)
def test_scope_limits_what_is_looked_at(root: Path, scope: Scope, removed: list[str]) -> None:
    for folder in ("gone/acme", "prod/acme", "prod/gone"):
        (root / "environments" / folder / "notes.txt").write_text("mine\n", encoding="utf-8")
    changes = compare_tree(root, NEW, scope)
    assert sorted({"/".join(path.split("/")[1:3]) for path in changes.removed}) == removed
    assert list(changes.foreign) == [f"environments/{folder}/notes.txt" for folder in removed]
    assert all(scope.owns(path.split("/")[1:3]) for path in (*changes.added, *changes.changed))


def test_scope_limits_what_is_written(root: Path) -> None:
    write(root, NEW, Scope(environments=frozenset({"prod"}), projects=frozenset({"acme", "shop"})))
    outside = {path: content for path, content in OLD.items() if not path.startswith("environments/prod/acme/")}
    inside = {path: content for path, content in NEW.items() if path.startswith("environments/prod/")}
    assert tree(root) == as_tree(outside | inside)


def test_current_gives_the_text_as_it_is(root: Path) -> None:
    path = "environments/base/acme/deployment.yaml"
    assert current(root, path) == OLD[path]
    assert current(root, "environments/prod/acme/extra.yaml") == ""
    assert current(root, "environments/test/acme/kustomization.yaml") == ""


# ---- what is in the way


def test_foreign_file_is_refused_and_with_overwrite_left_where_it_is(root: Path) -> None:
    (root / "environments/prod/acme/notes.txt").write_text("mine\n", encoding="utf-8")
    at = "environments/prod/acme/notes.txt:1:1"
    assert refused(root, NEW) == [
        f"{at}: error[OUT003]: {WORDS['foreign']}; "
        "move it away, or run `modelfleet render --overwrite`, which leaves it there"
    ]
    changes = write(root, NEW, Scope(), overwrite=True)
    assert said(changes, overwrite=True) == [f"{at}: warning[OUT003]: {WORDS['foreign']}; left as it is"]
    assert tree(root) == as_tree(NEW | {"environments/prod/acme/notes.txt": "mine\n"})


@pytest.mark.parametrize("folder", ["acme/old", "evil", "argocd"])
def test_a_file_that_argo_cd_takes_for_an_application_is_refused_whatever_is_asked_for(root: Path, folder: str) -> None:
    place = root / "environments/prod" / folder
    place.mkdir(exist_ok=True)
    (place / "modelfleet-application.yaml").write_text("project: acme\n", encoding="utf-8")
    message = (
        f"environments/prod/{folder}/modelfleet-application.yaml:1:1: error[OUT005]: modelfleet did not write "
        "this file, and Argo CD would create another Application from it; move or remove it"
    )
    assert refused(root, NEW) == [message]
    assert refused(root, NEW, overwrite=True) == [message]


@pytest.mark.parametrize("name", [".argocd-source.yaml", "kustomization.yaml~", "Copy of kustomization.yaml"])
def test_file_with_a_name_that_is_never_written_is_foreign_whatever_it_holds(root: Path, name: str) -> None:
    (root / "environments/prod/acme" / name).write_text(text("a: 1"), encoding="utf-8")
    assert compare_tree(root, OLD, Scope()) == replace(
        NOTHING, unchanged=6, foreign=(f"environments/prod/acme/{name}",)
    )


def test_foreign_file_in_a_stale_folder_keeps_the_folder(root: Path) -> None:
    (root / "environments/gone/acme/notes.txt").write_text("mine\n", encoding="utf-8")
    assert len(refused(root, NEW)) == 1
    write(root, NEW, Scope(), overwrite=True)
    assert tree(root) == as_tree(NEW | {"environments/gone/acme/notes.txt": "mine\n"})


def test_files_in_folders_within_generated_folders_are_foreign(root: Path) -> None:
    made(root / "environments/prod/acme/node_modules", {"deep/er/notes.txt": "mine\n"})
    assert compare_tree(root, OLD, Scope()).foreign == (
        "environments/prod/acme/node_modules/deep/er/notes.txt",
        "environments/prod/acme/node_modules/environments/prod.yaml",
    )


def test_foreign_file_in_the_way_is_replaced_with_overwrite_only(root: Path) -> None:
    (root / "environments/prod/acme/extra.yaml").write_text("mine: true\n", encoding="utf-8")
    at = "environments/prod/acme/extra.yaml:1:1"
    assert refused(root, NEW) == [
        f"{at}: error[OUT003]: {WORDS['in the way']}; move it away, or `modelfleet render --overwrite` replaces it"
    ]
    changes = write(root, NEW, Scope(), overwrite=True)
    assert said(changes, overwrite=True) == [f"{at}: warning[OUT003]: {WORDS['in the way']}; replaced"]
    assert tree(root) == as_tree(NEW)


def test_what_lies_beside_the_generated_folders_is_nobodys_business(root: Path) -> None:
    beside = {
        "environments/README.md": "mine\n",
        "environments/prod/README.md": "mine\n",
        "environments/prod/.cache/notes.txt": "mine\n",
        "environments/.cache/prod/acme/notes.txt": "mine\n",
    }
    for path, content in beside.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, encoding="utf-8")
    write(root, NEW, Scope())
    assert tree(root) == as_tree(NEW | beside)


@pytest.mark.parametrize("files", [OLD, NEW], ids=["otherwise unchanged", "changed too"])
def test_edited_file_is_refused_and_replaced_with_overwrite_only(root: Path, files: Mapping[str, str]) -> None:
    path = "environments/prod/acme/kustomization.yaml"
    (root / path).write_text(OLD[path] + "# mine\n", encoding="utf-8")
    assert refused(root, files) == [
        f"{path}:1:1: error[OUT004]: {WORDS['edited']}; "
        "make the change in the files that its first line names, then `modelfleet render --overwrite` replaces it"
    ]
    changes = write(root, files, Scope(), overwrite=True)
    assert said(changes, overwrite=True) == [f"{path}:1:1: warning[OUT004]: {WORDS['edited']}; replaced"]
    assert tree(root) == as_tree(files)


def test_edited_file_that_nothing_generates_is_removed_with_overwrite_only(root: Path) -> None:
    path = "environments/gone/acme/kustomization.yaml"
    (root / path).write_text(OLD[path] + "# mine\n", encoding="utf-8")
    assert refused(root, NEW) == [
        f"{path}:1:1: error[OUT004]: {WORDS['edited, stale']}; "
        "move it away, or `modelfleet render --overwrite` removes it"
    ]
    changes = write(root, NEW, Scope(), overwrite=True)
    assert said(changes, overwrite=True) == [f"{path}:1:1: warning[OUT004]: {WORDS['edited, stale']}; removed"]
    assert tree(root) == as_tree(NEW)


def test_stale_copy_of_a_generated_file_is_removed(root: Path) -> None:
    shutil.copy(root / "environments/prod/acme/kustomization.yaml", root / "environments/prod/acme/copy.yaml")
    assert write(root, OLD, Scope()).removed == ("environments/prod/acme/copy.yaml",)
    assert tree(root) == as_tree(OLD)


def test_file_that_is_as_it_is_to_be_is_fine_even_if_someone_else_wrote_it(root: Path) -> None:
    path = "environments/prod/acme/extra.yaml"
    (root / path).write_text(NEW[path], encoding="utf-8")
    changes = compare_tree(root, NEW, Scope())
    assert (changes.unchanged, path in changes.added, said(changes)) == (2, False, [])


def test_huge_foreign_file_is_not_read_through(root: Path) -> None:
    with (root / "environments/prod/acme/weights.bin").open("wb") as file:
        file.truncate(1 << 34)
    assert compare_tree(root, OLD, Scope()).foreign == ("environments/prod/acme/weights.bin",)


def test_name_that_is_not_utf8_is_named(root: Path) -> None:
    Path(os.fsdecode(bytes(root) + b"/environments/prod/acme/x\xff\n.yaml")).write_text("mine\n", encoding="utf-8")
    assert [line.partition(" ")[0] for line in refused(root, NEW)] == [
        "environments/prod/acme/x\\udcff\\u000a.yaml:1:1:"
    ]


@pytest.mark.parametrize(
    "path",
    [
        "environments/prod",
        "environments/prod/acme",
        "environments/prod/acme/kustomization.yaml",
        "environments/prod/acme/patch-deployment.yaml",
        "environments/gone",
        "environments/gone/acme",
    ],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_symbolic_link_is_never_followed_or_replaced(root: Path, path: str, overwrite: bool) -> None:
    outside = root.parent / "outside"
    (root / path).rename(outside)
    (root / path).symlink_to(outside)
    before = tree(outside) if outside.is_dir() else outside.read_text(encoding="utf-8")
    assert refused(root, NEW, overwrite=overwrite) == [f"{path}:1:1: error[OUT001]: {WORDS['link']}"]
    assert before == (tree(outside) if outside.is_dir() else outside.read_text(encoding="utf-8"))


def test_symbolic_link_that_leads_nowhere_is_named(root: Path) -> None:
    (root / "environments/prod/acme/extra.yaml").symlink_to("nowhere")
    assert refused(root, NEW) == [f"environments/prod/acme/extra.yaml:1:1: error[OUT001]: {WORDS['link']}"]


def test_folder_of_all_environments_may_be_no_link(root: Path) -> None:
    (root / "environments").rename(root / "elsewhere")
    (root / "environments").symlink_to("elsewhere")
    assert refused(root, NEW) == [f"environments:1:1: error[OUT001]: {WORDS['link']}"]
    assert not recover(root)


def test_links_among_the_hand_written_files_are_left_to_the_reader(root: Path) -> None:
    (root / "environments/test.yaml").symlink_to("prod.yaml")
    assert said(compare_tree(root, NEW, Scope())) == []


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("path", ["environments/test", "environments/test/acme"])
def test_file_where_a_folder_belongs_is_refused(root: Path, path: str, overwrite: bool) -> None:
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_text(text("a: 1"), encoding="utf-8")
    assert refused(root, NEW, overwrite=overwrite) == [f"{path}:1:1: error[OUT002]: {WORDS['blocked']}"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_folder_where_a_file_belongs_is_refused(root: Path, overwrite: bool) -> None:
    (root / "environments/prod/acme/extra.yaml").mkdir()
    assert refused(root, NEW, overwrite=overwrite) == [
        f"environments/prod/acme/extra.yaml:1:1: error[OUT002]: {WORDS['blocked']}"
    ]


def test_fifo_is_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "environments/prod/acme/extra.yaml")
    os.mkfifo(root / "environments/prod/acme/fifo")
    changes = compare_tree(root, NEW, Scope())
    assert changes.blocked == ("environments/prod/acme/extra.yaml",)
    assert changes.foreign == ("environments/prod/acme/fifo",)


# ---- writing


def test_write_makes_the_tree_and_leaves_nothing_else(root: Path) -> None:
    expected = compare_tree(root, NEW, Scope())
    assert write(root, NEW, Scope()) == expected
    assert (tree(root), hidden(root)) == (as_tree(NEW), [])


def test_first_write_makes_all_folders(tmp_path: Path) -> None:
    root = made(tmp_path / "root", {})
    write(root, NEW, Scope())
    assert (tree(root), hidden(root)) == (as_tree(NEW), [])


def test_modes_do_not_depend_on_the_umask(root: Path) -> None:
    before = os.umask(0o077)
    try:
        write(root, NEW, Scope())
    finally:
        os.umask(before)
    written = {path: content for path, content in NEW.items() if OLD.get(path) != content}
    assert {stat.S_IMODE((root / path).stat().st_mode) for path in written} == {0o644}
    made_folders = ("environments/prod/shop", "environments/test", "environments/test/acme")
    assert {stat.S_IMODE((root / path).stat().st_mode) for path in made_folders} == {0o755}


def test_second_run_touches_nothing(root: Path) -> None:
    write(root, NEW, Scope())
    before = {path: path.lstat() for path in root.rglob("*")}
    steps: list[str] = []
    assert write(root, NEW, Scope(), WriteOptions(step=steps.append)) == replace(NOTHING, unchanged=7)
    after = {path: path.lstat() for path in root.rglob("*")}
    assert steps == []
    assert {path: (s.st_mtime_ns, s.st_ino) for path, s in before.items()} == {
        path: (s.st_mtime_ns, s.st_ino) for path, s in after.items()
    }


def test_unchanged_files_are_not_touched(root: Path) -> None:
    path = root / "environments/base/acme/kustomization.yaml"
    os.utime(path, ns=(1, 1))
    before = path.stat().st_ino
    write(root, NEW, Scope())
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (1, before)


def test_steps_are_told_before_they_are_done(root: Path) -> None:
    steps: list[str] = []
    write(root, NEW, Scope(), WriteOptions(step=steps.append))
    assert [
        step for step in steps if "/.modelfleet" not in step.removeprefix("make environments/.modelfleet.lock")
    ] == [
        "make environments/.modelfleet.lock",
        "stage environments/base/acme/deployment.yaml",
        "stage environments/prod/acme/extra.yaml",
        "stage environments/prod/acme/kustomization.yaml",
        "stage environments/prod/shop/deployment.yaml",
        "stage environments/prod/shop/kustomization.yaml",
        "stage environments/test/acme/kustomization.yaml",
        "put environments/test",
        "put environments/base/acme/deployment.yaml",
        "put environments/prod/shop",
        "put environments/prod/acme/extra.yaml",
        "put environments/prod/acme/kustomization.yaml",
        "remove environments/gone/acme/kustomization.yaml",
        "remove environments/prod/acme/patch-deployment.yaml",
        "remove environments/prod/gone/kustomization.yaml",
        "remove environments/gone/acme",
        "remove environments/prod/acme",
        "remove environments/prod/gone",
        "remove environments/gone",
        "remove environments/prod",
    ]


def test_file_that_changes_while_the_run_makes_ready_is_left_as_it_is(root: Path) -> None:
    path = "environments/prod/acme/kustomization.yaml"

    def step(what: str) -> None:
        if what == "publish environments/.modelfleet/journal":
            (root / path).write_text("mine\n", encoding="utf-8")
            (root / "environments/prod/gone/kustomization.yaml").write_text("mine\n", encoding="utf-8")
            (root / "environments/test").mkdir()

    with pytest.raises(MachineFailed) as caught:
        write(root, NEW, Scope(), WriteOptions(step=step))
    assert str(caught.value) == (
        "changed by someone else in the meantime and left as it is: environments/test, "
        "environments/prod/acme/kustomization.yaml, environments/prod/gone/kustomization.yaml; "
        "check it, then `modelfleet render`"
    )
    assert (root / path).read_text(encoding="utf-8") == "mine\n"
    assert compare_tree(root, NEW, Scope()).foreign == (path, "environments/prod/gone/kustomization.yaml")
    assert hidden(root) == []


def test_folder_that_becomes_a_link_while_it_is_written_is_not_followed(root: Path) -> None:
    outside = root.parent / "outside"

    def step(what: str) -> None:
        if what == "publish environments/.modelfleet/journal":
            (root / "environments/prod/acme").rename(outside)
            (root / "environments/prod/acme").symlink_to(outside)

    with pytest.raises(MachineFailed, match=r"left as it is: environments/prod/acme/extra\.yaml, "):
        write(root, NEW, Scope(), WriteOptions(step=step))
    assert sorted(path.name for path in outside.iterdir()) == ["kustomization.yaml", "patch-deployment.yaml"]
    assert said(compare_tree(root, NEW, Scope())) == [f"environments/prod/acme:1:1: error[OUT001]: {WORDS['link']}"]


def test_name_that_the_file_system_does_not_take_changes_nothing(root: Path) -> None:
    path = f"environments/prod/acme/{'a' * 252}.yaml"
    with pytest.raises(MachineFailed) as caught:
        write(root, NEW | {path: text("a: 1")}, Scope())
    assert str(caught.value) == f"File name too long: {path}; {AS_BEFORE}"
    assert (tree(root), hidden(root)) == (as_tree(OLD), [])


# ---- a process that is killed


@pytest.fixture
def new_json(tmp_path: Path) -> Path:
    path = tmp_path / "new.json"
    path.write_text(json.dumps(NEW), encoding="utf-8")
    return path


def child(*words: object) -> subprocess.CompletedProcess[str]:
    return run([*CHILD, *map(str, words)])


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, env=CHILD_ENVIRONMENT, capture_output=True, text=True, check=False, timeout=120)


def signalled(folder: Path, new_json: Path, number: str, *more: str) -> list[tuple[Path, int]]:
    """A copy for each step at which the run got the signal, with how the run ended."""
    done = child("signal-everywhere", folder, new_json, number, *more)
    assert (done.returncode, [line for line in done.stderr.splitlines() if AS_BEFORE not in line]) == (0, [])
    *places, last = (line.split() for line in done.stdout.splitlines())
    assert last[1] == "0"
    return [(folder / place, int(ended)) for place, ended in places]


def whole(root: Path) -> bool:
    """Whether the tree is the old or the new one, or else a run is unfinished; asserts that every file is whole."""
    found, old, new = tree(root), as_tree(OLD), as_tree(NEW)
    paths = found.keys() | old.keys() | new.keys()
    assert [path for path in paths if found.get(path) not in (old.get(path), new.get(path))] == []
    if unfinished(root) is None:
        assert found in (old, new)
        return True
    assert unfinished(root) == HALF_WRITTEN
    return False


def test_killed_at_any_step_the_tree_is_old_new_or_known_to_be_unfinished(tmp_path: Path, new_json: Path) -> None:
    made(tmp_path / "killed/template", OLD)
    places = signalled(tmp_path / "killed", new_json, "SIGKILL")
    assert {ended for _, ended in places} == {-9}
    states = []
    for root, _ in places:
        states.append("whole" if whole(root) else "unfinished")
        write(root, NEW, Scope())
        assert (tree(root), hidden(root), unfinished(root)) == (as_tree(NEW), [], None)
    assert re.fullmatch("(whole )+(unfinished )+(whole ?)+", " ".join(states)), states


def test_killed_at_any_step_and_only_recovered_the_tree_is_old_or_new(tmp_path: Path, new_json: Path) -> None:
    made(tmp_path / "killed/template", OLD)
    for root, _ in signalled(tmp_path / "killed", new_json, "SIGKILL"):
        was_whole, before = whole(root), tree(root)
        assert recover(root) is not was_whole
        assert tree(root) == (before if was_whole else as_tree(NEW))
        assert (hidden(root), unfinished(root), recover(root)) == ([], None, False)


def test_killed_at_any_step_and_then_reverted_the_tree_is_old(tmp_path: Path, new_json: Path) -> None:
    made(tmp_path / "killed/template", OLD)
    for root, _ in signalled(tmp_path / "killed", new_json, "SIGKILL"):
        write(root, OLD, Scope())
        assert (tree(root), hidden(root)) == (as_tree(OLD), [])


def killed_twice(tmp_path: Path, new_json: Path, nth: int) -> Iterator[Path]:
    made(tmp_path / "killed/template", OLD)
    unfinished_ones = [root for root, _ in signalled(tmp_path / "killed", new_json, "SIGKILL") if not whole(root)]
    for root in unfinished_ones[::nth]:
        root.rename(tmp_path / "template")
        again = tmp_path / f"again-{root.name}"
        again.mkdir()
        (tmp_path / "template").rename(again / "template")
        yield from (copy for copy, _ in signalled(again, new_json, "SIGKILL", "RECOVER"))


@pytest.mark.parametrize("nth", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_while_it_recovers_the_next_run_recovers(tmp_path: Path, new_json: Path, nth: int) -> None:
    count = 0
    for root in killed_twice(tmp_path, new_json, nth):
        whole(root)
        recover(root)
        assert (tree(root), hidden(root)) == (as_tree(NEW), [])
        count += 1
    assert count > 30


@pytest.mark.parametrize(("number", "ended"), [("SIGINT", 130), ("SIGTERM", -15), ("SIGHUP", -1)])
def test_stopped_at_any_step_nothing_is_left_behind(tmp_path: Path, new_json: Path, number: str, ended: int) -> None:
    made(tmp_path / "stopped/template", OLD)
    states = []
    for root, code in signalled(tmp_path / "stopped", new_json, number):
        assert (code, hidden(root), unfinished(root)) == (ended, [], None)
        states.append("old" if tree(root) == as_tree(OLD) else "new" if tree(root) == as_tree(NEW) else "mixed")
    assert re.fullmatch("(old )+(new ?)+", " ".join(states)), states


def killed(root: Path, new_json: Path, before: str) -> None:
    """Makes the root one in which a run was killed before this step."""
    steps: list[str] = []
    trial = root.parent / "trial"
    shutil.copytree(root, trial)
    write(trial, NEW, Scope(), WriteOptions(step=steps.append))
    process = subprocess.Popen(
        [*CHILD, "pause", str(root), str(new_json), str(steps.index(before) + 1)],
        env=CHILD_ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"paused\n"
        process.kill()


def test_ignored_signal_stays_ignored(tmp_path: Path, new_json: Path) -> None:
    made(tmp_path / "stopped/template", OLD)
    words = [*CHILD, "signal-everywhere", str(tmp_path / "stopped"), str(new_json), "SIGHUP"]
    done = run(["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *words])
    assert (done.returncode, done.stdout) == (0, "1 0\n")


def test_what_another_run_left_while_this_one_waited_is_removed(root: Path) -> None:
    def step(what: str) -> None:
        if what == "make environments/.modelfleet.lock":
            (root / "environments/.modelfleet").mkdir()

    write(root, NEW, Scope(), WriteOptions(step=step))
    assert (tree(root), hidden(root)) == (as_tree(NEW), [])


def test_file_edited_after_the_kill_is_not_lost(root: Path, new_json: Path) -> None:
    killed(root, new_json, "put environments/base/acme/deployment.yaml")
    edited = "environments/prod/acme/kustomization.yaml"
    (root / edited).write_text(OLD[edited] + "# mine\n", encoding="utf-8")
    (root / "environments/prod/gone/kustomization.yaml").write_text("mine\n", encoding="utf-8")
    (root / "environments/prod/acme/extra.yaml").write_text("mine\n", encoding="utf-8")
    assert recover(root)
    assert tree(root) == as_tree(
        NEW
        | {
            edited: OLD[edited] + "# mine\n",
            "environments/prod/gone/kustomization.yaml": "mine\n",
            "environments/prod/acme/extra.yaml": "mine\n",
        }
    )
    assert len(refused(root, NEW)) == 3


def test_tree_reverted_after_the_kill_is_new_after_a_run(root: Path, new_json: Path) -> None:
    killed(root, new_json, "remove environments/prod/acme/patch-deployment.yaml")
    for path, content in OLD.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, encoding="utf-8")
    write(root, NEW, Scope())
    assert (tree(root), hidden(root)) == (as_tree(NEW), [])


def test_journal_without_its_staged_files_is_done_as_far_as_it_goes(root: Path, new_json: Path) -> None:
    killed(root, new_json, "put environments/base/acme/deployment.yaml")
    shutil.rmtree(root / "environments/.modelfleet/environments")
    assert recover(root)
    assert (unfinished(root), hidden(root)) == (None, [])
    write(root, NEW, Scope())
    assert tree(root) == as_tree(NEW)


BAD_JOURNALS = {
    "cut off": '{"put": {',
    "no journal": "[]",
    "deep": "[" * 100_000,
    "lacks a part": '{"put": {}}',
    "leads out": '{"put": {}, "remove": {"environments/prod/../../projects/acme.yaml": "0"}}',
    "hand-written": '{"put": {}, "remove": {"environments/prod.yaml": "0"}}',
    "puts elsewhere": '{"put": {"projects/acme.yaml": null}, "remove": {}}',
    "no checksum": '{"put": {}, "remove": {"environments/prod/acme/a.yaml": null}}',
}


@pytest.mark.parametrize("content", BAD_JOURNALS.values(), ids=BAD_JOURNALS.keys())
def test_journal_that_nobody_wrote_is_refused(root: Path, content: str) -> None:
    (root / "environments/.modelfleet").mkdir()
    (root / "environments/.modelfleet/journal").write_text(content, encoding="utf-8")
    assert unfinished(root) == HALF_WRITTEN
    assert failure(root) == (
        "environments/.modelfleet/journal was not written by modelfleet; "
        "remove environments/.modelfleet, then `modelfleet render`"
    )
    assert tree(root) == as_tree(OLD)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("environments/prod/acme/extra.yaml", "no seal\n"),
        ("environments/prod/acme/extra.yaml", text("a: 1") + "edited\n"),
        ("environments/prod.yaml", text("a: 1")),
        ("environments/prod/acme/.argocd-source.yaml", text("a: 1")),
    ],
)
def test_journal_puts_only_sealed_files_in_place(root: Path, path: str, content: str) -> None:
    staged = root / "environments/.modelfleet" / path
    staged.parent.mkdir(parents=True)
    staged.write_text(content, encoding="utf-8")
    journal = {"put": {path: None}, "remove": {}}
    if path.count("/") < 2 or "/." in path:
        journal = {"put": {}, "remove": {}}
    (root / "environments/.modelfleet/journal").write_text(json.dumps(journal), encoding="utf-8")
    assert failure(root).startswith("environments/.modelfleet/journal was not written by modelfleet; ")
    assert tree(root) == as_tree(OLD)


def failure(root: Path, manner: WriteOptions = WriteOptions()) -> str:  # noqa: B008 - a Manner does not change
    with pytest.raises(MachineFailed) as caught:
        recover(root, manner)
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("fifo", "environments/.modelfleet/journal was not written by modelfleet"),
        ("link", "Too many levels of symbolic links: environments/.modelfleet"),
        ("folder", "Is a directory: environments/.modelfleet"),
    ],
)
def test_journal_that_is_no_file_is_refused(root: Path, kind: str, message: str) -> None:
    journal = root / "environments/.modelfleet/journal"
    journal.parent.mkdir()
    if kind == "fifo":
        os.mkfifo(journal)
    elif kind == "link":
        journal.symlink_to(root / "environments/prod.yaml")
    else:
        journal.mkdir()
    assert unfinished(root) == HALF_WRITTEN
    assert failure(root) == f"{message}; remove environments/.modelfleet, then `modelfleet render`"


def test_staging_folder_that_is_a_link_is_not_followed(root: Path) -> None:
    outside = made(root.parent / "outside", OLD)
    (root / "environments/.modelfleet").symlink_to(outside)
    assert failure(root) == (
        "Not a directory: environments/.modelfleet; remove environments/.modelfleet, then `modelfleet render`"
    )
    assert tree(outside) == as_tree(OLD)


def test_links_in_a_left_over_staging_folder_are_removed_not_followed(root: Path) -> None:
    outside = made(root.parent / "outside", OLD)
    (root / "environments/.modelfleet").mkdir()
    (root / "environments/.modelfleet/environments").symlink_to(outside)
    assert not recover(root)
    assert (tree(root), hidden(root), tree(outside)) == (as_tree(OLD), [], as_tree(OLD))


# ---- one at a time


@pytest.fixture
def holder(root: Path, new_json: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has the lock and has got as far as its first `put`."""
    steps: list[str] = []
    trial = root.parent / "trial"
    shutil.copytree(root, trial)
    write(trial, NEW, Scope(), WriteOptions(step=steps.append))
    words = [
        *CHILD,
        "pause",
        str(root),
        str(new_json),
        str(steps.index("put environments/base/acme/deployment.yaml") + 1),
    ]
    with subprocess.Popen(words, env=CHILD_ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"paused\n"
        yield process
        process.kill()


def since(root: Path) -> str:
    return (root / "environments/.modelfleet.lock").read_text(encoding="utf-8").split()[1]


def test_second_run_names_the_first_when_that_does_not_end(root: Path, holder: subprocess.Popen[bytes]) -> None:
    who = f"another modelfleet (process {holder.pid}, since {since(root)})"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", since(root))
    before = tree(root)
    assert failure(root, WriteOptions(patience_s=0.1)) == (
        f"environments/ is being written by {who}; waited 0.1 s for it, try again when it is done"
    )
    assert unfinished(root) == f"environments/ is being written by {who}; try again when it is done"
    assert tree(root) == before


def test_hostile_text_in_the_lock_file_is_not_shown(root: Path, holder: subprocess.Popen[bytes]) -> None:
    (root / "environments/.modelfleet.lock").write_text("1 \x1b[31m\n", encoding="utf-8")
    assert unfinished(root) == "environments/ is being written by another modelfleet; try again when it is done"


def test_second_run_waits_for_the_first(root: Path, holder: subprocess.Popen[bytes]) -> None:
    assert holder.stdin is not None
    release = threading.Timer(0.3, lambda: holder.communicate(b"go on\n"))
    release.start()
    changes = write(root, OLD, Scope())
    release.join()
    assert changes.unchanged == 1
    assert (holder.returncode, tree(root), hidden(root)) == (0, as_tree(OLD), [])


def test_run_that_waits_can_be_interrupted(root: Path, new_json: Path, holder: subprocess.Popen[bytes]) -> None:
    words = [*CHILD, "pause", str(root), str(new_json), "1"]
    with subprocess.Popen(
        words, env=CHILD_ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"paused\n"
        process.stdin.write(b"go on\n")
        process.stdin.flush()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert (process.communicate(timeout=20), process.returncode) == ((b"", b""), 130)


def test_lock_goes_with_its_holder(root: Path, holder: subprocess.Popen[bytes]) -> None:
    holder.kill()
    holder.wait()
    assert hidden(root) == [".modelfleet", ".modelfleet.lock"]
    assert unfinished(root) == HALF_WRITTEN
    write(root, NEW, Scope(), WriteOptions(patience_s=0))
    assert (tree(root), hidden(root)) == (as_tree(NEW), [])


def test_lock_file_of_a_killed_run_is_removed_even_if_nothing_is_to_be_written(root: Path) -> None:
    (root / "environments/.modelfleet.lock").write_text("1 2026-01-01T00:00:00+00:00\n", encoding="utf-8")
    assert unfinished(root) is None
    write(root, OLD, Scope())
    assert hidden(root) == []


def test_lock_file_that_is_a_fifo_is_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "environments/.modelfleet.lock")
    assert unfinished(root) is None
    write(root, NEW, Scope())
    assert (tree(root), hidden(root)) == (as_tree(NEW), [])


def test_lock_file_that_is_a_link_is_not_followed(root: Path) -> None:
    (root / "environments/.modelfleet.lock").symlink_to(root / "environments/prod.yaml")
    assert failure(root) == f"Too many levels of symbolic links: environments/.modelfleet.lock; {AS_BEFORE}"
    assert tree(root) == as_tree(OLD)


def test_writing_in_a_thread_works_without_signal_handlers(root: Path) -> None:
    thread = threading.Thread(target=write, args=(root, NEW, Scope()))
    thread.start()
    thread.join()
    assert tree(root) == as_tree(NEW)


@pytest.mark.parametrize("rounds", [2, pytest.param(50, marks=pytest.mark.slow)])
def test_runs_at_once_give_one_whole_tree(root: Path, new_json: Path, rounds: int) -> None:
    old_json = new_json.with_name("old.json")
    old_json.write_text(json.dumps(OLD), encoding="utf-8")
    for _ in range(rounds):
        runs = [
            subprocess.Popen(
                [*CHILD, "write", str(root), str(which)],
                env=CHILD_ENVIRONMENT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for which in (new_json, old_json) * 3
        ]
        ends = [(process.communicate(), process.returncode) for process in runs]
        assert ends == [((b"", b""), 0)] * 6
        assert tree(root) in (as_tree(OLD), as_tree(NEW))
        assert (hidden(root), unfinished(root)) == ([], None)


# ---- a file system that fails


def test_file_size_limit_changes_nothing(root: Path, new_json: Path) -> None:
    big = "environments/prod/acme/extra.yaml"
    new_json.write_text(json.dumps(NEW | {big: text("x" * 5000)}), encoding="utf-8")
    done = run(["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *CHILD, "write", str(root), str(new_json)])
    assert (done.returncode, done.stderr) == (5, f"File too large: {big}; {AS_BEFORE}\n")
    assert (tree(root), hidden(root)) == (as_tree(OLD), [])


def unshared() -> list[str] | None:
    """The words that start a command with mounts of its own."""
    for words in (["unshare", "-m"], ["unshare", "-rm"]):
        trial = [*words, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        if shutil.which("unshare") and run(trial).returncode == 0:
            return words
    return None


def mounted(script: str, **names: Path) -> subprocess.CompletedProcess[str]:
    """Runs a shell script with mounts of its own; `write` in it is the child."""
    words = unshared()
    if words is None:
        pytest.skip("no mount namespace can be made here")
    settings = "\n".join(f"{name}={shlex.quote(str(path))}" for name, path in names.items())
    return run([*words, "sh", "-euc", f'{settings}\nwrite() {{ {shlex.join(CHILD)} write "$@"; }}\n{script}'])


def test_full_disk_changes_nothing(root: Path, new_json: Path) -> None:
    big = "environments/prod/acme/extra.yaml"
    new_json.write_text(json.dumps(NEW | {big: text("x" * 50_000)}), encoding="utf-8")
    done = mounted(
        """
        disk=$(dirname "$root")/disk
        mkdir "$disk"
        mount -t tmpfs -o size=160k tmpfs "$disk"
        cp -a "$root" "$disk/root"
        dd if=/dev/zero of="$disk/filler" bs=1k count=200 2>/dev/null || :
        truncate -s -24k "$disk/filler"
        code=0
        write "$disk/root" "$new" || code=$?
        cp -a "$disk/root/." "$root"
        exit $code
        """,
        root=root,
        new=new_json,
    )
    assert (done.returncode, done.stderr) == (5, f"No space left on device: {big}; {AS_BEFORE}\n")
    assert (tree(root), hidden(root)) == (as_tree(OLD), [])


def test_read_only_repository_can_be_read_and_a_quiet_run_passes(root: Path, new_json: Path) -> None:
    old_json = new_json.with_name("old.json")
    old_json.write_text(json.dumps(OLD), encoding="utf-8")
    done = mounted(
        """
        mount --bind "$root" "$root"
        mount -o remount,bind,ro "$root"
        write "$root" "$old"
        write "$root" "$new"
        """,
        root=root,
        old=old_json,
        new=new_json,
    )
    message = f"Read-only file system: environments/.modelfleet.lock; {AS_BEFORE}\n"
    assert (done.returncode, done.stderr) == (5, message)


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        ('mount --bind "$top" "$top"; mount -o remount,bind,ro "$top"', "Read-only file system"),
        ('cp -a "$top/." "$copy"; mount -t tmpfs tmpfs "$top"; cp -a "$copy/." "$top"', "Invalid cross-device link"),
    ],
    ids=["read-only", "another file system"],
)
def test_folder_that_cannot_be_changed_is_found_before_anything_is(
    root: Path, new_json: Path, mount: str, message: str
) -> None:
    copy = root.parent / "copy"
    copy.mkdir()
    done = mounted(
        f'{mount}; write "$root" "$new"', top=root / "environments/prod/acme", root=root, new=new_json, copy=copy
    )
    assert (done.returncode, done.stderr) == (5, f"{message}: environments/prod/acme; {AS_BEFORE}\n")
    assert (tree(root), hidden(root)) == (as_tree(OLD), [])


def test_folder_without_the_right_to_write_is_found_before_anything_is_changed(root: Path) -> None:
    folder = root / "environments/prod/acme"
    folder.chmod(0o555)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write everywhere")
    with pytest.raises(MachineFailed) as caught:
        write(root, NEW, Scope())
    folder.chmod(0o755)
    assert str(caught.value) == f"Permission denied: environments/prod/acme; {AS_BEFORE}"
    assert (tree(root), hidden(root)) == (as_tree(OLD), [])


# ---- every system call

CALLS = {  # with an error that it can meet
    "openat": "EIO",
    "write": "ENOSPC",
    "pwrite64": "ENOSPC",
    "mkdirat": "ENOSPC",
    "fchmod": "EPERM",
    "fchmodat": "EPERM",
    "renameat": "EIO",
    "unlinkat": "EIO",
    "flock": "ENOLCK",
    "close": "EIO",
}


def traced(*options: str, root: Path, new_json: Path) -> subprocess.CompletedProcess[str]:
    words = ["strace", "-qq", "-o", str(root.parent / "strace.log"), *options]
    return run([*words, *CHILD, "write", str(root), str(new_json)])


def calls_of_the_writer(tmp_path: Path, new_json: Path) -> list[tuple[str, int]]:
    """Each system call that the writer makes, as its name and its number among those of that name."""
    trial = made(tmp_path / "trial/root", OLD)
    done = traced("-e", f"trace={','.join(CALLS)}", root=trial, new_json=new_json)
    assert done.returncode == 0
    count = dict.fromkeys(CALLS, 0)
    calls = []
    root_seen, last = False, ""
    for line in (trial.parent / "strace.log").read_text(encoding="utf-8").splitlines():
        name = line.partition("(")[0]
        if name not in count:
            continue
        count[name] += 1
        root_seen = root_seen or f'"{trial}"' in line
        importing = name == "openat" and "AT_FDCWD" in line and f'"{trial}"' not in line
        harmless = name == "close" and last != "write"  # only after a write can a close fail
        if root_seen and not importing and not harmless:
            calls.append((name, count[name]))
        last = name
    return calls


@pytest.fixture(scope="module")
def strace() -> None:
    if not shutil.which("strace") or run(["strace", "-o", os.devnull, "true"]).returncode:
        pytest.skip("strace is missing, or may not trace here")


needs_strace = pytest.mark.usefixtures("strace")
some_or_all = pytest.mark.parametrize("nth", [41, pytest.param(1, marks=pytest.mark.slow)])


@needs_strace
@some_or_all
def test_killed_at_any_system_call_one_more_run_makes_the_tree(tmp_path: Path, new_json: Path, nth: int) -> None:
    calls = sorted(calls_of_the_writer(tmp_path, new_json), key=lambda call: call[0])[::nth]
    assert len(calls) > 5
    for name, number in calls:
        root = made(tmp_path / f"{name}-{number}/root", OLD)
        done = traced(
            "-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={number}", root=root, new_json=new_json
        )
        assert done.returncode == -9
        whole(root)
        write(root, NEW, Scope())
        assert (tree(root), hidden(root)) == (as_tree(NEW), [])


@needs_strace
@some_or_all
def test_error_of_any_system_call_is_told_and_heals(tmp_path: Path, new_json: Path, nth: int) -> None:
    calls = sorted(calls_of_the_writer(tmp_path, new_json), key=lambda call: call[0])[::nth]
    assert len(calls) > 5
    for name, number in calls:
        root = made(tmp_path / f"{name}-{number}/root", OLD)
        inject = f"inject={name}:error={CALLS[name]}:when={number}"
        done = traced("-e", f"trace={name}", "-e", inject, root=root, new_json=new_json)
        said_so = re.fullmatch(r"[^:\n]+: \S+; .+\n", done.stderr)
        assert (done.returncode, bool(said_so)) in ((0, False), (5, True)), (inject, done.stderr)
        if whole(root) and "removes environments/.modelfleet" not in done.stderr:
            lock_may_stay = name in ("unlinkat", "flock")  # it cannot be removed, or perhaps it is another's
            assert set(hidden(root)) <= ({".modelfleet.lock"} if lock_may_stay else set()), inject
        write(root, NEW, Scope())
        assert (tree(root), hidden(root)) == (as_tree(NEW), [])


@needs_strace
def test_lock_on_a_file_that_its_holder_has_removed_is_none(root: Path, new_json: Path) -> None:
    """The run opens the lock file, which then goes and comes again, and only then gets to lock what it opened."""
    lock = root / "environments/.modelfleet.lock"
    opened = root.parent / "strace.log"
    first = locked(lock)
    words = ["strace", "-qq", "-o", str(opened), "-e", "trace=flock", "-e", "inject=flock:delay_enter=500000:when=1"]
    with subprocess.Popen([*words, *CHILD, "write", str(root), str(new_json)], env=CHILD_ENVIRONMENT) as process:
        wait_for(lambda: lock_is_open_in_another_process(lock))
        lock.unlink()
        second = locked(lock)
        os.close(first)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.5)
        assert tree(root) == as_tree(OLD)
        os.close(second)
        assert process.wait(30) == 0
    assert (tree(root), hidden(root)) == (as_tree(NEW), [])


def locked(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def lock_is_open_in_another_process(lock: Path) -> bool:
    for process in Path("/proc").glob("[0-9]*"):
        if process.name != str(os.getpid()):
            with suppress(OSError):  # it has ended, or is another user's
                if any(file.readlink() == lock for file in (process / "fd").iterdir()):
                    return True
    return False


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
