"""What a plan says of a model under another name, and of a Secret that nothing reads any more."""

from __future__ import annotations

from pathlib import Path

from plan_repository import repository

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
