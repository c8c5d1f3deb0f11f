"""What is remembered of earlier runs: with it and without it everything is the same, whatever happens to files and memory."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import fleet as fleets
from console import REPOSITORY, SPEC, example, miniature, modelfleet, process, tree, write
from modelfleet.finding import MachineFailed, Rejected
from modelfleet.pipeline import repository
from modelfleet.pipeline.fleet import fleet
from modelfleet.resolve.fleet import Fleet
from modelfleet.spec.discover import discover
from modelfleet.tools.store import Memory

Outcome = Any


def named(name: str, text: str = SPEC) -> dict[str, str]:
    """A project of that name in a namespace of its own."""
    return {f"projects/{name}.yaml": text.replace("namespace: acme-ml", f"namespace: {name}-ml")}


START = {
    **named("acme"),
    **named("shop", SPEC.replace("path: ranker", "path: chat")),
    **named("zoo", SPEC.replace("environments: {prod: {}}", "environments: {prod: {}, test: {}}")),
}


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path / "remembered")


def everything(found: Fleet) -> Outcome:
    deployed = [(one.brief, one.folder, one.objects, one.project) for one in found.deployed]
    return dict(found.environments), found.facts, deployed, found.synced, dict(found.files), found.warnings


def outcome(root: Path, memory: Memory | None) -> Outcome:
    """All that a run says, or what it refuses."""
    try:
        return everything(fleet(root, memory=memory))
    except (Rejected, MachineFailed) as refused:
        return type(refused), getattr(refused, "findings", str(refused))


# ---- random histories

Edit = Callable[[Path, random.Random], None]


def _replaced(old: str, new: str) -> Edit:
    def edit(root: Path, chance: random.Random) -> None:
        path = chance.choice(sorted((root / "projects").iterdir()))
        text = path.read_text()
        path.write_text(text.replace(old, new) if old in text else text.replace(new, old))

    return edit


def _toggled(file: str, content: str) -> Edit:
    def edit(root: Path, chance: random.Random) -> None:
        path = root / file
        if path.exists():
            path.unlink()
        else:
            write(root, {file: content})

    return edit


def _environment(old: str, new: str) -> Edit:
    def edit(root: Path, chance: random.Random) -> None:
        path = root / "environments/prod.yaml"
        text = path.read_text()
        path.write_text(text.replace(old, new) if old in text else text.replace(new, old))

    return edit


EDITS: dict[str, Edit] = {
    "a display name": _replaced("Acme assistants", "Acme helpers"),
    "a warning": _replaced("    size: Small\n", "    size: Small\n    route: true\n"),
    "a size that is not offered": _replaced("size: Small", "size: Smal"),
    "what is not YAML": _replaced("version: 1\n", "version: 1: 2\n"),
    "an unknown field": _replaced("platform: single-model\n", "platform: single-model\nplatfrom: x\n"),
    "a path that begins as another one does": _replaced("path: chat", "path: chat-large"),
    "another such path": _replaced("path: ranker", "path: chat"),
    "the namespace of another project": _replaced("shop-ml", "zoo-ml"),
    "one environment less": _replaced("{prod: {}, test: {}}", "{prod: {}}"),
    "a new project": _toggled(*next(iter(named("new").items()))),
    "an object beside": _toggled(
        "objects/acme/note.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: note}\ndata: {word: one}\n"
    ),
    "an object of a project that is not there": _toggled(
        "objects/nobody/note.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: note}\ndata: {word: one}\n"
    ),
    "a definition": _toggled("crds/broken.yaml", "kind: Nothing\n"),
    "nodes of a cluster": _environment("version: 1\n", "version: 1\nnodes: {cpu: {count: 1, cpu: '1', memory: 1Gi}}\n"),
    "a quota": _environment("version: 1\n", "version: 1\nquota: {default: {limits.cpu: '1'}}\n"),
    "a comment": _environment("version: 1\n", "# a remark\nversion: 1\n"),
    "nothing": lambda root, chance: None,
}


def history(root: Path, memory: Memory, seed: int, steps: int) -> Iterator[tuple[str, Outcome, Outcome]]:
    chance = random.Random(seed)
    miniature(root, START)
    for _ in range(steps):
        name = chance.choice(list(EDITS))
        EDITS[name](root, chance)
        yield name, outcome(root, memory), outcome(root, None)


@pytest.mark.parametrize("seed", [*range(6), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(6, 60))])
def test_whatever_is_edited_the_outcome_is_the_same_as_without_a_memory(
    tmp_path: Path, memory: Memory, seed: int
) -> None:
    for step, (name, remembered, made) in enumerate(history(tmp_path / "root", memory, seed, 12)):
        assert remembered == made, f"step {step}: {name}"


def test_each_edit_can_be_made_and_has_an_outcome_of_its_own(tmp_path: Path) -> None:
    """Else the histories would try less than they say."""
    outcomes = []
    for number, (name, edit) in enumerate(EDITS.items()):
        root = miniature(tmp_path / str(number), START)
        for seed in range(9):  # until it hits the project in which there is something to replace
            edit(root, random.Random(seed))
            if tree_of_sources(root) != tree_of_sources(miniature(tmp_path / "start", START)):
                break
        else:
            assert name == "nothing"
        outcomes.append(outcome(root, None))
    same = [(one, other) for one in range(len(outcomes)) for other in range(one) if outcomes[one] == outcomes[other]]
    definition, nothing = (list(EDITS).index(name) for name in ("a definition", "nothing"))
    assert same == [(nothing, definition)]  # definitions count where there are objects beside


def tree_of_sources(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*.yaml"))}


def test_the_whole_example_is_the_same_when_it_is_recalled(tmp_path: Path, memory: Memory) -> None:
    root = example(tmp_path / "root")
    made = outcome(root, None)
    assert [outcome(root, memory), outcome(root, memory)] == [made, made]
    path = next(iter(sorted((root / "projects").iterdir())))
    path.write_text(path.read_text() + "# a remark\n")
    assert outcome(root, memory) == outcome(root, None)


# ---- on the command line


@pytest.fixture
def remembering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands remember, in a folder of this test."""
    monkeypatch.setenv("MODELFLEET_NO_CACHE", "0")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/modelfleet/remembered"


