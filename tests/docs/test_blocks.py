"""Every block of the documentation: commands are run and say what is shown, files and parts of files are YAML.

What cannot be run here says so in its first line, and stands in the list below.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from console import REPOSITORY
from doc_pages import PAGES, Block, Command, before, blocks, commands, prose
from modelfleet.tools.install import Tool

LANGUAGES = {"console", "yaml", "text", "json", "mermaid"}
LISTED = REPOSITORY / "tests" / "docs" / "not-run.txt"
RUNS = [page for page in PAGES if any(one.language == "console" and not one.not_run for one in blocks(page))]
_TIME = re.compile(r"\b\d+\.\d s\b")
_ANYTHING = "..."


def steps(page: str) -> Iterator[Block | Command]:
    """Files to write and commands to run, as the page has them."""
    for block in blocks(page):
        if block.language == "yaml" and block.title:
            yield block
        elif block.language == "console" and not block.not_run:
            yield from commands(block)


def script(page: str, folder: Path) -> tuple[str, list[Command]]:
    """The page as a shell script that keeps the output and the exit code of each command in a folder."""
    lines, told = ["code=0"], list[Command]()
    for step in steps(page):
        if isinstance(step, Block):
            assert step.title is not None
            content = folder / f"file-{step.line}"
            content.write_text(step.body, "utf-8")
            lines += [f"mkdir -p '{Path(step.title).parent}'", f"cp '{content}' '{step.title}'"]
            continue
        place = folder / str(len(told))
        told.append(step)
        lines.append(
            f"{{ (exit $code)\n{step.words}\n}} >'{place}.out' 2>&1 </dev/null\ncode=$?\necho $code >'{place}.code'"
        )
    return "\n".join(lines), told


def shell(words: str, cwd: Path) -> None:
    me = {f"GIT_{who}_{what}": "me@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **me, "PATH": path, "EXAMPLE": str(REPOSITORY), "LC_ALL": "C.UTF-8"}
    ran = subprocess.run(
        ["bash", "-u", "-c", words], cwd=cwd, env=environment, capture_output=True, check=False, text=True, timeout=300
    )
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout


def fits(shown: list[str], output: list[str]) -> bool:
    """Whether an output is what is shown; a line `...` stands for any lines."""
    if not shown:
        return not output
    if shown[0] == _ANYTHING:
        return any(fits(shown[1:], output[skipped:]) for skipped in range(len(output) + 1))
    return bool(output) and shown[0] == output[0] and fits(shown[1:], output[1:])


@pytest.mark.parametrize("page", RUNS)
def test_every_command_says_what_the_page_shows(page: str, tmp_path: Path, real_tools: Mapping[str, Tool]) -> None:
    folder, work = tmp_path / "kept", tmp_path / "work"
    folder.mkdir()
    work.mkdir()
    words, told = script(page, folder)
    shell(f"set -e\n{before(page)}\nset +e\n{words}\nexit 0", work)
    wrong = []
    for index, command in enumerate(told):
        output = (folder / f"{index}.out").read_text("utf-8")
        code = int((folder / f"{index}.code").read_text())
        asked = index + 1 < len(told) and told[index + 1].words == "echo $?"
        lines = [_TIME.sub("0.0 s", line).rstrip() for line in output.splitlines()]
        shown = [_TIME.sub("0.0 s", line).rstrip() for line in command.shown]
        if (code and not asked) or (shown and not fits(shown, lines)):
            wrong.append(f"{page}:{command.line}: $ {command.words}\n[exit {code}] {output}")
    assert wrong == [], "\n".join(wrong)


def test_output_that_is_not_shown_is_noticed() -> None:
    assert fits(["a", "...", "d"], ["a", "b", "c", "d"])
    assert fits(["...", "d"], ["d"])
    assert not fits(["a", "...", "d"], ["a", "b", "c"])
    assert not fits(["a"], ["a", "b"])
    assert not fits(["b"], ["a", "b"])


def test_a_block_is_of_a_language_that_is_tried() -> None:
    found = [f"{one.page}:{one.line}: {one.language or 'none'}" for page in PAGES for one in blocks(page)]
    assert [text for text in found if text.rpartition(": ")[2] not in LANGUAGES] == []


def test_no_command_hides_outside_of_a_block() -> None:
    hidden = re.compile(r"^ {4,}(?:\$ |modelfleet |make |pip |uvx |git |oc |kubectl )", re.MULTILINE)
    assert {page: hidden.findall(prose(page)) for page in PAGES if hidden.search(prose(page))} == {}


@pytest.mark.parametrize("page", PAGES)
def test_what_is_shown_as_yaml_is_yaml(page: str) -> None:
    for block in blocks(page):
        if block.language == "yaml":
            assert list(yaml.safe_load_all(block.body)) != [], f"{page}:{block.line}"


def test_what_is_not_run_is_listed_with_the_reason(update_golden: bool) -> None:
    found = [
        f"{page}: {block.not_run}: {commands(block)[0].words.splitlines()[0]}"
        for page in PAGES
        for block in blocks(page)
        if block.not_run
    ]
    if update_golden:
        LISTED.write_text("".join(f"{line}\n" for line in found), "utf-8")
    assert found == LISTED.read_text("utf-8").splitlines()


def test_what_ci_is_said_to_run_it_runs() -> None:
    ran = (REPOSITORY / ".ci" / "run").read_text("utf-8").split("\n")
    ci = {line.strip() for line in ran}
    said = {
        command.words.partition(" #")[0].strip(): f"{page}:{command.line}"
        for page in PAGES
        for block in blocks(page)
        if (block.not_run or "").startswith("CI runs this")
        for command in commands(block)
    }
    assert {words: where for words, where in said.items() if words not in ci} == {}
    assert {"make render", "make test"} <= said.keys()
