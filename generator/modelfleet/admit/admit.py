"""What a cluster of a release would do with manifests, told without one: accept, refuse, or accept and never get ready.

Works on files of any origin (`admit_reading`) with the schemas of a release (`admit_schemas`) and its admission rules;
knows nothing of our specs. `admit_report` says what was found.
"""

from __future__ import annotations

import shlex
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelfleet.finding import Finding, Location, MachineFailed, Pointer, Rejected, Severity
from modelfleet.kubernetes.objects import Peers, by_name, mapping, text
from modelfleet.kubernetes.schemas import FolderSchemas, SchemaSource
from modelfleet.kubernetes.yaml import ParsedDocument, Unreadable, read_documents
from modelfleet.layout import APPLICATION_FILE
from modelfleet.records import dataclass
from modelfleet.resolve.release import Release
from modelfleet.rules import Violation
from modelfleet.rules.admission.request import AdmissionRule, display
from modelfleet.rules.admission.rulebook import Rulebook, rulebook
from modelfleet.rules.admission.schema import schema_check
from modelfleet.rules.admission.text import no_object, unreadable, written_twice
from modelfleet.wording import printable

MAX_INPUT_BYTES = 64 << 20
STDIN = "-"

NO_SCHEMA = "no schema known for this kind"
"""The note of a verdict that stands on the object's name alone."""

