"""The command `init`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from modelfleet.cli.options import complete_releases, release_named
from modelfleet.cli.output import say
from modelfleet.cli.root import given_root
from modelfleet.finding import MachineFailed
from modelfleet.resolve import catalog
from modelfleet.start.place import place_new_files
from modelfleet.start.requirement import PLACEHOLDER, installed_requirement
from modelfleet.start.starter import (
    CI_SYSTEMS,
    StarterAnswers,
    check_starter,
    starter_files,
    starter_kinds,
    wrong_answer,
)
from modelfleet.tools.git import run_git
from modelfleet.wording import printable


@click.command(short_help="Create a repository that is valid from the start.")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), required=False)
@click.option("--env", "environment", metavar="NAME", help="The first cluster's name.  [default: dev]")
@click.option("--project", metavar="NAME", help="The first project's name.  [default: assistants]")
@click.option("--kind", type=click.Choice(starter_kinds()), help="What the first project serves.  [default: cpu-model]")
@click.option(
    "--release",
    metavar="NAME",
    shell_complete=complete_releases,
    help="The release of OpenShift AI that the cluster runs.  [default: the newest known]",
)
@click.option(
    "--apps-domain", metavar="DOMAIN", help="The domain of the cluster's routes.  [default: apps.example.org]"
)
@click.option(
    "--repo-url", "repository_url", metavar="URL", help="This repository, as Argo CD reads it.  [default: Git's origin]"
)
@click.option("--ci", type=click.Choice(CI_SYSTEMS), help="The CI system to write a pipeline for.  [default: github]")
@click.option(
    "--requirement",
    metavar="REQUIREMENT",
    help="What pip installs in the pipeline.  [default: what this modelfleet was installed from]",
)
@click.option("--defaults", is_flag=True, help="Ask nothing, and use the default for whatever no option gives.")
@click.pass_context
def init(
    context: click.Context, /, folder: Path | None, defaults: bool, requirement: str | None, **given: str | None
) -> None:
    """Create a repository in DIR (default: the current folder) with one cluster, one project and the files around them.

    On a terminal, it asks for whatever no option gives. Existing files are left unchanged. If projects/ or environments/
    contain files already, only the files around them are added.
    """
    root = given_root(context) or Path()
    place = root if folder is None else root / folder
    there = [path.name for name in ("projects", "environments") for path in sorted((place / name).glob("*.yaml"))]
    asks = not (defaults or there) and sys.stdin.isatty() and sys.stdout.isatty()
    answers = _answers(given, place, asks, requirement or installed_requirement())
    files = starter_files(answers, with_specs=not there)
    if not there:
        check_starter(files)
    written, kept = place_new_files(place, files)
    for path in written:
        say(f"{path}: written")
    for path in kept:
        say(f"{path}: exists, left as it is")
    if answers.ci != "none" and answers.requirement == PLACEHOLDER:
        say()
        say(
            "to do: the pipeline installs modelfleet from an address that does not exist, since this one came from a folder"
        )
        say(
            "       and the project is on no package registry yet; put the address of your copy in its place (--requirement)"
        )
    if there:
        say("there are specs already, so no example was added")
        return
    where = "" if folder is None else f"--root {printable(str(folder))} "
    say()
    say(f"next: modelfleet {where}render && modelfleet {where}verify")
    say(f"then: put your cluster's facts into environments/{answers.environment}.yaml and your models into")
    say(f"      projects/{answers.project}.yaml; `modelfleet {where}check` says what does not fit")


def _answers(given: dict[str, str | None], place: Path, asks: bool, requirement: str) -> StarterAnswers:
    """What the options say; what they leave open is asked for, or has its default."""
    releases = catalog.release_names()
    questions: list[tuple[str, str, str, Sequence[str]]] = [
        ("environment", "Name of the first cluster", "dev", ()),
        ("release", "Release of OpenShift AI", releases[-1], releases),
        ("apps_domain", "Domain of its routes", "apps.example.org", ()),
        ("project", "Name of the first project", "assistants", ()),
        ("kind", "What it serves", "cpu-model", starter_kinds()),
        ("repository_url", "This repository's address", "", ()),
        ("ci", "Pipeline for", "github", CI_SYSTEMS),
    ]
    found: dict[str, str] = {}
    for name, question, default, choices in questions:
        answer = given[name]
        if answer is None:
            preset = default or _origin(place)
            answer = _asked(name, question, preset, choices) if asks else preset
        elif name == "release":
            answer = release_named(answer)
        elif not choices and (wrong := wrong_answer(name, answer)):
            raise click.UsageError(printable(f"{_OPTIONS[name]}: {wrong}"))
        found[name] = answer
    return StarterAnswers(requirement=requirement, **found)


_OPTIONS = {
    "environment": "--env",
    "project": "--project",
    "apps_domain": "--apps-domain",
    "repository_url": "--repo-url",
}


def _asked(name: str, question: str, preset: str, choices: Sequence[str]) -> str:
    kind: Any = click.Choice(choices) if choices else _valid(name)
    return str(
        click.prompt(question, default=preset, type=None if not choices else kind, value_proc=None if choices else kind)
    )


def _valid(name: str) -> Callable[[str], str]:
    def valid(answer: str) -> str:
        if wrong := wrong_answer(name, answer):
            raise click.BadParameter(printable(wrong))
        return answer

    return valid


def _origin(place: Path) -> str:
    """Where Git says that this repository came from; an example where it does not say so, or not in a form that can be read."""
    try:
        done = run_git(place, ["config", "--get", "remote.origin.url"]) if place.is_dir() else None
    except MachineFailed:
        done = None
    address = done.out.decode("utf-8", "replace").strip() if done is not None else ""
    return (
        address
        if address and not wrong_answer("repository_url", address)
        else "https://git.example.org/team/models.git"
    )
