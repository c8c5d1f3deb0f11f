"""An import from beginning to end: read, drafted, tried out, proven, and written where nothing would be lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from modelfleet.finding import Finding, Location, Rejected
from modelfleet.importer.given import read_given
from modelfleet.importer.lenient import Workshop
from modelfleet.importer.patches import patch_again
from modelfleet.importer.project import import_project
from modelfleet.importer.proof import ImportProof, prove_import
from modelfleet.importer.result import ImportDifference, ProjectImport
from modelfleet.importer.trial import scratch_copy, try_out
from modelfleet.importer.write import import_files
from modelfleet.layout import environment_file
from modelfleet.pipeline.project import TemplateCache
from modelfleet.pipeline.repository import environment_of
from modelfleet.records import dataclass
from modelfleet.resolve.catalog import catalog_runtimes
from modelfleet.spec.discover import discover
from modelfleet.spec.load import Document, read_document


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOutcome:
    """An import, the files that it writes, and its proof; or what `check` would refuse, where that is not to be helped."""

    result: ProjectImport
    files: Mapping[str, str]
    proof: ImportProof
    refused: tuple[Finding, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is lost and nothing is refused."""
        return self.proof.holds and not self.refused


def project_import(
    root: Path, name: str, environment: str, sources: Sequence[str], stdin: Callable[[], bytes]
) -> ImportOutcome:
    """The import of a project into an environment. Raises Rejected and MachineFailed as reading does."""
    given = read_given(sources, stdin)
    workshop = _workshop(root, name, environment)
    result = import_project(name, given, workshop, _used(root, name))
    fleet, refused = try_out(
        result,
        root,
        lambda found: import_files(found, environment),
        environment,
        lambda: patch_again(result, result.wanted.values(), workshop),
    )
    if fleet is not None:
        proof = prove_import(result, fleet.deployed[0])
    else:
        proof = ImportProof(equal=0, differences=tuple(result.differences), rows=())
    path = root / f"projects/{name}.yaml"
    existing = path.read_text(encoding="utf-8") if path.is_file() else None
    files = import_files(result, environment, existing)
    return ImportOutcome(result=result, files=files, proof=proof, refused=tuple(refused))


def _workshop(root: Path, project: str, environment: str) -> Workshop:
    """The environment and its runtimes. Raises Rejected where that is not written, or wrong."""
    file = environment_file(environment)
    if not (root / file).is_file():
        finding = Finding(
            at=Location(file),
            code="IMP002",
            message="there is no such environment",
            hint=f"write it, or `modelfleet import environment {environment}` what describes the cluster",
        )
        raise Rejected([finding])
    base = read_document(root, "environments/base.yaml") if (root / "environments/base.yaml").is_file() else None
    found, findings = environment_of(environment, read_document(root, file), base)
    if findings or found.release is None:
        missing = Finding(at=Location(file), code="IMP003", message="it has no release", hint="add release: rhoai-...")
        raise Rejected(findings or [missing])
    with scratch_copy(root, environment) as copy:
        documents = [
            (layer, read_document(copy, path.relative_to(copy).as_posix()))
            for layer, folder in ((None, "runtimes"), (environment, f"runtimes/{environment}"))
            for path in sorted((copy / folder).glob("*.yaml"))
        ]
    catalog, findings = catalog_runtimes(documents)
    if findings:
        raise Rejected(findings)
    return Workshop(project=project, environment=found, catalog=catalog, templates=TemplateCache())


def _used(root: Path, project: str) -> set[str]:
    """The runtimes that other projects name."""
    if not (root / "projects").is_dir():
        return set()
    found: set[str] = set()
    for name, file in discover(root).projects.items() if any((root / "projects").glob("*.yaml")) else ():
        if name != project:
            found |= _runtimes_in(read_document(root, file))
    return found


def _runtimes_in(document: Document) -> set[str]:
    found: set[str] = set()
    waiting = [document.data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            found |= {value["runtime"]} if isinstance(value.get("runtime"), str) else set()
            waiting += value.values()
    return found


def difference_line(one: ImportDifference) -> str:
    """A difference as one line."""
    return f"{one.label} {one.path}: {one.sentence}" if one.path else f"{one.label}: {one.sentence}"