_STAGES = ("schema", "cel", "webhook", "reconcile", "run")


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFile:
    """A file to judge: its content, and that of its counterpart in the folder of live objects, if it has one."""

    file: str
    content: bytes
    existing: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectViolation:
    """One thing that is wrong with an object, and where it is written."""

    code: str
    stage: str
    at: Location
    pointer: Pointer
    message: str
    hint: str
    severity: Severity

    @property
    def order(self) -> tuple[bool, int, Location, str]:
        """What stops an object first comes first."""
        return (self.severity is not Severity.ERROR, _STAGES.index(self.stage), self.at, self.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionVerdict:
    """What becomes of one object. `found` is sorted, the worst first; `note` says what could not be judged."""

    at: Location
    api_version: str
    kind: str
    namespace: str
    name: str
    found: tuple[ObjectViolation, ...]
    note: str = ""

    @property
    def rejected(self) -> bool:
        """Whether the cluster refuses it, at once or when its controller gives up."""
        return bool(self.found) and self.found[0].severity is Severity.ERROR

    @property
    def stuck(self) -> bool:
        """Whether it is accepted and never gets ready."""
        return not self.rejected and any(found.stage == "reconcile" for found in self.found)

    @property
    def label(self) -> str:
        """The object for people: kind, namespace and name."""
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {name}".strip()


def admit_files(
    given: Iterable[ManifestFile], release: Release, folders: Sequence[Path], default_mode: str | None = None
) -> list[AdmissionVerdict]:
    """A verdict for each object of the files, by the rules of a release and with the schemas of these folders.

    `default_mode` is the cluster's deployment mode where none is written, if it is not the release's own default.
    Raises Rejected where the counterpart of a file is not valid YAML.
    """
    capabilities = release.capabilities
    if default_mode is not None:
        capabilities = {**capabilities, "defaultMode": capabilities["rewritesModes"].get(default_mode, default_mode)}
    return admit(given, rulebook(capabilities, release.terms), FolderSchemas(folders))


def passed(verdicts: Sequence[AdmissionVerdict]) -> bool:
    """Whether there is something, and nothing of it is refused: what has failed pipes nothing to judge."""
    return bool(verdicts) and not any(verdict.rejected for verdict in verdicts)


def gather(files: Sequence[str], existing: Path | None, stdin: Callable[[], bytes]) -> list[ManifestFile]:
    """Reads the files (`-` is what `stdin` gives) and their counterparts of the same name.

    Raises Rejected for every file that cannot be one, MachineFailed where one cannot be read.
    """
    findings: list[Finding] = []
    if existing is not None and not existing.is_dir():
        findings.append(_no_file(str(existing), "there is no such folder"))
    given = []
    findings += _for_kustomize(files)
    for file in files:
        try:
            content = stdin() if file == STDIN else _content(Path(file))
            other = existing / Path(file).name if existing is not None and file != STDIN else None
            live = _content(other) if other is not None and other.is_file() else None
        except Rejected as rejected:
            findings += rejected.findings
            continue
        given.append(ManifestFile(file="(stdin)" if file == STDIN else file, content=content, existing=live))
    if findings:
        raise Rejected(findings)
    return given


def _content(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            hint = "name its files" if stat.S_ISDIR(status.st_mode) else "pipe it in and name the file -"
            raise Rejected([_no_file(str(path), "it is not a regular file", hint)])
        if status.st_size > MAX_INPUT_BYTES:
            raise Rejected([_no_file(str(path), f"it is larger than {MAX_INPUT_BYTES >> 20} MiB", "split it")])
        return path.read_bytes()
    except FileNotFoundError as error:
        raise Rejected([_no_file(str(path), "there is no such file")]) from error
    except OSError as error:
        message = f"{printable(str(path))} cannot be read: {error.strerror}"
        raise MachineFailed(message) from error


def _for_kustomize(files: Iterable[str]) -> Iterator[Finding]:
    """One finding for each folder of which the files are given that kustomize or Argo CD builds from."""
    folders: set[Path] = set()
    for file in files:
        folder, name = Path(file).parent, Path(file).name
        if name in _BUILT_FROM and folder not in folders:
            folders.add(folder)
            command = f"kustomize build {shlex.quote(str(folder))} | modelfleet admit --release RELEASE -"
            yield _no_file(
                file, "no cluster is given this: kustomize or Argo CD reads it", f"judge what it builds: {command}"
            )


_BUILT_FROM = ("kustomization.yaml", "kustomization.yml", "Kustomization", APPLICATION_FILE)


def _no_file(file: str, message: str, hint: str = "") -> Finding:
    return Finding(at=Location(file), code=unreadable.code, message=message, hint=hint)


def admit(given: Iterable[ManifestFile], rules: Rulebook, schemas: SchemaSource) -> list[AdmissionVerdict]:
    """A verdict for each object of the files, in their order.

    Each file is judged alone: several may hold one object, such as overlays. Only what an object names is looked up in
    the other files, where one object alone has the name. Raises Rejected where the counterpart of a file is not valid YAML.
    """
    kinds = _Kinds(schemas)
    files = [(one, list(read_documents(one.content, one.file))) for one in given]
    elsewhere = _named_once(part for _, parts in files for part in parts)
    return [verdict for one, parts in files for verdict in _of_file(one, parts, rules, kinds, elsewhere)]


def _named_once(parts: Iterable[ParsedDocument | Unreadable]) -> Peers:
    objects = [part.data for part in parts if isinstance(part, ParsedDocument) and isinstance(part.data, dict)]
    counts = Counter((text(item.get("kind")), *_named(item)) for item in objects)
    return by_name(item for item in objects if counts[text(item.get("kind")), *_named(item)] == 1)


_Check = Callable[[Mapping[str, Any]], Iterator[Violation]]


class _Kinds:
    """What is known of each kind; a schema is compiled when the first object of its kind comes."""

    def __init__(self, schemas: SchemaSource) -> None:
        self.schemas = schemas
        self.known: dict[tuple[str, str], tuple[_Check | None, Sequence[str]]] = {}

    def of(self, item: Mapping[str, Any]) -> tuple[_Check | None, Sequence[str]]:
        """The check by the schema of an object's kind; without one, the versions in which its kind is known."""
        api_version, kind = text(item.get("apiVersion")), text(item.get("kind"))
        if (api_version, kind) not in self.known:
            group, _, version = api_version.rpartition("/")
            schema = self.schemas.schema(group, version, kind)
            found = (None, self.schemas.versions(group, kind)) if schema is None else (schema_check(schema), ())
            self.known[api_version, kind] = found
        return self.known[api_version, kind]


def _of_file(
    given: ManifestFile, parts: Sequence[ParsedDocument | Unreadable], rules: Rulebook, kinds: _Kinds, elsewhere: Peers
) -> list[AdmissionVerdict]:
    written = [part for part in parts if isinstance(part, ParsedDocument)]
    court = _Court(rules, kinds, _live_objects(given), elsewhere, alone=len(written) == 1)
    judged = {id(part): court.judge(part) for part in court.in_order(written)}
    return [judged[id(part)] if isinstance(part, ParsedDocument) else _of_unreadable(part) for part in parts]


def _live_objects(given: ManifestFile) -> list[dict[str, Any]]:
    parts = list(read_documents(given.existing or b"", f"{given.file} (live)"))
    broken = [part for part in parts if isinstance(part, Unreadable)]
    if broken:
        raise Rejected([Finding(at=part.at, code=unreadable.code, message=part.message) for part in broken])
    return [part.data for part in parts if isinstance(part, ParsedDocument) and isinstance(part.data, dict)]


class _Court:
    """Judges the objects of one file beside each other and beside the live ones."""

    def __init__(
        self, rules: Rulebook, kinds: _Kinds, live: list[dict[str, Any]], elsewhere: Peers, *, alone: bool
    ) -> None:
        self.rules, self.kinds, self.elsewhere, self.alone = rules, kinds, elsewhere, alone
        self.live: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.peers: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
        for item in live:
            self._admitted(item)
            self.live.setdefault((text(item.get("kind")), _named(item)[1]), []).append(item)

    def in_order(self, written: Sequence[ParsedDocument]) -> Iterator[ParsedDocument]:
        """Runtimes first, each beside the earlier ones only, so that of two that conflict the later one is refused."""
        runtimes = [part for part in written if mapping(part.data).get("kind") == "ServingRuntime"]
        others = [part for part in written if mapping(part.data).get("kind") != "ServingRuntime"]
        for part in others:
            self._admitted(mapping(part.data))
        for part in runtimes:
            yield part
            self._admitted(mapping(part.data))
        yield from others

    def _admitted(self, item: Mapping[str, Any]) -> None:
        for place, named in by_name([item]).items():
            self.peers.setdefault(place, {}).update(named)

    def _live(self, item: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The live object of the same name; a namespace that one of them leaves out is the other's."""
        namespace, name = _named(item)
        candidates = self.live.get((text(item.get("kind")), name), [])
        for candidate in candidates:
            if _named(candidate)[0] == namespace:
                return candidate
        if len(candidates) == 1 and (not namespace or not _named(candidates[0])[0]):
            return candidates[0]
        nameless = self.live.get(("", ""), []) if self.alone else []  # a part, such as a status alone
        return nameless[0] if len(nameless) == 1 else None

    def judge(self, part: ParsedDocument) -> AdmissionVerdict:
        """Everything that is known about one object."""
        if not isinstance(part.data, dict):
            violation = Violation(
                pointer=(), message="the document is not an object", hint="an object is a map with a kind"
            )
            return _verdict(part, {}, [_found(no_object, violation, part)])
        check, versions = self.kinds.of(part.data)
        live = self._live(part.data)
        known = {"old_object": live, "peers": self.peers, "elsewhere": self.elsewhere}
        request = self.rules.request(part.data, schema=check, versions=versions, **known)
        found = [_found(rule, violation, part) for rule, violation in self.rules.check(request)]
        found += [_twice(key, at) for key, at in part.twice]
        named = part.data.get("apiVersion") and part.data.get("kind")
        return _verdict(part, part.data, found, note=NO_SCHEMA if named and not check and not versions else "")


def _named(item: Mapping[str, Any]) -> tuple[str, str]:
    metadata = mapping(item.get("metadata"))
    return text(metadata.get("namespace")), text(metadata.get("name"))


def _found(rule: AdmissionRule, violation: Violation, part: ParsedDocument) -> ObjectViolation:
    return ObjectViolation(
        code=rule.code,
        stage=rule.stage,
        at=part.at(violation.pointer, violation.key),
        pointer=violation.pointer,
        message=violation.message,
        hint=violation.hint,
        severity=violation.severity,
    )


def _twice(key: str, at: Location) -> ObjectViolation:
    return ObjectViolation(
        code=written_twice.code,
        stage=written_twice.stage,
        at=at,
        pointer=(),
        message=f"the key {display(key)} is written twice; kubectl takes the last, kustomize refuses the file",
        hint="keep one of them",
        severity=Severity.WARNING,
    )


def _verdict(
    part: ParsedDocument, item: Mapping[str, Any], found: Iterable[ObjectViolation], note: str = ""
) -> AdmissionVerdict:
    namespace, name = _named(item)
    return AdmissionVerdict(
        at=part.at(()),
        api_version=text(item.get("apiVersion")),
        kind=text(item.get("kind")),
        namespace=namespace,
        name=name,
        found=tuple(sorted(found, key=lambda one: one.order)),
        note=note,
    )


def _of_unreadable(part: Unreadable) -> AdmissionVerdict:
    found = ObjectViolation(
        code=unreadable.code,
        stage=unreadable.stage,
        at=part.at,
        pointer=(),
        message=part.message,
        hint=part.hint,
        severity=Severity.ERROR,
    )
    return AdmissionVerdict(at=part.at, api_version="", kind="", namespace="", name="", found=(found,))
