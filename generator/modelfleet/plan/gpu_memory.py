"""The arithmetic of GPU memory for models whose pods a merge starts, so that a reviewer sees what `check` worked out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelfleet.capacity.fit import model_fits
from modelfleet.capacity.report import memory_sum
from modelfleet.plan.effect import RESTARTS, Effect
from modelfleet.plan.effects import code
from modelfleet.plan.rendered import RenderedFleet
from modelfleet.plan.row import Row
from modelfleet.serving.workloads import LLM, SERVICE, project_state
from modelfleet.wording import plural

_MOST = 8
_STARTS = {*RESTARTS, Effect.START, Effect.RECREATE}


def gpu_memory(after: RenderedFleet, environment: str, rows: Sequence[Row]) -> Iterator[str]:
    """A sentence for each such model of which enough is known; where there are many, the rest is counted."""
    found = list(_sums(after, environment, rows))
    yield from found[:_MOST]
    if (rest := len(found) - _MOST) > 0:
        yield f"`modelfleet capacity` shows the GPU memory of {plural(rest, 'more model')}"


def _sums(after: RenderedFleet, environment: str, rows: Sequence[Row]) -> Iterator[str]:
    started = {
        (row.project, key) for row in rows if _starts(row) for key in (row.key, *row.models) if key[0] in (SERVICE, LLM)
    }
    for one in after.deployed:
        project = one.project
        if project.environment.name != environment or all(name != project.name for name, _ in started):
            continue
        state = project_state(project.environment, project.namespace, one.objects, project)
        for fit in model_fits(project, state):
            if (
                fit.memory is not None
                and (project.name, (LLM if fit.model.llm else SERVICE, fit.model.name)) in started
            ):
                yield f"GPU memory of {code(f'{project.name}/{fit.model.name}')}: {memory_sum(fit.memory)}"


def _starts(row: Row) -> bool:
    return any(one.effect in _STARTS for one in row.consequences)
