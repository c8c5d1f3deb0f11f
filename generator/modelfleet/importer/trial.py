"""An import tried out in a copy of the hand-written files, until everything in it that `check` refuses is out of it."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from modelfleet.finding import Finding, Rejected, Severity
from modelfleet.importer.definitions import DEFINITION
from modelfleet.importer.given import GivenObject
from modelfleet.importer.project import ImportDifference, ProjectImport
from modelfleet.layout import CRDS, environment_file
from modelfleet.pipeline.beside import UNKNOWN_KIND
from modelfleet.pipeline.fleet import fleet
from modelfleet.resolve.fleet import Fleet

_PATCH = re.compile(r"(models|servers|runtimes)\.(?P<entry>.+?)\.patch\.(?P<kind>[A-Za-z]+)(?:\[(?P<index>[0-9]+)\])?")
_ROUNDS = 12

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
    result: ProjectImport, root: Path, files_of: FilesOf, environment: str
) -> tuple[Fleet | None, list[Finding]]:
    """What the import renders to, after what is refused was taken out of it; or what is refused all the same."""
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
        taken = [
            finding
            for finding in _backwards(findings)
            if _defined(result, finding, defined) or _taken_out(result, finding)
        ]
        if not taken:
            break
    return None, findings


def _backwards(findings: list[Finding]) -> list[Finding]:
    """The last step of a patch first, so that indices stay true; each step once."""
    steps: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        match = _PATCH.match(finding.path)
        steps.setdefault((finding.at.file, match[0] if match else finding.path), finding)

    def index(finding: Finding) -> int:
        match = _PATCH.match(finding.path)
        return -int(match["index"]) if match and match["index"] else 0

    return sorted(steps.values(), key=index)


def _defined(result: ProjectImport, finding: Finding, taken: Collection[str]) -> bool:
    """Defines the kind of an object of which nothing is known; says whether that could be done."""
    one = result.beside.get(_stem(finding.at.file))
    if finding.code != UNKNOWN_KIND or one is None or _without_namespace(one, result):
        return False
    found = result.definitions.define(one.object, taken)
    if found is None:
        return False
    result.differences = [each for each in result.differences if each.label != f"{DEFINITION}/{found.name}"]
    return True


def _without_namespace(one: GivenObject, result: ProjectImport) -> bool:
    """Whether a cluster gave it out without a namespace, and others with one."""
    others = [
        each.namespace for each in result.wanted.values() if each.live and each.kind != "Namespace" and each is not one
    ]
    return one.live and one.namespace is None and bool(others) and all(others)


def _stem(file: str) -> str:
    return file.rpartition("/")[2].removesuffix(".yaml")


def _taken_out(result: ProjectImport, finding: Finding) -> bool:
    """Takes the step or the object that a finding speaks of out of the import; says whether there was one."""
    if finding.at.file.startswith("objects/"):
        one = result.beside.pop(_stem(finding.at.file), None)
        if one is not None:
            sentence = f"is left out: {finding.message} ({finding.code})"
            result.differences.append(ImportDifference(label=one.label, sentence=sentence))
            result.wanted.pop((one.kind, one.name), None)
        return one is not None
    match = _PATCH.match(finding.path)
    if match is None:
        return False
    entry: dict[str, object] | None = _entry(result, match[1], match["entry"])
    patch = entry.get("patch") if entry is not None else None
    if not isinstance(patch, dict) or match["kind"] not in patch or entry is None:
        return False
    steps = patch[match["kind"]]
    if match["index"] is None or int(match["index"]) >= len(steps):
        del patch[match["kind"]]
    else:
        del steps[int(match["index"])]
        if not steps:
            del patch[match["kind"]]
    if not patch:
        del entry["patch"]
    return True


def _entry(result: ProjectImport, kind: str, way: str) -> dict[str, object] | None:
    """The model, the server or the model on a server that a dotted way means; names may have dots."""
    entries: Mapping[str, dict[str, object]] = result.spec.get(kind, {})
    for name, entry in entries.items():
        if way == name:
            return entry
        inner = entry.get("models")
        if way.startswith(f"{name}.models.") and isinstance(inner, dict):
            found: dict[str, object] | None = inner.get(way.removeprefix(f"{name}.models."))
            return found
    return None
