"""Options that several commands take, and the completion of names in a shell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import click

from modelfleet.cli.output import FORMATS, WRONG, Exit
from modelfleet.cli.root import root_of
from modelfleet.finding import Finding, Severity
from modelfleet.wording import choices, did_you_mean, printable

if TYPE_CHECKING:
    from modelfleet.layout import Scope
    from modelfleet.resolve.fleet import Fleet


Completion = Callable[[click.Context, click.Parameter, str], list[str]]


def _written_in(folder: str) -> Completion:
    """Completes the names of the hand-written files in a folder."""

    def complete(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
        place = root_of(context) / folder
        names = (path.stem for path in place.glob("*.yaml") if place.is_dir())
        return sorted(name for name in names if name.startswith(begun) and name != "base")

    return complete


def complete_releases(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Completes the names of releases."""
    from modelfleet.resolve import catalog

    return [name for name in catalog.release_names() if name.startswith(begun)]


def complete_codes(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Completes the codes of findings."""
    from modelfleet.reference import reference

    return [code for code in reference.codes() if code.startswith(begun.upper())]


def _only(option: str, folder: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """An option that limits a command to some of what is written in a folder."""
    text = f"Only this {folder.removesuffix('s')}; may be given several times."
    return click.option(option, folder, multiple=True, metavar="NAME", shell_complete=_written_in(folder), help=text)


complete_projects = _written_in("projects")
complete_environments = _written_in("environments")

env_option = _only("--env", "environments")
project_option = _only("--project", "projects")
format_option = click.option("--format", "form", type=FORMATS, default="text", help="Output format of findings.")


def refuse_warnings(warnings: Sequence[Finding], strict: bool) -> None:
    """Ends a strict command where there are warnings that nobody has accepted."""
    if strict and any(each.severity is Severity.WARNING for each in warnings):
        raise Exit(WRONG)


strict_option = click.option("--strict", is_flag=True, help="Exit with 1 if there are warnings that are not accepted.")


text_or_json = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", help="Output format."
)


def release_named(name: str, option: str = "--release") -> str:
    """The release that a name means, or a number alone, as it stands in tables."""
    from modelfleet.resolve import catalog
    from modelfleet.resolve.release import short

    known = catalog.release_names()
    found = {short(release): release for release in known}.get(name, name)
    if found not in known:
        raise click.UsageError(printable(f"{option} {name}: there is no such release; {catalog.likely_releases(name)}"))
    return found


def no_such(what: str, name: str, known: Iterable[str]) -> str:
    """What is said of a name that does not exist, with the nearest one that does."""
    words = list(known)
    kind = {"--env": "environment", "--project": "project"}.get(what, "thing")
    return printable(f"{what} {name}: there is no such {kind}; {did_you_mean(name, words, choices(words))}")


def scope_of(found: Fleet, environments: Sequence[str], projects: Sequence[str]) -> Scope:
    """The folders that the options choose. The base goes with every project."""
    from modelfleet.layout import ARGOCD, BASE, EVERYTHING, Scope

    if not environments and not projects:
        return EVERYTHING
    names = {path.split("/")[2] for path in found.files} - {ARGOCD}
    for option, given, known in (("--env", environments, found.environments), ("--project", projects, names)):
        for name in given:
            if name not in known:
                raise click.UsageError(no_such(option, name, sorted(known)))
    return Scope(
        environments=frozenset({*environments, BASE}) if environments else None,
        projects=frozenset({*projects, ARGOCD}) if projects else None,
    )
