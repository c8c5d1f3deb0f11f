"""The differences of objects as folds of a comment in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from modelfleet.plan.markup import code_span, escaped_markdown, fence_for, fold, html_text
from modelfleet.plan.object_differences import MAX_LINES_OF_OBJECT, Difference, object_differences
from modelfleet.plan.result import Plan
from modelfleet.plan.values import unified
from modelfleet.wording import plural, printable


def difference_folds(found: Plan) -> Iterator[tuple[int, Callable[[], str]]]:
    """For each fold of differences how many it holds, and how to make it, the most important first.

    Objects that come or go are only named, those of a project together: the files show them whole.
    """
    several = len(found.environments) > 1
    named: dict[tuple[str, str, tuple[str, ...]], list[Difference]] = {}
    for one in (shown := object_differences(found)):
        if one.change.state != "changed":
            named.setdefault((one.project, one.change.state, one.environments), []).append(one)
    for one in shown:
        if one.change.state == "changed":
            yield 1, partial(_changed, one, several)
        elif here := named.pop((one.project, one.change.state, one.environments), []):
            yield len(here), partial(_listed, here, several)


def _listed(found: Sequence[Difference], several: bool) -> str:
    first = found[0]
    summary = f"{plural(len(found), 'object')} of <code>{html_text(first.project)}</code> {first.change.state}"
    names = [f"- {escaped_markdown(one.change.key[0])} {code_span(one.change.key[1])}" for one in found]
    return fold(summary + _in(first, several), names)


def _changed(found: Difference, several: bool) -> str:
    kind, name = found.change.key
    lines = unified(found.change.before, found.change.after)
    plus, minus = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    counts = " ".join(filter(None, (f"+{plus}" if plus else "", f"−{minus}" if minus else "")))
    summary = f"{html_text(kind)} <code>{html_text(name)}</code> of <code>{html_text(found.project)}</code>"
    return fold(f"{summary}{_in(found, several)} ({counts})", _fenced(lines))


def _in(found: Difference, several: bool) -> str:
    return f" in {', '.join(f'<code>{html_text(each)}</code>' for each in found.environments)}" if several else ""


def _fenced(lines: Sequence[str]) -> list[str]:
    shown = [printable(line) for line in lines[:MAX_LINES_OF_OBJECT]]
    if len(lines) > MAX_LINES_OF_OBJECT:
        shown.append(f"@@ {len(lines) - MAX_LINES_OF_OBJECT} more lines @@")
    fence = fence_for(shown)
    return [f"{fence}diff", *shown, fence]
