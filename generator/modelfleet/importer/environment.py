"""An environment's file from what describes a cluster: the facts laid into it, each with where it came from.

Comments and facts of the user's stay; a fact that the input tells otherwise takes the place of the old one, which is said.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from modelfleet.finding import Finding, Rejected, Severity, dotted
from modelfleet.importer.cluster_facts import (
    ClusterFact,
    cluster_facts,
    is_own_template,
    told_release,
)
from modelfleet.importer.given import GivenObject, read_given
from modelfleet.importer.nodes import node_groups
from modelfleet.importer.queues import queues_of
from modelfleet.importer.write import plain, round_trip
from modelfleet.kubernetes import emit
from modelfleet.kubernetes.objects import same_value
from modelfleet.layout import environment_file
from modelfleet.records import dataclass
from modelfleet.resolve.catalog import release, release_names
from modelfleet.resolve.release import Release
from modelfleet.spec.load import parse, read_document
from modelfleet.spec.schema import MISSING_KEY, validate

_NEW = "# yaml-language-server: $schema=../schemas/environment.schema.json\nversion: 1\n"


@dataclass(slots=True, kw_only=True)
class EnvironmentImport:
    """The files of an environment, and what became of each fact: new, changed, or the same as it stands there."""

    files: dict[str, str] = field(default_factory=dict)
    new: list[ClusterFact] = field(default_factory=list)
    changed: list[tuple[ClusterFact, Any]] = field(default_factory=list)
    same: list[ClusterFact] = field(default_factory=list)
    refused: list[tuple[ClusterFact, str]] = field(default_factory=list)
    unread: list[Finding] = field(default_factory=list)
    left: list[tuple[GivenObject, str]] = field(default_factory=list)


def environment_import(root: Path, name: str, sources: Sequence[str], stdin: Callable[[], bytes]) -> EnvironmentImport:
    """Reads what describes a cluster. Raises Rejected and MachineFailed as reading does; writes nothing."""
    result = EnvironmentImport()
    given = read_given(sources, stdin, result.unread)
    file = environment_file(name)
    content = read_document(root, file).text if (root / file).is_file() else _NEW
    base = read_document(root, "environments/base.yaml").data if (root / "environments/base.yaml").is_file() else {}
    yaml = round_trip()
    document = yaml.load(content)
    known = _release(given, document, base)
    facts = [*_facts(given, known, result)]
    offers = _laid_together(base.get("accelerators") or {}, plain(document).get("accelerators") or {}, facts)
    facts += [
        ClusterFact(pointer=("nodes", group), value=value, source="Nodes")
        for group, value in node_groups(given, offers)
    ]
    for fact in facts:
        if (reason := _refusal(fact, file)) is not None:
            result.refused.append((fact, reason))
        else:
            _lay(document, base, fact, result)
    for one in given:
        if is_own_template(one, known):
            runtime = one.object["objects"][0]["metadata"]["name"]
            metadata = {key: value for key, value in one.object["metadata"].items() if key != "namespace"}
            result.files[f"runtimes/{name}/{runtime}.yaml"] = emit.dump({**one.object, "metadata": metadata})
    written = io.StringIO()
    yaml.dump(document, written)
    parse(written.getvalue().encode(), file)  # what was put into it must be readable again
    result.files = {file: written.getvalue(), **result.files}
    return result


def _facts(given: Sequence[GivenObject], known: Release | None, result: EnvironmentImport) -> Iterator[ClusterFact]:
    """All facts that objects tell by themselves; the objects that tell none are noted."""
    queues = dict[str, Any]()
    led_to = set[str]()
    for one, queue in queues_of(given):
        led_to.add(queue["clusterQueue"])
        if queues.setdefault(one.name, queue) != queue:
            result.left.append((one, "another queue of its name leads elsewhere"))
    for one in given:
        told = cluster_facts(one, known)
        if one.kind == "LocalQueue" and one.name in queues:
            told = [ClusterFact(pointer=("queues", one.name), value=queues.pop(one.name), source=one.label)]
        yield from told
        elsewhere = one.kind in ("Node", "LocalQueue") or (one.kind == "ClusterQueue" and one.name in led_to)
        if not told and not elsewhere and not is_own_template(one, known):
            result.left.append((one, "it holds no fact of an environment"))


def _refusal(fact: ClusterFact, file: str) -> str | None:
    """Why a fact cannot stand in an environment's file; None where it can."""
    value = fact.value
    for step in reversed(fact.pointer):
        value = {step: value}
    place = dotted(fact.pointer)
    try:
        document = parse(emit.dump({"version": 1, **value}).encode(), file)
    except Rejected as rejected:
        return rejected.findings[0].message
    for found in validate(document, "environment"):
        inside = found.path.startswith(place) or (place.startswith(found.path) and found.code != MISSING_KEY)
        if found.path and inside and found.severity is Severity.ERROR:
            return found.message
    return None


