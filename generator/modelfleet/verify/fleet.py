"""Proves all overlays of a fleet: installs what is needed, and verifies what was meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from modelfleet.finding import Location, MachineFailed, Pointer
from modelfleet.kubernetes.objects import Object
from modelfleet.pipeline.beside import cause_beside
from modelfleet.pipeline.needs import schemas_of
from modelfleet.pipeline.project import cause
from modelfleet.resolve.fleet import DeployedProject, Fleet
from modelfleet.tools import install, schemas
from modelfleet.tools.folder import cache_folder
from modelfleet.tools.install import Tool
from modelfleet.tools.store import Memory
from modelfleet.tree import write
from modelfleet.verify.compare import ExpectedOverlay
from modelfleet.verify.overlays import Verified, verify


def verify_fleet(
    root: Path, fleet: Fleet, say: Callable[[str], None], progress: Callable[[str], None], memory: Memory | None = None
) -> tuple[Verified, Mapping[str, Tool]]:
    """What the real tools say of every overlay, and which tools these are; `say` hears of what is installed.

    Raises `MachineFailed`.
    """
    cache = cache_folder(root)
    programs = install.ensure(cache, install.VERIFY_TOOLS, say)
    known = {
        name: schemas.schemas(cache, schemas_of(environment, root), say)
        for name, environment in fleet.environments.items()
    }
    if reason := write.unfinished(root):
        raise MachineFailed(reason)
    return verify(root, list(expected_overlays(root, fleet)), programs, known, progress, memory), programs


def _cause(root: Path, one: DeployedProject, item: Object, pointer: Pointer) -> tuple[Location, str] | None:
    return cause(one.project, item, pointer) or cause_beside(root, one.brief.name, one.brief.environment, item, pointer)


def expected_overlays(root: Path, fleet: Fleet) -> Iterator[ExpectedOverlay]:
    """Every overlay of a fleet, and where the hand-written files say what stands in it."""
    for one in fleet.deployed:
        yield ExpectedOverlay(one.brief.environment, one.folder, one.objects, partial(_cause, root, one))
    for synced in fleet.synced:
        yield ExpectedOverlay(synced.environment, synced.folder, synced.objects)
