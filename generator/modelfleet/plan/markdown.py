"""A plan as Markdown for one comment of a pull request: what matters first, details in folds, never too long for GitHub.

No text of a user becomes markup: names and values stand in code spans, differences in fences longer than any in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from modelfleet.finding import Finding, Severity
from modelfleet.plan.effect import TONE_MARKS, Effect
from modelfleet.plan.environment_words import effect_words, folded_rows, given_acks, happenings, thing, things, title
from modelfleet.plan.figure_words import both, figure_lines
from modelfleet.plan.markdown_diffs import difference_folds
from modelfleet.plan.markup import code_span, escaped_markdown, fence_for, fold, html_text, inline
from modelfleet.plan.result import EnvironmentPlan, Plan
from modelfleet.plan.row import Row
from modelfleet.plan.verdict import heading, verdict
from modelfleet.records import dataclass
from modelfleet.wording import plural, printable

MARKER = "<!-- modelfleet plan -->"
"""The first line of the comment, by which it is found again."""
MAX_CHARACTERS = 65_000
"""GitHub takes 65,536 characters in a comment; whoever posts it may put a line of its own before it."""
_ROOM_FOR_NOTICE = 400
_BETWEEN = 2  # the end of a line, and an empty line
_TABLE = "| what | effect | change |\n|---|---|---|"


def plan_markdown(found: Plan, most: int = MAX_CHARACTERS) -> str:
    """The whole comment, at most so many characters long; what is cut is counted at its end."""
    top = "\n".join(_top(found, most))
    room = most - _size(top) - _ROOM_FOR_NOTICE
    chosen: list[_Part] = []
    cut: dict[str, int] = {}
    for part in sorted(_parts(found), key=lambda part: part.rank):
        size = _size(part.text)
        if size <= room and (part.needs is None or part.needs in {one.order for one in chosen}):
            chosen.append(part)
            room -= size
        else:
            cut[part.kind] = cut.get(part.kind, 0) + part.count
    filled = {part.needs for part in chosen if part.kind == "row"}
    chosen = [part if part.order in filled else part.without_table() for part in chosen]
    chosen += _differences(found, room, cut)
    body = _joined(sorted(chosen, key=lambda part: part.order))
    notice = "\n".join(_notice(cut))
    return "\n".join(filter(None, (top, body, notice))) + "\n"


def _size(text: str) -> int:
    """How long a piece is, with what stands between it and the next: in bytes, the most that anybody may count."""
    return len(text.encode(errors="replace")) + _BETWEEN


def _differences(found: Plan, room: int, cut: dict[str, int]) -> Iterator[_Part]:
    """The folds with the differences, as long as there is room for them; no difference is made that is not shown."""
    begun = False
    for number, (count, make) in enumerate(difference_folds(found)):
        head = "" if begun else "### Differences\n\n"
        text = "" if "diff" in cut else make()
        if "diff" not in cut and _size(head + text) <= room:
            room -= _size(head + text)
            begun = True
            yield _Part((len(found.environments), number), (), "diff", head + text)
        else:
            cut["diff"] = cut.get("diff", 0) + count


Order = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of the comment: its place, how soon it is cut (the greater the rank), the piece without which it is not, and
    how many changes it tells of."""

    order: Order
    rank: tuple[int, ...]
    kind: str
    text: str
    needs: Order | None = None
    count: int = 1

    def without_table(self) -> _Part:
        """The piece without the head of a table of which nothing is left."""
        return replace(self, text=self.text.removesuffix(_TABLE).rstrip())


def _joined(parts: Sequence[_Part]) -> str:
    """Rows follow each other and the head of their table; around all else there is an empty line, or HTML would go on."""
    lines: list[str] = []
    for index, part in enumerate(parts):
        before = parts[index - 1].kind if index else ""
        if before and not (part.kind == "row" and before in ("row", "head")):
            lines.append("")
        lines.append(part.text)
    return "\n".join(lines)


def _notice(cut: Mapping[str, int]) -> Iterator[str]:
    words = {
        "row": "change",
        "diff": "difference",
        "head": "environment",
    }
    lists = {"quiet": "changes without effect", "foot": "commands"}
    if cut:
        left = ", ".join(
            plural(count, words[kind]) if kind in words else f"{plural(count, 'list')} of {lists[kind]}"
            for kind, count in cut.items()
        )
        yield ""
        yield f"_Left out, because a comment cannot be longer: {left}. `modelfleet plan --format json` has them all._"


