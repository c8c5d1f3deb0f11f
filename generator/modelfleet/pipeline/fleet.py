"""The way from a repository to everything that it means: what is remembered of it, else what is made of it now.

Only what is needed is loaded here: a run in which nothing changed makes nothing, and reads no YAML.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modelfleet.finding import MachineFailed, Rejected
from modelfleet.resolve.fleet import Fleet

if TYPE_CHECKING:
    from modelfleet.tools.store import Memory


def fleet(root: Path, *, though_crowded: bool = False, memory: Memory | None = None) -> Fleet:
    """Everything that the hand-written files of a repository mean. Raises `Rejected` and `MachineFailed`.

    `though_crowded`: what finds no room in a cluster is no reason to stop, and nothing is remembered then.
    """
    if memory is None or though_crowded:
        return _built(root, though_crowded)
    from modelfleet.pipeline.recall import recall_of

    recall = recall_of(root, memory)
    if recall is None:  # a file cannot be read, which is said in its turn
        return _built(root)
    if (known := recall.run()) is not None:
        return known
    from modelfleet.pipeline.build import fleet_of
    from modelfleet.pipeline.repository import load_repository

    try:
        return fleet_of(root, load_repository(root, frozenset(recall.projects)), recall=recall)
    except (Rejected, MachineFailed):
        if not recall.projects:
            raise
    return _built(root)  # what is wrong is said with all that was said of the rest


def _built(root: Path, though_crowded: bool = False) -> Fleet:
    from modelfleet.pipeline.build import fleet_of
    from modelfleet.pipeline.repository import load_repository

    return fleet_of(root, load_repository(root), though_crowded=though_crowded)
