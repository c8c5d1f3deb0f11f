"""Tables and blocks of code as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

Rows = Sequence[Sequence[str]]
"""Rows of a table, the first one its heading."""


def markdown_table(rows: Rows) -> Iterator[str]:
    """Rows as a table in Markdown, the first one as its heading."""
    for index, row in enumerate(rows):
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"
        if index == 0:
            yield "|" + " --- |" * len(row)


def fenced(lines: Iterable[str], language: str = "") -> Iterator[str]:
    """Lines as a block of code."""
    yield f"```{language}"
    yield from lines
    yield "```"
