"""Proves the generated tree with the real tools: every overlay builds to exactly what was meant, and clusters take it.

What kustomize builds is compared object for object, key for key and type for type; then kubeconform and the schemas of
kubernetes-validate judge it. An overlay that was found good before is not built again as long as its files, its
objects, the tools and the schemas are the same. What is meant is settled elsewhere, and nothing is repaired here.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from modelfleet.finding import Finding, Location, MachineFailed
from modelfleet.kubernetes.shape import wrong_shape
from modelfleet.kubernetes.yaml import ParsedObject, UnreadableYaml, objects_of
from modelfleet.records import dataclass
from modelfleet.spec.secret_names import redacted_pointer
from modelfleet.tools.folder import Say
from modelfleet.tools.install import Tool
from modelfleet.tools.kustomize import kustomize_builds
from modelfleet.tools.processes import Completed
from modelfleet.tools.schemas import Schemas
from modelfleet.tools.store import Memory
from modelfleet.verify.cache import Proofs, proof_ingredients
from modelfleet.verify.compare import (
    HAND_EDITED_HINT,
    MAX_QUOTED,
    ExpectedOverlay,
    cluster_identity,
    compare_built,
    foreign_secrets,
)
from modelfleet.verify.conform import conforming
from modelfleet.wording import plural

_BATCH_OBJECTS = 100  # kustomize's time grows with the square of the objects in a build; a process costs it 15 ms
_BATCH_OVERLAYS = 100
_TELL_S = 1.0  # between two words about how far it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was verified: all overlays and objects, how many overlays were known to be good, and what is wrong."""

    overlays: int
    objects: int
    unchanged: int
    findings: tuple[Finding, ...]


def verify(  # noqa: PLR0913 - what there is to verify, and with what
    root: Path,
    meant: Sequence[ExpectedOverlay],
    tools: Mapping[str, Tool],
    schemas: Mapping[str, Schemas],
    say: Say,
    memory: Memory | None = None,
) -> Verified:
    """Builds and checks every overlay. `tools` by name, `schemas` by environment. Raises MachineFailed.

    What was found good before is not looked at again, as far as there is a `memory` of it.

    VER001 to VER005, for what kustomize builds, point into the generated files; VER010 to VER012, for what kubeconform
    says of it, and VER020, for kubernetes-validate, into the hand-written file that caused it, where that is known.
    """
    proofs = Proofs(memory, proof_ingredients(tools.values(), schemas, memory))
    known = {one.folder for one in proofs.holds(root, meant)}
    fresh = [one for one in meant if one.folder not in known]
    findings = _judged(root, fresh, tools, schemas, say) if fresh else {}
    proofs.keep(folder for folder, wrong in findings.items() if not wrong)
    return Verified(
        overlays=len(meant),
        objects=sum(len(one.objects) for one in meant),
        unchanged=len(meant) - len(fresh),
        findings=tuple(wrong for found in findings.values() for wrong in found),
    )


def _judged(
    root: Path, meant: Sequence[ExpectedOverlay], tools: Mapping[str, Tool], schemas: Mapping[str, Schemas], say: Say
) -> dict[str, list[Finding]]:
    """What is wrong with each overlay. Those that are checked together are built together: all at once would be large."""
    total = plural(len(meant), "overlay")
    say(f"building {total} with {tools['kustomize']}")
    told, count = time.monotonic(), 0
    findings: dict[str, list[Finding]] = {one.folder: [] for one in meant}
    for found, group in _grouped(schemas, meant):
        built: dict[str, list[ParsedObject]] = {}
        for one, outcome in _builds(root, group, tools["kustomize"]):
            count += 1
            if isinstance(outcome, Finding):
                findings[one.folder].append(outcome)
                continue
            built[one.folder] = outcome
            items = [each.item for each in outcome]
            findings[one.folder] += [*compare_built(root, one, items), *foreign_secrets(root, one, items)]
            if time.monotonic() - told > _TELL_S:
                told = time.monotonic()
                say(f"built {count} of {total}")
        checked = [one for one in group if built.get(one.folder)]
        for folder, wrong in conforming(root, checked, built, (tools["kubeconform"], found), say):
            findings[folder].append(wrong)
    return findings


