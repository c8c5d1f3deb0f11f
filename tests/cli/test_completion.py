"""Names of projects and environments in a shell: what is answered without click is what click would have answered."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete, ShellComplete, ZshComplete

from console import SPEC, miniature, write
from modelfleet.cli.completion import COMMANDS, FOLDERS, completed
from modelfleet.cli.main import cli

CONTEXT = click.Context(cli)
TAKING = {
    option: tuple(
        name
        for name in cli.list_commands(CONTEXT)
        if (command := cli.get_command(CONTEXT, name)) is not None
        and any(option in parameter.opts for parameter in command.params)
        and not isinstance(command, click.Group)
    )
    for option in FOLDERS
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = miniature(tmp_path, {"projects/acme.yaml": SPEC, "projects/apex.yaml": SPEC, "projects/zoo.yaml": SPEC})
    write(found, {"projects/notes.txt": "", ".git/HEAD": ""})
    monkeypatch.chdir(found / "projects")
    return found


def by_click(monkeypatch: pytest.MonkeyPatch, shell: type[ShellComplete], text: str, number: int) -> str:
    monkeypatch.setenv("COMP_WORDS", text)
    monkeypatch.setenv("COMP_CWORD", str(number))
    found = shell(cli, {}, "modelfleet", "_MODELFLEET_COMPLETE").complete()
    return f"{found}\n" if found else ""


def test_the_commands_that_are_answered_for_take_a_name() -> None:
    """One that is not listed is answered by click, more slowly."""
    assert {option: set(COMMANDS[option]) - set(names) for option, names in TAKING.items()} == {
        "--env": set(),
        "--project": set(),
    }
    assert set(COMMANDS) == set(FOLDERS)


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(("name", "shell"), [("bash_complete", BashComplete), ("zsh_complete", ZshComplete)])
@pytest.mark.parametrize("option", FOLDERS)
@pytest.mark.parametrize("begun", ["", "a", "ac", "p", "none", "base"])
def test_names_are_completed_as_click_does(
    monkeypatch: pytest.MonkeyPatch, name: str, shell: type[ShellComplete], option: str, begun: str
) -> None:
    for command in COMMANDS[option]:
        text = f"modelfleet {command} {option} {begun}"
        meant = by_click(monkeypatch, shell, text, 3)
        monkeypatch.setenv("_MODELFLEET_COMPLETE", name)
        assert completed() == meant, text


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("modelfleet che", 1),
        ("modelfleet check --pro", 2),
        ("modelfleet check --project -", 3),
        ("modelfleet --root x check --project a", 5),
        ("modelfleet check --project 'a", 3),
        ("modelfleet rules --project a", 3),
        ("modelfleet check --format t", 3),
    ],
)
def test_the_rest_is_for_click(monkeypatch: pytest.MonkeyPatch, text: str, number: int) -> None:
    monkeypatch.setenv("_MODELFLEET_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", text)
    monkeypatch.setenv("COMP_CWORD", str(number))
    assert completed() is None


def test_another_shell_or_a_folder_that_is_not_there_is_for_click(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMP_WORDS", "modelfleet check --project a")
    for shell, number in (("fish_complete", "3"), ("bash_complete", "three"), ("bash_complete", "3")):
        monkeypatch.setenv("_MODELFLEET_COMPLETE", shell)
        monkeypatch.setenv("COMP_CWORD", number)
        assert completed() is None


def test_a_shell_is_answered_without_click(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_MODELFLEET_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "modelfleet check --project a")
    monkeypatch.setenv("COMP_CWORD", "3")
    words = [sys.executable, "-X", "importtime", "-m", "modelfleet"]
    done = subprocess.run(words, capture_output=True, check=True, text=True, cwd=root)
    assert done.stdout == "plain,acme\nplain,apex\n"
    assert "click" not in done.stderr
