"""The pages of the documentation: their blocks of code, headings and links, and what the blocks are.

A `console` block holds commands after `$ `, continued after `> `, each with what it prints. A comment in its first line says
that a block is not run here, and why. A `yaml` block with a `title` is a file; one without is a part of one. `text` is what
programs print. Before a page begins, the shell commands in its comment `<!-- before: ... -->` are run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from console import REPOSITORY

PAGES = tuple(
    path.relative_to(REPOSITORY).as_posix()
    for path in (
        *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "bench/README.md")),
        *sorted((REPOSITORY / "docs").rglob("*.md")),
    )
)

NOT_RUN = re.compile(r"# (Needs .+?|CI runs this.*?)\.?$", re.MULTILINE)
"""The first line of a block that is not run with the page, and why."""

_BLOCK = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^ *```$", re.MULTILINE | re.DOTALL)
_BEFORE = re.compile(r"<!-- before:(.*?)-->", re.DOTALL)
_TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code: its language, the file that its title names, and where it begins."""

    page: str
    line: int
    language: str
    title: str | None
    body: str

    @property
    def not_run(self) -> str | None:
        """Why it is not run, where it says so."""
        found = NOT_RUN.match(self.body)
        return found[1] if found and self.language == "console" else None


@dataclass(slots=True)
class Command:
    """A command of a console block, and what is shown below it."""

    words: str
    line: int
    shown: list[str] = field(default_factory=list)


@cache
def text_of(page: str) -> str:
    """A page as it is."""
    return (REPOSITORY / page).read_text("utf-8")


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page."""
    text = text_of(page)
    for match in _BLOCK.finditer(text):
        language, _, rest = match["info"].strip().partition(" ")
        title = _TITLE.search(rest)
        body = re.sub(rf"^{match['indent']}", "", match["body"], flags=re.MULTILINE)
        yield Block(page, text.count("\n", 0, match.start()) + 1, language, title[1] if title else None, body)


def commands(block: Block) -> list[Command]:
    """The commands of a console block."""
    found: list[Command] = []
    for number, line in enumerate(block.body.splitlines(), block.line + 1):
        if line.startswith("$ "):
            found.append(Command(line[2:], number))
        elif line.startswith("> ") or line == ">":
            found[-1].words += f"\n{line[2:]}"
        elif found:
            found[-1].shown.append(line)
        elif not line.startswith("#"):
            message = f"{block.page}:{number}: this line stands before the first command"
            raise ValueError(message)
    return found


def before(page: str) -> str:
    """What is run before the page begins."""
    found = _BEFORE.search(text_of(page))
    return found[1].strip() if found else ""


def prose(page: str) -> str:
    """A page without its blocks and comments; lines stay where they are."""
    text = _BLOCK.sub(lambda match: "\n" * match[0].count("\n"), text_of(page))
    return re.sub(r"<!--.*?-->", lambda match: "\n" * match[0].count("\n"), text, flags=re.DOTALL)


def anchors(page: str) -> set[str]:
    """What a link into a page can name: its headings, as GitHub and the site call them, and explicit anchors."""
    found: set[str] = set(re.findall(r'<a id="([^"]+)"', text_of(page)))
    for heading in re.findall(r"^#{1,6} +(.+?)\s*$", prose(page), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")
        number = 1
        while slug in found:
            slug = f"{slug.removesuffix(f'_{number - 1}')}_{number}"
            number += 1
        found.add(slug)
    return found