def _grouped(
    schemas: Mapping[str, Schemas], meant: Sequence[ExpectedOverlay]
) -> Iterator[tuple[Schemas, list[ExpectedOverlay]]]:
    """Overlays that are checked with the same schemas: a run costs kubeconform their compilation."""
    for found in dict.fromkeys(schemas[one.environment] for one in meant):
        yield found, [one for one in meant if schemas[one.environment] == found]


# ---- building --------------------------------------------------------------------------------------------------------


def _builds(
    root: Path, meant: Sequence[ExpectedOverlay], tool: Tool
) -> Iterator[tuple[ExpectedOverlay, list[ParsedObject] | Finding]]:
    """Every overlay with what it builds to. A batch that does not build to its objects is built again one by one."""
    batches = list(_batches(meant))
    for batch, outcome in _run(root, batches, tool):
        parts = _split(batch, outcome) if len(batch) > 1 else None
        if parts is not None:
            yield from parts
            continue
        alone = [(batch, outcome)] if len(batch) == 1 else _run(root, [[one] for one in batch], tool)
        for (one,), done in alone:
            yield one, objects_built(done) if done.code == 0 else _no_build(root, one, done)


def objects_built(done: Completed) -> list[ParsedObject]:
    """What kustomize has printed. Raises MachineFailed where that is not objects."""
    try:
        found = objects_of(done.out)
    except UnreadableYaml as error:
        message = f"the output of kustomize cannot be read: {error}"
        raise MachineFailed(message) from error
    for each in found:
        if wrong := wrong_shape(each.item):
            message = (
                f"kustomize printed something that is not an object: {redacted_pointer(wrong[0])} must be {wrong[1]}"
            )
            raise MachineFailed(message)
    return found


def _run(
    root: Path, batches: Sequence[list[ExpectedOverlay]], tool: Tool
) -> Iterator[tuple[list[ExpectedOverlay], Completed]]:
    """A batch's time limit lies far above what its objects need."""
    asked = [
        ([root / one.folder for one in batch], 60 + 0.2 * sum(len(one.objects) for one in batch)) for batch in batches
    ]
    return zip(batches, kustomize_builds(tool, asked), strict=True)


def _batches(meant: Iterable[ExpectedOverlay]) -> Iterator[list[ExpectedOverlay]]:
    """Overlays of one environment each: two environments may hold the same namespaces and names."""
    batch: list[ExpectedOverlay] = []
    objects = 0
    for one in sorted(meant, key=lambda one: (one.environment, one.folder)):
        full = objects + len(one.objects) > _BATCH_OBJECTS or len(batch) == _BATCH_OVERLAYS
        if batch and (full or batch[0].environment != one.environment):
            yield batch
            batch, objects = [], 0
        batch.append(one)
        objects += len(one.objects)
    if batch:
        yield batch


def _split(
    batch: list[ExpectedOverlay], done: Completed
) -> list[tuple[ExpectedOverlay, list[ParsedObject] | Finding]] | None:
    """The batch's objects by overlay; None where they are not those that were meant: nobody knows whose they are."""
    owners = {cluster_identity(item): one.folder for one in batch for item in one.objects}
    if done.code or len(owners) != sum(len(one.objects) for one in batch):
        return None
    parts: dict[str, list[ParsedObject]] = {one.folder: [] for one in batch}
    for each in objects_built(done):
        owner = owners.pop(cluster_identity(each.item), None)
        if owner is None:
            return None
        parts[owner].append(each)
    return None if owners else [(one, parts[one.folder]) for one in batch]


def _no_build(root: Path, one: ExpectedOverlay, done: Completed) -> Finding:
    said = done.complaint.replace(f"{root.resolve()}/", "").removeprefix("Error: ")
    return Finding(
        at=Location(f"{one.folder}/kustomization.yaml"),
        code="VER001",
        message=f"kustomize cannot build it: {said[:MAX_QUOTED]}",
        hint=HAND_EDITED_HINT,
        environments=(one.environment,),
    )
