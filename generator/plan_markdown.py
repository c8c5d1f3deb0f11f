"""A plan as Markdown for one comment of a pull request: what matters first, details in folds, never too long for GitHub.

No text of a user becomes markup: names and values stand in code spans, differences in fences longer than any in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from generator.finding import Severity, printable
from generator.plan import EnvironmentPlan, Plan
from generator.plan_diff import unified
from generator.plan_effects import Effect, ObjectChange, plural
from generator.plan_report import MOST_LINES_OF_OBJECT, TONES, Tone, both, effect_words, figure_lines, heading, title
from generator.plan_row import PROJECT, Row

MARKER = "<!-- modelfleet plan -->"
"""The first line of the comment, by which it is found again."""

MOST_CHARACTERS = 65_000
"""GitHub takes 65,536 characters in a comment; whoever posts it may put a line of its own before it."""

_ROOM_FOR_NOTICE = 400
_MARKS: Mapping[Tone, str] = {"faint": "⚪", "good": "🟢", "mild": "🔵", "warn": "🟡", "bad": "🔴"}


def markdown(found: Plan, most: int = MOST_CHARACTERS) -> str:
    """The whole comment, at most so many characters long; what is cut is counted at its end."""
    top = "\n".join(_top(found))
    parts = sorted(_parts(found), key=lambda part: part.order)
    room = most - len(top) - _ROOM_FOR_NOTICE
    chosen: list[_Part] = []
    cut: dict[str, int] = {}
    for part in sorted(parts, key=lambda part: part.rank):
        size = len(part.text) + 1
        if size <= room and (part.needs is None or part.needs in {one.order for one in chosen}):
            chosen.append(part)
            room -= size
        else:
            cut[part.kind] = cut.get(part.kind, 0) + 1
    body = _joined(sorted(chosen, key=lambda part: part.order))
    notice = "\n".join(_notice(cut))
    return "\n".join(filter(None, (top, body, notice))) + "\n"


Order = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of the comment: its place, how soon it is cut (the greater the rank), and the piece without which it is not."""

    order: Order
    rank: tuple[int, ...]
    kind: str
    text: str
    needs: Order | None = None


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
    words = {"row": "change", "diff": "difference", "head": "environment", "foot": "list of commands"}
    if cut:
        left = ", ".join(plural(count, words[kind]) for kind, count in cut.items())
        yield ""
        yield f"_Left out, because a comment cannot be longer: {left}. `modelfleet plan` shows them all._"


# ---- the top ---------------------------------------------------------------------------------------------------------


def _top(found: Plan) -> Iterator[str]:
    yield MARKER
    yield "## What merging does to the models"
    yield ""
    for line in heading(found):
        yield f"> ⚠️ {inline(line)}"
        yield ""
    errors = [finding for finding in found.findings if finding.severity is Severity.ERROR]
    if errors:
        yield "> ⛔ **Not acknowledged.** Merging destroys something that people may be using. If that is meant, write:"
        yield ">"
        for finding in errors:
            where = f"{finding.at.file}:{finding.at.line}"
            block = finding.path.rpartition(".")[0]
            under = f", under {_code(block)}" if block else ""
            _, _, line = finding.hint.partition("`")
            yield f"> - {_code(where)}{under}: {_code(line.rstrip('`'))}"
        yield ""
    for finding in found.findings:
        if finding.severity is Severity.WARNING:
            yield f"> ⚠️ {_code(f'{finding.at.file}:{finding.at.line}')}: {escaped(finding.message)}; {escaped(finding.hint)}"
            yield ""
    if not any(one.rows or one.facts for one in found.environments):
        effective = any(one.differs for one in found.environments)
        yield "**No effective change.** Only spelling, order or comments differ." if effective else "**No change.**"
        yield ""
    else:
        yield "| environment | models | accelerators | what happens |"
        yield "|---|---|---|---|"
        for one in found.environments:
            used = "<br>".join(f"{both(count)} {_code(name)}" for name, count in one.figures.accelerators.items())
            mark = _MARKS[TONES[one.effect]] if one.rows else _MARKS["faint"]
            words = f"{mark} {_heaviest(one)}"
            yield f"| {_code(one.name, table=True)} | {both(one.figures.models)} | {used or '–'} | {words} |"
        yield ""
    yield f"<sub>Compared with {_code(found.revision)} at {_code(found.commit[:12])}.</sub>"
    yield ""


def _heaviest(one: EnvironmentPlan) -> str:
    """How often each effect is the heaviest of a row, the heaviest first."""
    if not one.rows:
        return title(one)
    counts: dict[Effect, int] = {}
    for row in one.rows:
        counts[row.effect] = counts.get(row.effect, 0) + 1
    ordered = sorted(counts, key=lambda effect: -effect.weight)
    return ", ".join(f"{counts[effect]} × {effect.value}" for effect in ordered)


# ---- the environments ------------------------------------------------------------------------------------------------


