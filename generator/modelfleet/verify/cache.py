"""Which overlays `verify` found good before, and by what it is known that they still are.

One file an environment, in the user's cache: what is committed can vouch for nothing.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelfleet.finding import MachineFailed
from modelfleet.tools.folder import cache_folder
from modelfleet.wording import printable

_EDITION = "2"  # raised whenever `verify` looks at more: what was found good before may not be any more


def key_of(
    overlay: str,
    objects: Sequence[Mapping[str, Any]],
    used: Sequence[str],
    content: Callable[[str], tuple[bytes, Sequence[str]]],
) -> str:
    """Differs wherever the outcome could: by the objects, the files of the overlay and its bases, the tools and schemas `used`.

    `content` gives for a folder what `folder_content` does.
    """
    import hashlib

    total = hashlib.sha256(json.dumps([[_EDITION, *used], objects]).encode())
    folders = [overlay]
    for folder in folders:
        digest, below = content(folder)
        total.update(b"\0" + os.fsencode(folder) + b"\0" + digest)
        folders += [each for each in below if each not in folders]
    return total.hexdigest()


def folder_content(root: Path, folder: str) -> tuple[bytes, Sequence[str]]:
    """A digest of the files of a folder, and the folders that its kustomization refers to."""
    import hashlib

    total = hashlib.sha256()
    place = root / folder
    for entry in sorted(os.scandir(place), key=lambda entry: entry.name) if place.is_dir() else ():
        if entry.is_file():
            content = Path(entry).read_bytes()
            total.update(os.fsencode(entry.name) + b"\0%d\0" % len(content) + content)
    return total.digest(), bases_of(root, folder)


_RESOURCE_FOLDER = re.compile(rb"^- (\.\./[^\n]+)$", re.MULTILINE)


def bases_of(root: Path, folder: str) -> list[str]:
    """The folders that the kustomization of a folder refers to."""
    kustomization = root / folder / "kustomization.yaml"
    words = _RESOURCE_FOLDER.findall(kustomization.read_bytes()) if kustomization.is_file() else []
    found = [os.path.normpath(f"{folder}/{os.fsdecode(word)}") for word in words]
    return [each for each in found if not each.startswith("..") and (root / each).is_dir()]


def _memory(root: Path, environment: str) -> Path:
    import hashlib

    place = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]
    return cache_folder(root) / "verified" / f"{place}-{environment}.json"


def remembered(root: Path, environment: str) -> dict[str, str]:
    """The keys of the overlays of an environment that were found good, by folder."""
    path = _memory(root, environment)
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):  # nothing is known, so everything is verified
        return {}
    return found if isinstance(found, dict) else {}


def remember(root: Path, environment: str, known: Mapping[str, str]) -> None:
    """Keeps such keys, of the folders that are there. Raises MachineFailed."""
    path = _memory(root, environment)
    there = {folder: key for folder, key in sorted(known.items()) if (root / folder).is_dir()}
    if there == remembered(root, environment):
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(there, indent=0), "utf-8")
        fresh.replace(path)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}; make it writable, or remove it"
        raise MachineFailed(printable(message)) from error
