"""Which folder is the repository: the one that is named, or the nearest above that looks like one."""

from __future__ import annotations

from pathlib import Path

import click

_FOLDERS = ("projects", "environments")


def given_root(context: click.Context) -> Path | None:
    """What --root or MODELFLEET_ROOT names; None where neither does."""
    root = context.find_root().params.get("root")
    return Path(root) if root else None


def root_of(context: click.Context) -> Path:
    """The repository of this call.

    Where none is named, the nearest folder above with projects/ and environments/, within the working tree that this folder is
    in; else this folder.
    """
    if (given := given_root(context)) is not None:
        return given
    here = Path.cwd()
    top = next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)
    for height, folder in enumerate((here, *here.parents)):
        if all((folder / name).is_dir() for name in _FOLDERS):
            return Path(*[".."] * height)
        if folder == top:
            break
    return Path()