def _parts(found: Plan) -> Iterator[_Part]:
    for place, one in enumerate(found.environments):
        if not one.rows and not one.facts:
            continue
        head: Order = (place, 0)
        yield _Part(head, (0, place), "head", "\n".join(_head(one)))
        for index, row in enumerate(one.rows):
            order = (place, 1, index)
            yield _Part(order, (1, -row.effect.weight, place, index), "row", _row(row), head)
        commands = [row.command for row in one.rows if row.command]
        if commands:
            yield _Part((place, 2), (2, place), "foot", _commands(one.name, commands), head)
        folds = [(row, fold) for row in one.rows for fold in _folds(row)]
        for number, (row, fold) in enumerate(folds):
            yield _Part((place, 3, number), (3, -row.effect.weight, place, number), "diff", fold, head)


def _head(one: EnvironmentPlan) -> Iterator[str]:
    yield f"### {_code(one.name)}: {title(one)}"
    yield ""
    for remark in one.remarks:
        yield f"> ⚠️ {inline(remark)}"
        yield ""
    if one.facts:
        yield f"Facts of the cluster: {'; '.join(inline(fact) for fact in one.facts)}."
        yield ""
    figures = [f"{inline(name)} {inline(value)}" for name, value in figure_lines(one.figures)]
    yield " · ".join(figures)
    yield ""
    if one.rows:
        yield "| what | effect | change |"
        yield "|---|---|---|"


def _row(row: Row) -> str:
    words = []
    for effect, explained in effect_words(row.consequences):
        bold = f"**{effect}**" if effect else ""
        words.append(": ".join(filter(None, (bold, inline(explained, table=True)))))
    mark = _MARKS[TONES[row.effect]]
    what = "<br>".join(inline(text, table=True) for text in row.what)
    return f"| {_thing(row)} | {mark} {'<br>'.join(words)} | {what} |"


def _thing(row: Row) -> str:
    kind, name = row.key
    if kind == PROJECT:
        return f"project {_code(row.project, table=True)}"
    words = {"InferenceService": "", "LLMInferenceService": "", "ServingRuntime": "server "}
    return f"{words.get(kind, f'{escaped(kind)} ')}{_code(f'{row.project}/{name}', table=True)}"


def _commands(environment: str, commands: Sequence[str]) -> str:
    fence = _fence(commands)
    lines = [f"{fence}sh", *map(printable, commands), fence]
    return _folded(f"Commands for <code>{_html(environment)}</code>, after the merge", lines)


def _folds(row: Row) -> Iterator[str]:
    """The difference of each object that changes; those that come or go by name alone, for the files show them whole."""
    for state in ("added", "removed"):
        found = [change for change in row.objects if change.state == state]
        if found:
            summary = f"{plural(len(found), 'object')} of <code>{_html(row.project)}</code> {state}"
            names = [f"- {escaped(change.key[0])} {_code(change.key[1])}" for change in found]
            yield _folded(summary, names)
    for change in row.objects:
        lines = unified(change.before, change.after) if change.state == "changed" else []
        if lines:
            yield _folded(_summary(row, change, lines), _fenced(lines))


def _folded(summary: str, lines: Sequence[str]) -> str:
    return "\n".join([f"<details><summary>{summary}</summary>", "", *lines, "", "</details>"])


def _summary(row: Row, change: ObjectChange, lines: Sequence[str]) -> str:
    plus = sum(line.startswith("+") for line in lines)
    minus = sum(line.startswith("-") for line in lines)
    counts = " ".join(filter(None, (f"+{plus}" if plus else "", f"−{minus}" if minus else "")))
    kind, name = change.key
    return f"{_html(kind)} <code>{_html(name)}</code> of <code>{_html(row.project)}</code> ({counts})"


def _fenced(lines: Sequence[str]) -> list[str]:
    shown = [printable(line) for line in lines[:MOST_LINES_OF_OBJECT]]
    if len(lines) > MOST_LINES_OF_OBJECT:
        shown.append(f"@@ {len(lines) - MOST_LINES_OF_OBJECT} more lines @@")
    fence = _fence(shown)
    return [f"{fence}diff", *shown, fence]


# ---- text that is no markup ------------------------------------------------------------------------------------------

_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|~&@:$^=-])")


def escaped(text: str) -> str:
    """A text in which nothing is markup, a link or a mention."""
    return _MARKUP.sub(lambda match: f"&#{ord(match[1])};", printable(text))


def inline(text: str, *, table: bool = False) -> str:
    """A text of ours with names and values between backticks."""
    parts = text.split("`")
    return "".join(_code(part, table=table) if index % 2 else part for index, part in enumerate(parts))


def _code(text: str, *, table: bool = False) -> str:
    """A code span, in which nothing is markup; a bar would end the cell of a table."""
    word = printable(text).replace("`", "'")
    return f"`{word.replace('|', chr(92) + '|') if table else word}`" if word else ""


def _html(text: str) -> str:
    return "".join(char if char.isalnum() or char in "-./ " else f"&#{ord(char)};" for char in printable(text))


def _fence(lines: Iterable[str]) -> str:
    """Longer than any run of backticks in the lines."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    return "`" * max(3, longest + 1)
