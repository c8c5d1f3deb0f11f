"""How capacity is shown: tables for people, JSON for machines. Every figure stands beside what it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from modelfleet.capacity.amounts import quantity_text
from modelfleet.capacity.capacity import EnvironmentCapacity, NodesRoom, ProjectCapacity
from modelfleet.capacity.fit import ModelFit
from modelfleet.capacity.memory import GIB, MemoryFit, gib
from modelfleet.capacity.quota import ResourceUse
from modelfleet.report.table import table
from modelfleet.wording import listed


def capacity_json(found: Iterable[EnvironmentCapacity]) -> dict[str, Any]:
    """The capacity of environments as `schemas/capacity.schema.json` describes it; amounts of memory are of one GPU."""
    chosen = list(found)
    return {
        "version": 1,
        "models": [
            _model_json(one.name, project.name, fit)
            for one in chosen
            for project in one.projects
            for fit in project.fits
        ],
        "quotas": [
            {
                "environment": one.name,
                "project": project.name,
                "resource": use.resource,
                "used": quantity_text(use.used, use.resource),
                "whileRolling": quantity_text(use.used + use.rolling, use.resource),
                "quota": quantity_text(use.hard, use.resource),
            }
            for one in chosen
            for project in one.projects
            for use in project.uses
        ],
        "nodes": [{"environment": one.name, **_room_json(room)} for one in chosen for room in one.rooms],
        "unknown": [{"environment": one.name, "facts": list(one.unknown)} for one in chosen if one.unknown],
    }


def _model_json(environment: str, project: str, one: ModelFit) -> dict[str, Any]:
    fit = one.memory
    return {
        "environment": environment,
        "project": project,
        "model": one.model.name,
        "accelerator": one.accelerator.name if one.accelerator else None,
        "gpus": one.engine.tensor * one.engine.pipeline if one.accelerator else 0,
        "fits": fit.fits if fit else None,
        "near": fit.near if fit else None,
        "memoryGiB": _round(fit.memory / GIB) if fit else None,
        "weightsGiB": _round(fit.weights / GIB) if fit else None,
        "activationsGiB": _round(fit.activations / GIB) if fit else None,
        "overheadGiB": _round(fit.overhead / GIB) if fit else None,
        "kvCacheGiB": _round(fit.kv_cache / GIB) if fit else None,
        "kvCacheTokens": fit.tokens if fit else None,
        "longestContext": fit.longest if fit else None,
        "sequences": _round(fit.sequences) if fit and fit.sequences is not None else None,
        "assumed": list(fit.assumed) if fit else [],
        "unknown": list(one.unknown),
    }


def _room_json(room: NodesRoom) -> dict[str, Any]:
    return {"nodes": room.kind.name, "count": room.kind.count, "room": room.room, "roomWithoutOne": room.without_one}


def _round(number: float) -> float:
    return round(number, 2)


# ---- text ------------------------------------------------------------------------------------------------------------


def capacity_lines(found: Iterable[EnvironmentCapacity]) -> Iterator[str]:
    """The capacity of environments as tables."""
    for index, one in enumerate(found):
        if index:
            yield ""
        yield one.name
        for heading, rows in (
            ("GPU memory, of each GPU", list(_memory_rows(one.projects))),
            ("Quota", list(_quota_rows(one.projects))),
            ("Nodes, with all replicas at their maximum", list(_node_rows(one.rooms))),
        ):
            if len(rows) > 1:
                yield ""
                yield f"  {heading}"
                yield from (f"    {line}" for line in table(rows))
        sums = [
            f"{project.name}/{fit.model.name}: {memory_sum(fit.memory)}"
            for project in one.projects
            for fit in project.fits
            if fit.memory
        ]
        if sums:
            yield ""
            yield from (f"    {line}" for line in sums)
        if one.unknown:
            yield ""
            yield f"  Not checked, because these facts are missing: {listed(one.unknown)}"


def _memory_rows(projects: Sequence[ProjectCapacity]) -> Iterator[Sequence[str]]:
    yield (
        "MODEL",
        "ACCELERATOR",
        "GPUS",
        "MEMORY",
        "WEIGHTS",
        "KV CACHE",
        "TOKENS",
        "LONGEST CONTEXT",
        "SEQUENCES",
        "FITS",
    )
    for project in projects:
        for one in project.fits:
            fit = one.memory
            name = f"{project.name}/{one.model.name}"
            accelerator = one.accelerator.name if one.accelerator else "-"
            if fit is None:
                yield (name, accelerator, *["-"] * 7, f"not known: {listed(one.unknown)}")
                continue
            yield (
                name,
                accelerator,
                str(one.engine.tensor * one.engine.pipeline),
                gib(fit.memory),
                gib(fit.weights),
                gib(max(fit.kv_cache, 0)),
                _count(fit.tokens),
                _count(fit.longest),
                "-" if fit.sequences is None else f"{fit.sequences:.1f}",
                _verdict(fit),
            )


def _verdict(fit: MemoryFit) -> str:
    if fit.fits is None:
        return "not known"
    return f"{'yes' if fit.fits else 'no'}{', but it is close' if fit.near else ''}"


def memory_sum(fit: MemoryFit) -> str:
    """The arithmetic of one model's GPU memory in one line."""
    text = (
        f"{gib(fit.memory)} x {fit.reserved / fit.memory:g} - {gib(fit.weights)} weights - "
        f"{gib(fit.activations)} activations - {gib(fit.overhead)} other = {gib(fit.kv_cache)} KV cache"
    )
    if fit.token_bytes and fit.tokens is not None:
        text += f"; at {fit.token_bytes / 1024:g} KiB a token {fit.tokens:,} tokens"
        text += f", and {fit.context:,} are needed" if fit.context else ""
    return text + (f" (upper bounds for {listed(fit.assumed)})" if fit.assumed else "")


def _quota_rows(projects: Sequence[ProjectCapacity]) -> Iterator[Sequence[str]]:
    yield ("PROJECT", "RESOURCE", "USED", "WHILE ROLLING", "QUOTA", "")
    for project in projects:
        for use in project.uses:
            amounts = (use.used, use.used + use.rolling, use.hard)
            yield (
                project.name,
                use.resource,
                *(quantity_text(amount, use.resource) for amount in amounts),
                _standing(use),
            )


def _standing(use: ResourceUse) -> str:
    return "over" if use.over else "full while rolling" if use.used + use.rolling > use.hard else ""


def _node_rows(rooms: Sequence[NodesRoom]) -> Iterator[Sequence[str]]:
    yield ("NODES", "COUNT", "ROOM FOR ALL", "WITH ONE DRAINED")
    for room in rooms:
        yield (room.kind.name, str(room.kind.count), _yes(room.room), _yes(room.without_one))


def _yes(value: bool | None) -> str:
    return "not found out" if value is None else "yes" if value else "no"


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"