@pytest.mark.usefixtures("remembering")
def test_every_word_and_byte_is_the_same_with_no_cache(tmp_path: Path) -> None:
    one, other = miniature(tmp_path / "one", START), miniature(tmp_path / "other", START)
    chances = random.Random(7), random.Random(7)
    choose = random.Random(8)
    commands = [
        ("check",),
        ("check", "--format", "json"),
        ("render", "--check"),
        ("render",),
        ("render", "--env", "prod"),
    ]
    for _ in range(14):
        name = choose.choice(list(EDITS))
        for root, chance in zip((one, other), chances, strict=True):
            EDITS[name](root, chance)
        words = choose.choice(commands)
        assert modelfleet(one, *words) == modelfleet(other, *words, "--no-cache"), (name, words)
        assert tree(one) == tree(other)


@pytest.mark.usefixtures("remembering")
def test_what_is_remembered_outweighs_no_file_of_the_tree(tmp_path: Path) -> None:
    root = miniature(tmp_path / "root", START)
    assert modelfleet(root, "render").code == 0
    path = root / "environments/prod/acme/kustomization.yaml"
    path.write_text(path.read_text() + "# mine\n")
    (root / "environments/prod/shop/kustomization.yaml").unlink()
    with_memory = modelfleet(root, "render", "--check")
    assert with_memory == modelfleet(root, "render", "--check", "--no-cache")
    assert with_memory.code == 3


def test_no_cache_leaves_nothing_behind(tmp_path: Path, remembering: Path) -> None:
    root = miniature(tmp_path / "root", START)
    assert modelfleet(root, "check", "--no-cache").code == 0
    assert not remembering.exists()
    assert modelfleet(root, "check").code == 0
    assert {path.suffix for path in remembering.iterdir() if path.name != ".tidied"} >= {".run", ".project", ".files"}
    assert [path for path in root.rglob("*") if "remembered" in path.name] == []


def test_what_is_refused_is_not_remembered(tmp_path: Path, remembering: Path) -> None:
    root = miniature(tmp_path / "root", {**START, **named("bad", SPEC.replace("Small", "Smal"))})
    told = modelfleet(root, "check")
    assert told.code == 1 and told == modelfleet(root, "check") == modelfleet(root, "check", "--no-cache")
    assert [path.name for path in remembering.glob("*.run")] == []


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"0" * 64 + b"\n{}", None], ids=["empty", "an object", "a wrong sum", "gone"]
)
def test_a_memory_that_was_damaged_is_as_if_there_were_none(
    tmp_path: Path, remembering: Path, content: bytes | None
) -> None:
    root = miniature(tmp_path / "root", START)
    made = modelfleet(root, "render")
    assert made.code == 0
    for suffix in ("files", "objects", "project", "run", "tool"):
        paths = list(remembering.glob(f"*.{suffix}"))
        assert paths
        for path in paths:
            if content is None:
                path.unlink()
            else:
                path.write_bytes(content)
        assert modelfleet(root, "render", "--check") == modelfleet(root, "render", "--check", "--no-cache")