def _release(given: Sequence[GivenObject], document: Any, base: Any) -> Release | None:
    """The release that the input tells, else the one that is written."""
    told = [name for one in given if (name := told_release(one)) is not None]
    written = [str(part["release"]) for part in (document, base) if isinstance(part, dict) and part.get("release")]
    found = next((name for name in (*told, *written) if name in release_names()), None)
    return release(found) if found is not None else None


def _laid_together(base: Any, own: Any, facts: Sequence[ClusterFact]) -> dict[str, dict[str, Any]]:
    """The accelerators as they will be, for what is said of nodes."""
    found = {name: {**(base.get(name) or {}), **(own.get(name) or {})} for name in {**base, **own}}
    for fact in facts:
        if fact.pointer[0] == "accelerators":
            found.setdefault(fact.pointer[1], {})[fact.pointer[2]] = fact.value
    return found


_ABSENT = object()


def _at(data: Any, pointer: tuple[str, ...]) -> Any:
    for step in pointer:
        if not isinstance(data, dict) or step not in data:
            return _ABSENT
        data = data[step]
    return data


def _lay(document: Any, base: Any, fact: ClusterFact, result: EnvironmentImport) -> None:
    """Puts a fact into the file, unless the file or base.yaml says it already."""
    own, shared = _at(plain(document), fact.pointer), _at(base, fact.pointer)
    effective = shared if own is _ABSENT else own
    if effective is not _ABSENT and _means_same(effective, fact.value):
        result.same.append(fact)
        return
    if isinstance(own, dict) and isinstance(fact.value, dict):  # beside it more may be said, which stays
        for name, value in fact.value.items():
            _lay(document, base, replace(fact, pointer=(*fact.pointer, name), value=value), result)
        return
    holder = document
    for step in fact.pointer[:-1]:
        if not isinstance(holder.get(step), dict):
            holder[step] = round_trip().load("{}")
            holder[step].fa.set_block_style()
        holder = holder[step]
    key = fact.pointer[-1]
    holder[key] = round_trip().load(emit.dump({"value": fact.value}))["value"]
    if not isinstance(fact.value, dict | list):
        holder.yaml_add_eol_comment(f"from {fact.source}", key)
    elif holder.fa.flow_style() is not True:
        indent = 2 * (len(fact.pointer) - 1)
        holder.yaml_set_comment_before_after_key(key, before=f"from {fact.source}", indent=indent)
    if effective is _ABSENT:
        result.new.append(fact)
    else:
        result.changed.append((fact, effective))


def _means_same(written: Any, told: Any) -> bool:
    """Whether a fact is said already; amounts in any spelling, and more may be said than is told."""
    if isinstance(written, dict) and isinstance(told, dict):
        return all(key in written and _means_same(written[key], value) for key, value in told.items())
    if isinstance(written, list) and isinstance(told, list):
        return len(written) == len(told) and all(map(_means_same, written, told))
    return same_value(written, told) or (type(written) in (int, str) and str(written) == str(told))
