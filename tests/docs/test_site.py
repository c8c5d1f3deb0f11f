"""The built documentation in a real browser: axe finds no barrier, nothing is wider than a phone, nothing comes from elsewhere."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from console import REPOSITORY

SITE = REPOSITORY / os.environ.get("SITE", "build/site")
PAGES = ("", "how-to/gpu-model/", "glossary/", "troubleshooting/")
SEEN_AS = {"phone in the light": (500, 1), "desktop in the dark": (1280, 0)}
_TELL = "const done = (value) => { document.documentElement.dataset.told = JSON.stringify(value) };"


class _Handler(SimpleHTTPRequestHandler):
    """Serves the site, with a script at the end of each page."""

    def __init__(self, *given: Any, script: str, **more: Any) -> None:
        self._script = script
        super().__init__(*given, directory=str(SITE), **more)

    def do_GET(self) -> None:
        path = SITE / self.path.strip("/") / "index.html"
        if not path.is_file():
            super().do_GET()
            return
        text = path.read_text("utf-8").replace("</body>", f"<script>{_TELL}{self._script}</script></body>")
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def seen(folder: Path, page: str, script: str, width: int, scheme: int) -> Any:
    """What a script finds out in a page, of which `done(value)` tells."""
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next((found for name in names if (found := shutil.which(name))), None)
    assert browser is not None, "make test-site needs Chromium on PATH"
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, script=script)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        words = [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"),
            *(f"--window-size={width},900", f"--blink-settings=preferredColorScheme={scheme}"),
            *("--virtual-time-budget=20000", "--dump-dom", f"http://127.0.0.1:{server.server_port}/{page}"),
        ]
        done = subprocess.run(words, capture_output=True, check=True, timeout=120)
        server.shutdown()
    told = re.search(r'data-told="([^"]*)"', done.stdout.decode())
    assert told is not None, done.stderr.decode()[-2000:]
    return json.loads(html.unescape(told[1]))


@pytest.fixture(scope="module")
def axe() -> Iterator[str]:
    yield (Path(os.environ["AXE"]) / "axe.min.js").read_text("utf-8")


@pytest.mark.parametrize("way", SEEN_AS)
@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing(page: str, way: str, axe: str, tmp_path: Path) -> None:
    run = (
        f"{axe};window.addEventListener('load', () => axe.run({{resultTypes: ['violations']}}).then((found) => done({{"
        "broken: found.violations.map((each) => [each.id, each.nodes.map((node) => node.html)]),"
        "tried: found.passes.map((each) => each.id)})))"
    )
    found = seen(tmp_path, page, run, *SEEN_AS[way])
    assert found["broken"] == []
    assert {"color-contrast", "heading-order", "link-name"} <= set(found["tried"])


@pytest.mark.parametrize("page", [*PAGES, "spec/", "rules/", "install/"])
def test_no_page_is_wider_than_a_phone(page: str, tmp_path: Path) -> None:
    script = "window.addEventListener('load', () => done(document.documentElement.scrollWidth - window.innerWidth))"
    assert seen(tmp_path, page, script, *SEEN_AS["phone in the light"]) <= 0


def test_nothing_is_loaded_from_elsewhere() -> None:
    pages = sorted(SITE.rglob("*.html"))
    assert len(pages) > 30
    loads = re.compile(
        r'<(?:script|img|iframe|source|link rel="(?:stylesheet|preconnect|icon)")[^>]*?(?:src|href)="(https?:[^"]*)"'
    )
    assert {
        path.name: loads.findall(path.read_text("utf-8")) for path in pages if loads.search(path.read_text("utf-8"))
    } == {}
