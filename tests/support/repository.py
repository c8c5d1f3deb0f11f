"""Builds small repositories for tests: the base repository of the rules' examples, with fragments laid over it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from modelfleet.finding import Finding, Rejected
from modelfleet.kubernetes import emit
from modelfleet.pipeline import fleet as pipeline
from modelfleet.reference.reference import base_repository
from modelfleet.resolve.catalog import release, release_names, shipped_runtime

Files = Mapping[str, Any]
"""Files by path, without `.yaml` where that is the ending: plain data, or the whole text; None removes a file."""


def laid_over(below: Any, above: Any) -> Any:
    """Maps merge key by key, all else is replaced; None takes away what is there."""
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    merged = dict(below)
    for key, value in above.items():
        if value is None and key in merged:
            del merged[key]
        else:
            merged[key] = laid_over(merged.get(key), value)
    return merged


def repository(*fragments: Files) -> dict[str, Any]:
    """The base repository with these fragments laid over it, one after the other."""
    whole: Any = deepcopy(dict(base_repository()))
    for fragment in fragments:
        whole = laid_over(whole, fragment)
    return dict(whole)


def write(root: Path, files: Files, encoding: str = "utf-8") -> Path:
    """Writes the files below the root, which is given back. `encoding` is that of files given as text.

    A path that ends in `/` is a folder, and the text `-> target` makes a symbolic link.
    """
    for path, content in files.items():
        place = root / (path if path.endswith("/") or "." in path.rpartition("/")[2] else f"{path}.yaml")
        if place.is_file():
            place.unlink()
        if path.endswith("/"):
            place.mkdir(parents=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and content.startswith("-> "):
            place.symlink_to(content.removeprefix("-> "))
        else:
            text = content if isinstance(content, str) else emit.dump(content)
            place.write_text(text, encoding if isinstance(content, str) else "utf-8", newline="")
    return root


def findings(root: Path) -> list[Finding]:
    """Everything that the pipeline says of the repository: what it refuses, or else its warnings."""
    try:
        return list(pipeline.fleet(root).warnings)
    except Rejected as rejected:
        return list(rejected.findings)


def images(release_name: str) -> dict[str, Any]:
    """An image for every container of every runtime of a release, as an environment gives them."""
    found = {}
    for name in release(release_name).runtimes:
        containers = [str(container["name"]) for container in shipped_runtime(release_name, name).containers]
        found[name] = {"images": dict.fromkeys(containers, f"registry.example.org/{name}:1")}
    return found


def releases() -> tuple[str, ...]:
    """All releases, oldest first."""
    return release_names()
