"""Puts what is made of data, templates and schemas into the wheel, so that no start makes it: a package may be read-only.

hatchling calls it as it builds. What it adds is believed only for the very bytes that it was made from, as is what a checkout
keeps for itself.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ASIDE = "start"  # of data: files for new repositories, most of which are copied and not read


class CompileData(BuildHookInterface[Any]):
    """Adds one file of JSON for each file of data, each template and each schema."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the wheel is built."""
        if version == "editable":  # which keeps it beside its source
            return
        self.place = Path(tempfile.mkdtemp(prefix="modelfleet-"))
        sources = Path(self.root) / "generator"
        before = sys.pycache_prefix, sys.dont_write_bytecode
        sys.path.insert(0, str(sources))
        sys.pycache_prefix, sys.dont_write_bytecode = str(self.place), False
        try:
            for inside, kept in compiled(Path(self.root)):
                target = Path("modelfleet", inside).parent / "__pycache__" / kept.name
                build_data["force_include"][str(kept)] = target.as_posix()
        finally:
            sys.path.remove(str(sources))
            sys.pycache_prefix, sys.dont_write_bytecode = before

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """After it."""
        if version != "editable":
            shutil.rmtree(self.place)


def compiled(root: Path) -> Iterator[tuple[Path, Path]]:
    """Each file of data, each template and each schema, below the package, with where what is made of it is kept."""
    from modelfleet.packaged import kept_place, packaged_data
    from modelfleet.render.compile import compiled as program
    from modelfleet.spec.schema import bare_schema

    package = root / "generator" / "modelfleet"
    for path in sorted((package / "data").rglob("*.yaml")):
        inside = path.relative_to(package)
        if ASIDE not in inside.parts:
            packaged_data(path.relative_to(package / "data").with_suffix("").as_posix())
            yield inside, kept_place(path)
    for path in sorted((root / "templates").rglob("*.j2")):
        program(path, path.read_bytes())
        yield path.relative_to(root), kept_place(path)
    for path in sorted((root / "schemas").glob("*.json")):
        bare_schema(path.name.removesuffix(".schema.json"))
        yield path.relative_to(root), kept_place(path)
