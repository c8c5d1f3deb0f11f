"""The page of the fleet in a real browser: axe finds no barrier, the search narrows, nothing is wider than a phone."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from console import example, modelfleet

WIDTHS = {"phone": 500, "desktop": 1280}  # a headless window is at least 500 wide
SCHEMES = {"dark": 0, "light": 1}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    said = modelfleet(example(tmp_path_factory.mktemp("fleet")), "fleet", "--format", "html")
    assert said.code == 0
    return said.out


def browser() -> str:
    found = next(
        (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome") if shutil.which(name)), None
    )
    assert found is not None, "make test-page needs Chromium on PATH"
    return found


def seen(folder: Path, page: str, script: str, *, window: tuple[int, int] = (1280, 1), fragment: str = "") -> Any:
    """What a script finds out in the page, of which `done(value)` tells. A window has a width and a scheme of colours."""
    width, scheme = window
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')  # it would refuse a script of a test
    told = "const done = (value) => { document.documentElement.dataset.told = JSON.stringify(value) };"
    text = policy.sub("", page).replace("</body>", f"<script>{told}{script}</script></body>")
    file = folder / "page.html"
    file.write_text(text, "utf-8")
    words = [
        *(browser(), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"),
        *(
            f"--window-size={width},900",
            f"--blink-settings=preferredColorScheme={scheme}",
            "--virtual-time-budget=20000",
        ),
        *("--dump-dom", f"file://{file}{fragment}"),
    ]
    done = subprocess.run(words, capture_output=True, check=True, timeout=120)
    found = re.search(r'data-told="([^"]*)"', done.stdout.decode())
    assert found is not None, done.stderr.decode()[-2000:]
    return json.loads(html.unescape(found[1]))


OPENED = "for (const each of document.querySelectorAll('details')) each.open = true;"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing(width: str, scheme: str, page: str, tmp_path: Path) -> None:
    axe = (Path(os.environ["AXE"]) / "axe.min.js").read_text("utf-8")
    run = (
        f"{axe};{OPENED}"
        "axe.run({resultTypes: ['violations']}).then((found) => done({"
        "broken: found.violations.map((each) => [each.id, each.nodes.map((node) => node.html)]),"
        "tried: found.passes.map((each) => each.id)}))"
    )
    found = seen(tmp_path, page, run, window=(WIDTHS[width], SCHEMES[scheme]))
    assert found["broken"] == []
    assert {"color-contrast", "label", "heading-order", "region", "list"} <= set(found["tried"])


def test_axe_would_find_a_barrier(page: str, tmp_path: Path) -> None:
    axe = (Path(os.environ["AXE"]) / "axe.min.js").read_text("utf-8")
    broken = page.replace('<label for="words">Search</label>', "").replace('placeholder="model', 'data-was="model')
    run = f"{axe};axe.run().then((found) => done(found.violations.map((each) => each.id)))"
    assert seen(tmp_path, broken, run) == ["label"]


SHOWN = "[...document.querySelectorAll('.model:not([hidden]) h4')].map((each) => each.textContent)"


def test_the_search_narrows(page: str, tmp_path: Path) -> None:
    script = (
        "words.value = 'GRANITE vllm'; words.dispatchEvent(new Event('input'));"
        f"done([{SHOWN}, document.getElementById('count').textContent, location.hash,"
        " [...document.querySelectorAll('.environment:not([hidden])')].length])"
    )
    assert seen(tmp_path, page, script) == [["granite-3-8b"] * 3, "3 of 30 models are shown", "#?words=GRANITE+vllm", 3]


def test_a_link_keeps_what_was_searched(page: str, tmp_path: Path) -> None:
    script = f"done([{SHOWN}, words.value])"
    found = seen(tmp_path, page, script, fragment="#?words=coolstore&where=nerc-ocp-prod&state=deprecated")
    assert found == [["coolstore"], "coolstore"]


def test_a_search_that_finds_nothing_offers_the_way_back(page: str, tmp_path: Path) -> None:
    script = (
        "words.value = 'nowhere'; words.dispatchEvent(new Event('input'));"
        "const empty = !document.getElementById('nothing').hidden;"
        "document.getElementById('reset').click();"
        f"done([empty, {SHOWN}.length, document.activeElement.id])"
    )
    assert seen(tmp_path, page, script) == [True, 30, "words"]


def test_nothing_is_wider_than_a_phone(page: str, tmp_path: Path) -> None:
    script = f"{OPENED}done([document.documentElement.scrollWidth <= innerWidth, innerWidth <= 500])"
    assert seen(tmp_path, page, script, window=(500, 1)) == [True, True]


def test_its_own_policy_lets_its_own_script_run(page: str, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(page, "utf-8")
    words = [
        browser(),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--dump-dom",
    ]
    done = subprocess.run([*words, f"file://{file}"], capture_output=True, check=True, timeout=120)
    assert '<p id="count" role="status">30 of 30 models are shown</p>' in done.stdout.decode()
