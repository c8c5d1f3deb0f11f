"""An import tried out in a copy of the hand-written files, until everything in it that `check` refuses is out of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from modelfleet.finding import Finding, Rejected, Severity
from modelfleet.importer.refused import take_out
from modelfleet.importer.result import ProjectImport
from modelfleet.layout import CRDS, environment_file
from modelfleet.pipeline.fleet import fleet
from modelfleet.resolve.fleet import Fleet

_ROUNDS = 60

FilesOf = Callable[[ProjectImport], Mapping[str, str]]
"""What is written for an import: the content of each file by its path."""


@contextmanager
def scratch_copy(root: Path, environment: str) -> Iterator[Path]:
    """A copy of the files that say what an environment is, in which nothing else can be wrong."""
    with tempfile.TemporaryDirectory(prefix="modelfleet-import-") as folder:
        copy = Path(folder)
        for name in ("environments/base.yaml", environment_file(environment)):
            _copied(root / name, copy / name)
        for folder_name in ("runtimes", f"runtimes/{environment}", CRDS, "models"):
            for path in sorted((root / folder_name).glob("*.yaml")):
                _copied(path, copy / folder_name / path.name)
        yield copy


def _copied(path: Path, copy: Path) -> None:
    if path.is_file() and not path.is_symlink():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def try_out(
    result: ProjectImport, root: Path, files_of: FilesOf, environment: str, patch: Callable[[], None]
) -> tuple[Fleet | None, list[Finding]]:
    """What the import renders to, after what is refused was taken out of it; or what is refused all the same.

    `patch` writes the patches again that the spec needs then.
    """
    findings: list[Finding] = []
    defined = [path.stem for path in (root / CRDS).glob("*.yaml")]
    for _ in range(_ROUNDS):
        with scratch_copy(root, environment) as copy:
            for file, content in files_of(result).items():
                (copy / file).parent.mkdir(parents=True, exist_ok=True)
                (copy / file).write_text(content, encoding="utf-8")
            try:
                return fleet(copy, though_crowded=True), []
            except Rejected as rejected:
                findings = [one for one in rejected.findings if one.severity is Severity.ERROR]
        if not take_out(result, findings, defined):
            break
        patch()
    return None, findings
