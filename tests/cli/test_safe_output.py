"""Nothing that is printed can be a command to whoever reads it, or a secret; and an early interrupt is no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from console import REPOSITORY, modelfleet, write
from modelfleet.wording import printable

TOKEN = "gl" + "pat-" + "abcdefghijklmnopqrst"


@pytest.mark.parametrize("form", ["text", "json", "github"])
@pytest.mark.parametrize("command", ["##[add-mask]x", "##[stop-commands]x", "a ##[error]x"])
def test_no_text_is_a_command_of_a_runner(command: str, form: str, tmp_path: Path) -> None:
    write(
        tmp_path,
        {"projects/a.yaml": f"version: 1\nplatform: '{command}'\nmodels: {{'{command}': 1}}\nenvironments: {{}}\n"},
    )
    done = modelfleet(tmp_path, "check", "--format", form)
    assert done.code == 1
    assert "##[" not in done.out + done.err
    assert "\\u0023#[" in done.out + done.err


def test_a_line_that_only_looks_like_one_is_left_alone() -> None:
    assert printable("# #[x] ## [x]") == "# #[x] ## [x]"


@pytest.mark.parametrize(
    "text",
    ["{}: 1", "models: {{true{}: 1}}", "more: x{}", "platform: [{}]", "a: 1\n{}: 2\n{}: 3", "*{}", "&{} a", "!{} a"],
)
def test_a_token_is_not_printed_wherever_it_stands(text: str, tmp_path: Path) -> None:
    write(tmp_path, {"projects/a.yaml": f"version: 1\n{text.format(TOKEN, TOKEN)}\n"})
    done = modelfleet(tmp_path, "check")
    assert (done.code in (1, 4), TOKEN[6:] in done.out + done.err) == (True, False)


def test_an_interrupt_during_the_imports_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n")
    path = os.pathsep.join([str(tmp_path), str(REPOSITORY / "generator")])
    words = [sys.executable, "-m", "modelfleet", "check"]
    done = subprocess.run(words, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
