"""Completes the names of projects and environments in a shell without the command line, whose start is felt at each Tab.

It answers what click would, and leaves to click whatever else is asked: a test holds the two together.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDERS = {"--env": "environments", "--project": "projects"}
"""Where the names stand that complete an option."""

COMMANDS = {
    "--env": ("capacity", "check", "endpoints", "labels", "migrate", "plan", "render", "smoke", "verify"),
    "--project": ("capacity", "check", "endpoints", "migrate", "render", "smoke", "verify"),
}
"""Which commands take it, as their own modules say."""

_FORMS = {"bash_complete": "plain,{}", "zsh_complete": "plain\n{}\n_"}
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./ ")


def completed() -> str | None:
    """What is printed for the shell that asks; None where that is for click to say."""
    form = _FORMS.get(os.environ.get("_MODELFLEET_COMPLETE", ""))
    text, number = os.environ.get("COMP_WORDS", ""), os.environ.get("COMP_CWORD", "")
    if form is None or not number.isdecimal() or not _PLAIN.issuperset(text) or "--root" in text:
        return None
    words = text.split()
    before, begun = words[: int(number)], words[int(number)] if int(number) < len(words) else ""
    if len(before) < 3 or begun.startswith("-") or before[1] not in COMMANDS.get(before[-1], ()):
        return None
    root = Path(os.environ.get("MODELFLEET_ROOT") or _nearest())
    try:
        names = [path.stem for path in (root / FOLDERS[before[-1]]).iterdir() if path.suffix == ".yaml"]
    except OSError:
        return None
    return "".join(f"{form.format(name)}\n" for name in sorted(names) if name.startswith(begun) and name != "base")


def _nearest() -> Path:
    """The repository as `root_of` finds it: the nearest folder above that looks like one, within the working tree."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if all((folder / name).is_dir() for name in FOLDERS.values()):
            return folder
        if (folder / ".git").exists():
            break
    return here
