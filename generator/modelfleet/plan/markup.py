"""Text of users and names in Markdown, in which nothing of theirs becomes markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from modelfleet.patterns import lazy_pattern
from modelfleet.wording import printable


def fold(summary: str, lines: Sequence[str]) -> str:
    """Lines that a reader unfolds by their summary."""
    return "\n".join([f"<details><summary>{summary}</summary>", "", *lines, "", "</details>"])


_MARKUP = lazy_pattern(r"([\\`*_{}\[\]<>()#+!|~&@:$^=-])")


def escaped_markdown(text: str) -> str:
    """A text in which nothing is markup, a link or a mention."""
    return _MARKUP.sub(lambda match: f"&#{ord(match[1])};", printable(text))


def inline(text: str, *, table: bool = False) -> str:
    """A text of ours with names and values between backticks."""
    parts = text.split("`")
    return "".join(code_span(part, table=table) if index % 2 else part for index, part in enumerate(parts))


def code_span(text: str, *, table: bool = False) -> str:
    """A code span, in which nothing is markup; a bar would end the cell of a table."""
    word = printable(text).replace("`", "'")
    return f"`{word.replace('|', chr(92) + '|') if table else word}`" if word else ""


def html_text(text: str) -> str:
    """A text within HTML, with everything escaped that could be markup."""
    return "".join(char if char.isalnum() or char in "-./ " else f"&#{ord(char)};" for char in printable(text))


def fence_for(lines: Iterable[str]) -> str:
    """Longer than any run of backticks in the lines."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    return "`" * max(3, longest + 1)
