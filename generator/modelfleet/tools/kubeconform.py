"""kubeconform: what it says of objects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelfleet.finding import MachineFailed
from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass
from modelfleet.tools.crds import SCHEMA_LOCATION
from modelfleet.tools.install import Tool
from modelfleet.tools.processes import run
from modelfleet.tools.schemas import Schemas

_PROBLEM = lazy_pattern(r" - at '([^']*)': (.*?)(?=\s+- at '|$)")
_ONLY_HEADING = lazy_pattern(r"(?:validation|'?(?:allOf|anyOf|oneOf)'?) failed")  # 0.8 quotes the word


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeconformVerdict:
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
    verdicts: tuple[KubeconformVerdict, ...]


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


def _verdict(result: Mapping[str, Any], labels: Mapping[str, str]) -> KubeconformVerdict:
    """Its `validationErrors` name only the outermost place, so the places are taken from its message."""
    found = [(at, what) for at, what in _PROBLEM.findall(result["msg"]) if not _ONLY_HEADING.match(what)]
    return KubeconformVerdict(
        label=labels[Path(result["filename"]).name],
        kind=result["kind"],
        name=result["name"],
        status=result["status"].removeprefix("status").lower(),
        problems=tuple(dict.fromkeys(found)) or (("", result["msg"]),),
    )
