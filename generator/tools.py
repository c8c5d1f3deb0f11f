"""The real tools: finds or installs them, and runs them.

It judges nothing that they say: `verify` and `plan` do. All that is installed goes into `.tools/` of the repository,
under names that hold the version, so that what is there is what is wanted. Which versions: `data/tools.yaml`.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.api_schemas import Schemas
from generator.crds import SCHEMA_LOCATION
from generator.finding import MachineFailed
from generator.golang import ASK_S, provide_go
from generator.processes import Done, Surroundings, on_path, reason, run, two_at_a_time
from generator.toolbox import FOLDER, INSTALL_S, Say, alone, explained, fresh_folder, numbers, pinned

MAIN = ("kustomize", "kubeconform")
"""The tools that `verify` needs."""

_MOST_MEMORY = 4 << 30  # address space of a kustomize that builds what someone else has written

# Two run at a time, each on one core; most end before they need to collect garbage, which saves a fifth of their time.
_FEW_OBJECTS = {"GOMAXPROCS": "1", "GOGC": "off", "GOMEMLIMIT": "1GiB"}

_PROBLEM = re.compile(r" - at '([^']*)': (.*?)(?=\s+- at '|$)")
_ONLY_HEADING = re.compile(r"(?:validation|'?(?:allOf|anyOf|oneOf)'?) failed")  # 0.8 quotes the word


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that is there, with its version such as `5.7.1`."""

    name: str
    version: str
    path: Path

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


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


def locate(root: Path, name: str) -> Tool | None:
    """A tool that is there: on PATH in a version that we support, else installed earlier in `.tools/`."""
    entry = pinned()["tools"][name]
    path = on_path(entry["program"])
    if path is not None:
        version = _version_of(path, entry)
        if version is not None and numbers(entry["from"]) <= numbers(version) < numbers(entry["below"]):
            return Tool(name, version, path)
    return _installed(root, name)


def _installed(root: Path, name: str) -> Tool | None:
    entry = pinned()["tools"][name]
    path = root / FOLDER / "bin" / f"{entry['program']}-{entry['version']}"
    return Tool(name, entry["version"], path.absolute()) if os.access(path, os.X_OK) else None


def _version_of(path: Path, entry: Mapping[str, Any]) -> str | None:
    """What the program says of itself; or, as one made by `go install` does not know, what Go has built into it."""
    try:
        said = run([path, *entry["ask"]], Path("/"), limit_s=ASK_S)
    except MachineFailed:
        return None  # a program that does not start is no tool of ours; the pinned one is installed
    if match := re.search(rb"\bv?(\d+\.\d+\.\d+)\b", said.out):
        return match[1].decode()
    built = rb"\nmod\t%s\tv(\d+\.\d+\.\d+)\t" % re.escape(entry["module"]).encode()
    match = re.search(built, path.read_bytes())
    return match[1].decode() if match else None


def ensure(root: Path, names: Iterable[str], say: Say) -> dict[str, Tool]:
    """The tools by name, installed where they are missing. Raises MachineFailed where that is not possible."""
    wanted = tuple(names)
    found = {name: tool for name in wanted if (tool := locate(root, name))}
    missing = [name for name in wanted if name not in found]
    if missing:
        with alone(root, say):
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
    with explained(f"{what} cannot be installed", remedy):
        go = provide_go(root, say)
        say(f"{what}: building it with {go.version}, once; this takes up to a few minutes")
        begun = time.monotonic()
        with fresh_folder(root) as folder:
            wanted = f"{entry['package']}@v{entry['version']}"
            done = go.run(["install", wanted], folder, INSTALL_S, GOBIN=str(folder))
            if done.code:
                message = f"`go install {wanted}`: {reason(done.err).rpartition(f'{wanted}: ')[2]}"
                raise MachineFailed(message)
            target = root / FOLDER / "bin" / f"{entry['program']}-{entry['version']}"
            target.parent.mkdir(exist_ok=True)
            (folder / entry["program"]).replace(target)
    say(f"{what}: ready after {time.monotonic() - begun:.0f} s")
    return Tool(name, entry["version"], target.absolute())


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
    return two_at_a_time(lambda batch: kustomize_build(tool, *batch), batches)


def kubeconform(tool: Tool, found: Schemas, documents: Mapping[str, bytes], limit_s: float = 300.0) -> Conformity:
    """What kubeconform says of YAML streams by label. Strict; a kind without a schema is an error, never skipped."""
    import tempfile

    labels = {f"{index}.yaml": label for index, label in enumerate(documents)}
    with tempfile.TemporaryDirectory(prefix="modelfleet-") as name:
        for file, label in labels.items():
            Path(name, file).write_bytes(documents[label])
        words: list[str] = [str(tool.path), "-strict", "-summary", "-output", "json", "-n", "2"]
        for folder in found.folders:
            words += ["-schema-location", f"{folder}/{SCHEMA_LOCATION}"]
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