def test_many_runs_at_once_say_the_same_and_leave_nothing_half_written(tmp_path: Path, remembering: Path) -> None:
    root = miniature(tmp_path / "root", START)
    words = [sys.executable, "-m", "modelfleet", "--root", str(root), "check"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "generator")}
    running = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment) for _ in range(5)
    ]
    said = {process.communicate()[0] for process in running}
    assert said == {modelfleet(root, "check", "--no-cache").out.encode()}
    assert [path.name for path in remembering.iterdir() if path.name.startswith(".")] == [".tidied"]


def test_files_that_change_under_a_run_are_not_remembered_as_they_were(
    tmp_path: Path, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = miniature(tmp_path / "root", START)
    path = root / "environments/prod.yaml"

    def changed(*words: Any) -> Any:
        path.write_text("# changed\n" + path.read_text())
        monkeypatch.setattr(repository, "discover", discover)
        return discover(*words)

    monkeypatch.setattr(repository, "discover", changed)
    with pytest.raises(MachineFailed, match="changed while it was read"):
        fleet(root, memory=memory)
    assert list(memory.place.glob("*.run")) == []
    assert outcome(root, memory) == outcome(root, None)


# ---- what is loaded


def loaded_by(root: Path, *words: str) -> set[str]:
    """Our own modules, and the packages beside the standard library, that a command loads when it ran before.

    What is compiled of templates, data and schemas is kept for this test alone: neither what another test has left nor a
    Python that is told to keep nothing decides what is loaded.
    """
    code = (
        "import sys\nfrom modelfleet.cli.main import main\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "generator")}
    command = [sys.executable, "-S", "-c", code, "--root", str(root), *words]
    environment["PYTHONPATH"] += os.pathsep + os.pathsep.join(path for path in sys.path if "site-packages" in path)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = str(root.parent / "compiled")
    subprocess.run(command, capture_output=True, check=True, text=True, env=environment)
    done = subprocess.run(command, capture_output=True, check=True, text=True, env=environment)
    modules = {name for name in done.stderr.splitlines() if name.replace(".", "").replace("_", "").isalnum()}
    own = {name for name in modules if name.startswith("modelfleet")}
    return own | {name for name in modules if name.partition(".")[0] == name} - set(sys.stdlib_module_names) - {
        "__main__"
    }


def test_a_check_in_which_nothing_changed_loads_next_to_nothing(tmp_path: Path, remembering: Path) -> None:
    """Whoever adds to this list makes every run of every hook slower."""
    root = miniature(tmp_path / "root", START)
    assert process("--root", root, "check").code == 0
    found = loaded_by(root, "check")
    assert found == LOADED_UNCHANGED


def test_a_check_loads_no_room_that_it_does_not_use(tmp_path: Path) -> None:
    """The test of a first run: nothing is remembered, and no fact is given that room could be counted with."""
    root = tmp_path / "root"
    fleets.write_fleet(root, 1)
    base = root / "environments/base.yaml"
    base.write_text(base.read_text().replace("quota: {default: {requests.nvidia.com/gpu: 100}}\n", ""))
    loaded = loaded_by(root, "check", "--no-cache")
    packages = {name for name in loaded if "." not in name and "cython" not in name}  # of which PyYAML's parser is made
    assert packages == {"modelfleet", "click", "yaml", "jsonschema_rs"}
    rooms = {name.split(".")[1] for name in loaded if name.count(".") > 1}
    assert rooms == {
        "cli",
        "kubernetes",
        "kustomize",
        "pipeline",
        "render",
        "resolve",
        "rules",
        "spec",
        "tools",
        "tree",
    }


LOADED_UNCHANGED = {
    "click",
    "modelfleet",
    *(f"modelfleet.{name}" for name in ("finding", "layout", "packaged", "patterns", "records", "wording")),
    *(f"modelfleet.cli{name}" for name in ("", ".commands", ".commands.check", ".group", ".main", ".mistakes")),
    *(f"modelfleet.cli.{name}" for name in ("options", "output", "root", "sharing")),
    *(f"modelfleet.kubernetes{name}" for name in ("", ".objects")),
    *(f"modelfleet.pipeline{name}" for name in ("", ".fleet", ".recall", ".remembered")),
    *(f"modelfleet.resolve{name}" for name in ("", ".fleet")),
    *(f"modelfleet.spec{name}" for name in ("", ".discover", ".limits", ".secret_shapes", ".source")),
    *(f"modelfleet.tools{name}" for name in ("", ".edition", ".folder", ".store")),
}
