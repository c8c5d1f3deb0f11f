"""Every link of the documentation leads to a page, a heading or a file that is there."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest

from console import REPOSITORY
from doc_pages import PAGES, anchors, prose, text_of

_LINK = re.compile(r"(?<!\\)\[[^\]\n]*\]\(([^)\s]+)\)|<(?:img|source)[^>]*?(?:src|srcset)=\"([^\"]+)\"")


def links(page: str) -> list[tuple[int, str]]:
    """The lines and the targets of a page's links; those in code are none."""
    text = re.sub(r"`[^`\n]*`", lambda match: "`" * len(match[0]), prose(page))
    return [(text.count("\n", 0, match.start()) + 1, match[1] or match[2]) for match in _LINK.finditer(text)]


def wrong_link(page: str, target: str) -> str:
    """What is wrong with a link; nothing where it leads somewhere. What is elsewhere is only looked at."""
    if re.match(r"[a-z]+:", target):
        return "" if target.startswith("https://") else "is not https"
    path, _, anchor = target.partition("#")
    place = (REPOSITORY / page).parent / path if path else REPOSITORY / page
    if not place.exists():
        return "leads nowhere"
    inside = place.resolve().relative_to(REPOSITORY).as_posix()
    if anchor and PurePosixPath(inside).suffix == ".md" and anchor not in anchors(inside):
        return f"names no heading; there are {', '.join(sorted(anchors(inside)))}"
    if page.startswith("docs/") and not inside.startswith("docs/"):
        return "leaves the folder of the site"
    return ""


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    found = links(page)
    assert [
        f"{page}:{line}: {target} {wrong_link(page, target)}" for line, target in found if wrong_link(page, target)
    ] == []


def test_a_link_that_leads_nowhere_is_noticed() -> None:
    assert wrong_link("README.md", "docs/none.md") == "leads nowhere"
    assert wrong_link("README.md", "docs/plan.md#none").startswith("names no heading; there are ")
    assert wrong_link("docs/plan.md", "../README.md") == "leaves the folder of the site"
    assert wrong_link("README.md", "docs/plan.md#acknowledgements") == ""
    assert wrong_link("README.md", "http://example.org") == "is not https"


def test_no_page_of_the_site_is_lost() -> None:
    linked = {(REPOSITORY / page).parent / target.partition("#")[0] for page in PAGES for _, target in links(page)}
    named = {path.resolve() for path in linked if path.suffix == ".md" and path.exists()}
    lost = [page for page in PAGES if page.startswith("docs/") and (REPOSITORY / page).resolve() not in named]
    assert [page for page in lost if page != "docs/index.md"] == []
    assert text_of("docs/index.md").startswith("# ")


def test_the_picture_is_the_same_in_both_schemes_but_for_its_colours() -> None:
    drawn = {
        name: re.sub(
            r"<style>.*?</style>", "", (REPOSITORY / f"docs/images/flow-{name}.svg").read_text("utf-8"), flags=re.DOTALL
        )
        for name in ("light", "dark")
    }
    assert drawn["light"] == drawn["dark"]