def _top(found: Plan, most: int) -> Iterator[str]:
    """What is never cut as a whole; each of its lists has its share of the comment, and what is beyond is counted."""
    yield MARKER
    yield "## What merging does to the models"
    yield ""
    for line in _within((f"> ⚠️ {inline(line)}" for line in heading(found)), most // 10, "> ⚠️ and {} more such notes"):
        yield line
        yield ""
    yield from _summary(found, most // 4)
    errors = [finding for finding in found.findings if finding.severity is Severity.ERROR]
    if errors:
        lacking = [need for one in found.environments for need in one.needs if not need.given]
        left = bool(lacking) and all(need.left_behind for need in lacking)
        does = "leaves something behind" if left else "destroys something"
        yield f"> ⛔ **Not acknowledged.** Merging {does} that people may be using. If that is meant, write:"
        yield ">"
        yield from _within(map(_to_write, errors), most // 4, "> - and {} more: `modelfleet plan` names them all")
        yield ""
    stale = (finding for finding in found.findings if finding.severity is Severity.WARNING)
    for line in _within(map(_noticed, stale), most // 10, "> ⚠️ and {} more: `modelfleet plan` names them all"):
        yield line
        yield ""


def _summary(found: Plan, room: int) -> Iterator[str]:
    """What merging does in one sentence, and to each environment."""
    if found.changes:
        yield f"**{escaped_markdown(verdict(found))}**"
        yield ""
        yield "| environment | what happens | models | accelerators |"
        yield "|---|---|---|---|"
        yield from _within(map(_environment, found.environments), room, "| and {} more | | | |")
    else:
        differs = any(one.differs for one in found.environments)
        yield "**No effective change.**" + (" Only spelling, order or comments differ." if differs else "")
    yield ""
    legend = f" {_LEGEND}" if found.changes else ""
    yield f"<sub>Compared with {code_span(found.revision)} at {code_span(found.commit[:12])}.{legend}</sub>"
    yield ""


def _environment(one: EnvironmentPlan) -> str:
    used = "<br>".join(f"{both(count)} {code_span(name)}" for name, count in one.figures.accelerators.items())
    words = "<br>".join(_happens(one))
    return f"| {code_span(one.name, table=True)} | {words} | {both(one.figures.models)} | {used or '–'} |"


def _to_write(finding: Finding) -> str:
    """An acknowledgement that is missing, and where it belongs."""
    where = f"{finding.at.file}:{finding.at.line}"
    block = finding.path.rpartition(".")[0]
    under = f", under {code_span(block)}" if block else ""
    _, _, line = finding.hint.partition("`")
    return f"> - {code_span(where)}{under}: {code_span(line.rstrip('`'))}"


def _noticed(finding: Finding) -> str:
    where = code_span(f"{finding.at.file}:{finding.at.line}")
    return f"> ⚠️ {where}: {escaped_markdown(finding.message)}; {escaped_markdown(finding.hint)}"


def _within(lines: Iterable[str], room: int, rest: str) -> Iterator[str]:
    """The lines for which there is room, and how many more there are."""
    cut = 0
    for line in lines:
        if _size(line) <= room:
            room -= _size(line)
            yield line
        else:
            cut += 1
    if cut:
        yield rest.format(cut)


_LEGEND = "🔴 users notice · 🟡 pods restart · 🔵 nothing stops · 🟢 something new"


def _happens(one: EnvironmentPlan) -> Iterator[str]:
    if not one.rows:
        yield f"{TONE_MARKS['faint']} {title(one)}"
    for effect, happens in happenings(one):
        if effect is Effect.NOTHING:
            quiet = sum(row.effect is Effect.NOTHING for row in one.rows)
            yield f"{TONE_MARKS['faint']} {plural(quiet, 'change')} without effect"
        else:
            yield f"{TONE_MARKS[effect.tone]} {effect.title}: {inline(happens, table=True)}"


def _parts(found: Plan) -> Iterator[_Part]:
    for place, one in enumerate(found.environments):
        if not one.rows and not one.facts:
            continue
        head: Order = (place, 0)
        told = [row for row in one.rows if row.effect is not Effect.NOTHING]
        quiet = [row for row in one.rows if row.effect is Effect.NOTHING]
        yield _Part(head, (0, place), "head", "\n".join(_head(one, table=bool(told))))
        for index, group in enumerate(folded_rows(told)):
            order = (place, 1, index)
            yield _Part(order, (1, -group[0].effect.weight, place, index), "row", _row(group), head, len(group))
        if quiet:
            yield _Part((place, 2), (3, place), "quiet", _quiet(quiet), head)
        commands = [row.command for row in one.rows if row.command]
        if commands:
            yield _Part((place, 3), (2, place), "foot", _commands(one.name, commands), head)


def _head(one: EnvironmentPlan, *, table: bool) -> Iterator[str]:
    yield f"### {code_span(one.name)}: {title(one)}"
    yield ""
    for remark in one.remarks:
        yield f"> ⚠️ {inline(remark)}"
        yield ""
    for given in given_acks(one):
        yield f"> ✅ {inline(given)}"
        yield ""
    if one.facts:
        yield f"Facts of the cluster: {'; '.join(inline(fact) for fact in one.facts)}."
        yield ""
    figures = [f"{inline(name)} {inline(value)}" for name, value in figure_lines(one.figures)]
    yield " · ".join(figures)
    yield ""
    if table:
        yield _TABLE


def _row(group: Sequence[Row]) -> str:
    row = group[0]
    mark = TONE_MARKS[row.effect.tone]
    what = "<br>".join(inline(text, table=True) for text in row.what)
    return f"| {inline(things(group), table=True)} | {mark} {'<br>'.join(_effects(row, table=True))} | {what} |"


def _effects(row: Row, *, table: bool = False) -> Iterator[str]:
    for effect, explained in effect_words(row.consequences):
        bold = f"**{effect}**" if effect else ""
        yield ": ".join(filter(None, (bold, inline(explained, table=table))))


def _quiet(rows: Sequence[Row]) -> str:
    """The changes that no model notices."""
    lines = []
    for row in rows:
        why = "; ".join(inline(one.text) for one in row.consequences if one.text)
        lines.append(f"- {inline(thing(row))}: {'; '.join(map(inline, row.what))}" + (f" ({why})" if why else ""))
    return fold(f"{plural(len(rows), 'change')} without effect", lines)


def _commands(environment: str, commands: Sequence[str]) -> str:
    fence = fence_for(commands)
    lines = [f"{fence}sh", *map(printable, commands), fence]
    return fold(f"Commands for <code>{html_text(environment)}</code>, after the merge", lines)
