"""What a plan says of a model under another name, and of a Secret that nothing reads any more."""

from __future__ import annotations

from pathlib import Path

from plan_repository import FILES, repository

CHAT_FILE = "projects/chat.yaml"
LEFT = (
    "nothing in project chat reads the Secret hub any more, and it is still copied from the store: remove it from the spec "
    "if nobody else needs it"
)


def remarks_of(tmp_path: Path, *edits: tuple[str, str]) -> list[str]:
    made = repository(tmp_path)
    for old, new in edits:
        made.edit(CHAT_FILE, old, new)
    (only,) = made.data()["environments"]
    found: list[str] = only["remarks"]
    return found


def test_a_model_under_another_name(tmp_path: Path) -> None:
    assert remarks_of(tmp_path, ("  rank:\n", "  ranking:\n")) == [
        "chat/ranking looks like chat/rank under another name: a cluster knows a model by its name, so this is a new model "
        "with an address and tokens of its own, and the old one is no longer served from here"
    ]


def test_another_model_in_place_of_one(tmp_path: Path) -> None:
    edits = ("  rank:\n", "  ranking:\n"), ("path: rank}", "path: other}")
    assert not any("under another name" in text for text in remarks_of(tmp_path, *edits))


def test_a_secret_that_nothing_reads_any_more(tmp_path: Path) -> None:
    assert LEFT in remarks_of(tmp_path, (", HUB: {secret: hub, key: token}", ""))


def test_a_secret_that_another_model_reads(tmp_path: Path) -> None:
    assert (
        remarks_of(tmp_path, ("    location: {connection: store, path: idle}\n", "    location: {pvc: own, path: x}\n"))
        == []
    )


# ---- the same of many


def many(names: list[str], length: int) -> str:
    model = (
        "  {}:\n    runtime: kserve-ovms\n    framework: onnx-1\n    size: Small\n    location: {{pvc: own, path: x}}\n"
        '    env: {{LIMIT: "{}"}}\n'
    )
    head = "version: 1\nplatform: single-model\nmodels:\n"
    return head + "".join(model.format(name, length) for name in names) + "environments: {prod: {}}\n"


def test_rows_that_say_the_same_are_one(tmp_path: Path) -> None:
    files = {
        **FILES,
        "projects/few.yaml": many(["a", "b", "c"], 1000),
        "projects/many.yaml": many(["d", "e", "f", "g"], 1000),
    }
    made = repository(tmp_path, files)
    made.write("projects/many.yaml", many(["d", "e", "f", "g"], 2000))
    row = "| 4 models: `many/d`, `many/e`, `many/f` and 1 more | 🟡 **rolling restart**: the pods are replaced | env `LIMIT`"
    assert [line for line in made.plan("--format", "markdown").out.splitlines() if line.startswith("| 4")] == [
        f"{row} `1000` → `2000` |"
    ]
    made.write("projects/few.yaml", many(["a", "b", "c"], 2000))
    (line,) = [line for line in made.plan("--no-diff").out.splitlines() if "7 models in" in line]
    assert line == "  7 models in 2 projects: few/a, few/b, few/c and 4 more: env LIMIT 1000 → 2000"


def test_three_rows_stay_apart(tmp_path: Path) -> None:
    made = repository(tmp_path, {**FILES, "projects/few.yaml": many(["a", "b", "c"], 1000)})
    made.write("projects/few.yaml", many(["a", "b", "c"], 2000))
    assert sum("env LIMIT" in line for line in made.plan("--no-diff").out.splitlines()) == 3
