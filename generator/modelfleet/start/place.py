"""Puts files where none are: nothing is ever overwritten, and no symbolic link is followed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from modelfleet.finding import Rejected
from modelfleet.spec.discover import linked
from modelfleet.tree import folders


def place_new_files(root: Path, files: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Writes the files that are not there: what was written, and what stays as it is.

    Raises `Rejected` for a symbolic link on the way, `MachineFailed` where something cannot be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise folders.failed(error, str(root)) from error
    with folders.opened_root(root) as opened:
        on_the_way = sorted({*files, *folders.all_parents(files)} - {""})
        links = [path for path in on_the_way if _is_link(opened, path)]
        if links:
            raise Rejected([linked(path) for path in links])
        kept = [path for path in files if folders.exists(opened, path)]
        written = [path for path in files if path not in kept]
        for path in written:
            _place(opened, path, files[path].encode())
    return written, kept


def _is_link(root: int, path: str) -> bool:
    try:
        return folders.is_link(root, path)
    except NotADirectoryError:  # said when it is written
        return False


def _place(root: int, path: str, content: bytes) -> None:
    folder = folders.parent(path)
    try:
        for above in folders.parents(path):
            _make_folder(root, above)
        if not folder:
            folders.create(root, path, content)
            return
        with folders.opened_folder(root, folder) as opened:
            folders.create(opened, folders.name_of(path), content)
    except OSError as error:
        raise folders.failed(error, path, "what was written before it stays") from error


def _make_folder(root: int, path: str) -> None:
    above = folders.parent(path)
    if folders.exists(root, path):
        return
    if not above:
        os.mkdir(path, 0o755, dir_fd=root)
        return
    with folders.opened_folder(root, above) as opened:
        os.mkdir(folders.name_of(path), 0o755, dir_fd=opened)


def replace_file(path: Path, text: str) -> None:
    """Writes a file whole, in place of what has its name; a symbolic link is replaced and not followed."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise folders.failed(error, str(path)) from error
