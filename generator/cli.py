"""The command line: parses the words, calls the pipeline with plain values, prints, and alone decides the exit code.

Exit codes: 0 fine; 1 the files are wrong; 2 usage; 3 drift; 4 refused by policy; 5 the machine; 70 a bug of ours.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from generator import __version__
from generator.finding import Finding, MachineFailed, Rejected, Severity, choices, meant, plural, printable

if TYPE_CHECKING:
    from generator.pipeline import Fleet
    from generator.tree import Scope

FINE, WRONG, USAGE, DRIFT, POLICY, MACHINE, BUG = 0, 1, 2, 3, 4, 5, 70

FORMATS = click.Choice(["text", "json", "github"])


class Exit(Exception):
    """Ends the command with an exit code; everything is printed already."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def say(text: str = "") -> None:
    """A line for the user."""
    click.echo("\n".join(map(printable, text.split("\n"))))


def tell(text: str) -> None:
    """A line that is no result: findings, progress."""
    click.echo(text, err=True)


def print_json(data: object) -> None:
    """A result for machines."""
    import json

    click.echo(json.dumps(data, ensure_ascii=False, indent=2))


def show_findings(findings: Iterable[Finding], form: str) -> None:
    """Prints findings, one a line, in the format that was asked for."""
    found = list(findings)
    if form == "json":
        from generator.report import finding_json

        print_json([finding_json(finding) for finding in found])
        return
    for finding in found:
        tell(finding.text())
        if form == "github":
            from generator.report import finding_github

            click.echo(finding_github(finding))


def exit_code(findings: Iterable[Finding]) -> int:
    """The exit code that errors stand for."""
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if any(finding.policy for finding in errors):
        return POLICY
    return WRONG if errors else FINE


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
)
@click.version_option(__version__, prog_name="modelfleet")
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    default=Path(),
    show_default="this folder",
    help="The repository: the folder with projects/ and environments/.",
)
@click.option("--debug", is_flag=True, expose_value=False, help="On a bug of modelfleet, show where it happened.")
@click.pass_context
def cli(context: click.Context, root: Path) -> None:
    """Model serving on OpenShift AI as reviewed code.

    Reads projects/*.yaml and environments/*.yaml, checks them against what each cluster really is, and renders Kustomize
    overlays into environments/<environment>/<project>, which Argo CD syncs.
    """
    if context.invoked_subcommand is None:
        tell(context.get_help())
        raise Exit(USAGE)
    if not root.is_dir():
        message = f"--root {printable(str(root))}: there is no such folder"
        raise click.UsageError(message)
    context.obj = root


Completion = Callable[[click.Context, click.Parameter, str], list[str]]


def _written_in(folder: str) -> Completion:
    """Completes the names of the hand-written files in a folder."""

    def complete(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
        place = Path(context.find_root().params.get("root") or ".") / folder
        names = (path.stem for path in place.glob("*.yaml") if place.is_dir())
        return sorted(name for name in names if name.startswith(begun) and name != "base")

    return complete


def _releases(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    from generator import catalog

    return [name for name in catalog.release_names() if name.startswith(begun)]


def _codes(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    from generator import reference

    return [code for code in reference.codes() if code.startswith(begun.upper())]


def _only(option: str, folder: str) -> Callable[[Any], Any]:
    """An option that limits a command to some of what is written in a folder."""
    text = f"Only this {folder.removesuffix('s')}; may be given several times."
    return click.option(option, folder, multiple=True, metavar="NAME", shell_complete=_written_in(folder), help=text)


env_option = _only("--env", "environments")
project_option = _only("--project", "projects")
format_option = click.option("--format", "form", type=FORMATS, default="text", help="How findings are printed.")


@cli.command(short_help="Check every file; write nothing.")
@format_option
@click.pass_obj
def check(root: Path, form: str) -> None:
    """Check every file and render in memory; write nothing."""
    from generator.pipeline import fleet

    found = fleet(root)
    show_findings(found.warnings, form)
    if form == "json":
        return
    models = sum(one.project.served for one in found.deployed)
    say(
        f"{plural(len({one.project.name for one in found.deployed}), 'project')} in "
        f"{plural(len(found.environments), 'environment')}: {plural(models, 'model')}, "
        f"{plural(sum(len(one.objects) for one in found.deployed), 'object')}, "
        + (f"{plural(len(found.warnings), 'warning')}" if found.warnings else "all as they should be")
    )


@cli.command(short_help="Write the overlays and say what changed.")
@env_option
@project_option
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 3 and show the diff where files differ.")
@click.option("--overwrite", is_flag=True, help="Go on where files were edited by hand or are not ours.")
@click.option("--verify", "also_verify", is_flag=True, help="Then verify everything with the real tools.")
@format_option
@click.pass_obj
def render(  # noqa: PLR0913 - one parameter an option, as click passes them
    root: Path,
    environments: tuple[str, ...],
    projects: tuple[str, ...],
    only_check: bool,
    overwrite: bool,
    also_verify: bool,
    form: str,
) -> None:
    """Render the overlays of every environment and say what changed."""
    from generator import write
    from generator.finding import merged
    from generator.pipeline import fleet
    from generator.report import rendered
    from generator.tree import conflicts

    started = os.times()
    if not only_check:
        write.recover(root)
    found = fleet(root)
    scope = _with_all_overlays(root, found.files, scope_of(found, environments, projects))
    if form == "text" or (form == "github" and not only_check):
        show_findings(found.warnings, form)
    files = {path: text for path, text in found.files.items() if _in_scope(path, scope)}
    if only_check:
        _check_drift(root, files, scope, (form, found.warnings))
        return
    changes = write.write(root, files, scope, overwrite=overwrite)
    replaced = merged(conflicts(changes, overwrite=True)) if overwrite else []
    if form == "json":
        show_findings([*found.warnings, *replaced], form)
        return
    show_findings(replaced, form)
    for line in rendered(found, changes, os.times().elapsed - started.elapsed):
        say(line)
    if also_verify:
        _verify(root, found, form)


@cli.command(short_help="Prove the overlays with kustomize and kubeconform.")
@format_option
@click.pass_obj
def verify(root: Path, form: str) -> None:
    """Build every overlay with the real kustomize and check it with kubeconform and the clusters' schemas."""
    from generator.pipeline import fleet

    found = fleet(root)
    if form == "text":  # in a workflow `check` has put them on their lines
        show_findings(found.warnings, form)
    _verify(root, found, form)


def _verify(root: Path, found: Fleet, form: str) -> None:
    from functools import partial

    from generator import api_schemas, pipeline, tools, write
    from generator.projects import cause
    from generator.verify import Meant
    from generator.verify import verify as prove

    _refuse_stale(root, found)
    programs = tools.ensure(root, tools.MAIN, tell)
    schemas = {
        name: api_schemas.schemas(root, pipeline.schemas_of(environment), tell)
        for name, environment in found.environments.items()
    }
    meant = [
        Meant(one.project.environment.name, one.folder, one.objects, partial(cause, one.project))
        for one in found.deployed
    ]
    meant += [Meant(one.environment, one.folder, one.objects) for one in found.synced]
    if reason := write.unfinished(root):
        raise MachineFailed(reason)
    verified = prove(root, meant, programs, schemas, tell if sys.stderr.isatty() else lambda text: None)
    show_findings([*(found.warnings if form == "json" else ()), *verified.findings], form)
    if verified.findings:
        raise Exit(WRONG)
    if form == "json":
        return
    before = f", {verified.unchanged} of them unchanged since they were verified before" if verified.unchanged else ""
    say(
        f"verified {plural(verified.overlays, 'overlay')} with {plural(verified.objects, 'object')}{before}: "
        f"{programs['kustomize']} builds what was meant, {programs['kubeconform']} finds nothing invalid and nothing skipped"
    )


@cli.command(short_help="Say whether a cluster would take any manifests.")
@click.option(
    "--release",
    "name",
    required=True,
    metavar="RELEASE",
    shell_complete=_releases,
    help="Such as rhoai-2.25; see `modelfleet releases`.",
)
@click.option(
    "--existing",
    type=click.Path(path_type=Path),
    help="A folder of live objects: a file there is what the file of the same name updates.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How verdicts are printed.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.pass_obj
def admit(root: Path, name: str, existing: Path | None, form: str, files: tuple[str, ...]) -> None:
    """Say of any manifests whether a cluster of a release would take them; FILE may be - for standard input.

    An overlay is built first: kustomize build DIR | modelfleet admit --release RELEASE -
    """
    from generator import admit_report, api_schemas, catalog
    from generator.admit import admit_files, gather, passed

    release = catalog.release(_release_of(name))
    given = gather(files, existing, sys.stdin.buffer.read)
    entries = [*release.crds, *api_schemas.mentioned([one.content for one in given])]
    schemas = api_schemas.schemas(root, api_schemas.needs(release.kubernetes, entries), tell)
    verdicts = admit_files(given, release, schemas.folders)
    if form == "json":
        print_json(admit_report.entries(verdicts))
    else:
        for finding in admit_report.findings(verdicts):
            tell(finding.text())
        for line in admit_report.summary(verdicts, release.title):
            say(line)
    if not passed(verdicts):
        raise Exit(WRONG)


def _release_of(name: str) -> str:
    """The release that a name means, or a number alone, as it stands in tables."""
    from generator import catalog
    from generator.reference import short

    known = catalog.release_names()
    found = {short(release): release for release in known}.get(name, name)
    if found not in known:
        raise click.UsageError(printable(f"--release {name}: there is no such release; {choices(known)}"))
    return found


def _no_such(what: str, name: str, known: Iterable[str]) -> str:
    words = list(known)
    return printable(f"{what} {name}: there is no such thing; {meant(name, words, choices(words))}")


@cli.command(short_help="Print the labels that namespaces need.")
@env_option
@click.pass_obj
def labels(root: Path, environments: tuple[str, ...]) -> None:
    """Print the `oc label` commands for namespaces that are made elsewhere; without them models are not shown or never load."""
    from generator.pipeline import fleet
    from generator.report import label_commands

    found = fleet(root)
    scope_of(found, environments, ())
    chosen = [one.project for one in found.deployed if not environments or one.project.environment.name in environments]
    commands = list(label_commands(chosen))
    for command in commands:
        say(command)
    if not commands:
        tell("modelfleet: nothing to label, the namespaces are rendered with their labels (namespaces: managed)")


@cli.group()
def argocd() -> None:
    """What Argo CD's administrator needs."""


@argocd.command(short_help="Print health checks for models.")
def health() -> None:
    """Print health checks in Lua for the ArgoCD resource: models that run are healthy, models that fail are not."""
    from generator.argocd import health_yaml

    click.echo(health_yaml(), nl=False)


text_or_json = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", help="How it is printed."
)


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    from generator.report import table

    for line in table(rows):
        say(line)


@cli.command(short_help="Show what each release can do.")
@text_or_json
def releases(form: str) -> None:
    """Show what each release of OpenShift AI can do, and how long it is supported."""
    from generator import reference

    if form == "json":
        print_json(reference.release_data())
        return
    _print_table(reference.release_rows())
    say()
    for line in reference.release_notes():
        say(line)


@cli.command(short_help="Show what can be served with what.")
@click.option(
    "--release",
    "name",
    metavar="RELEASE",
    shell_complete=_releases,
    help="Only what this release ships, such as rhoai-2.25.",
)
@text_or_json
def runtimes(name: str | None, form: str) -> None:
    """Show the serving runtimes that releases ship: what can be served with what."""
    from generator import reference

    found = reference.runtimes(None if name is None else _release_of(name))
    if form == "json":
        print_json(found)
    else:
        _print_table(reference.runtime_rows(found, releases=name is None))


@cli.command(short_help="List every rule.")
@text_or_json
def rules(form: str) -> None:
    """List every rule with its code, who would refuse what it is about, and the releases that it holds for."""
    from generator import reference

    if form == "json":
        print_json(reference.rule_data())
    else:
        _print_table(reference.rule_rows())


@cli.command(short_help="Explain the code of a finding.")
@click.argument("code", shell_complete=_codes)
@text_or_json
def explain(code: str, form: str) -> None:
    """Explain the code of a finding: why, an example that trips it, the mended example, and the source."""
    from generator import reference

    if code.upper() not in reference.codes():
        raise click.UsageError(printable(f"explain {code}: there is no such code; `modelfleet rules` lists them"))
    one = reference.explanation(code.upper())
    if form == "json":
        print_json(reference.explanation_data(one))
        return
    for line in reference.explained(one):
        say(line)


@cli.command(hidden=True)
@click.option("--write", is_flag=True, help="Write the pages below docs/ that are made of data.")
@click.pass_obj
def docs(root: Path, write: bool) -> None:
    """Say which pages of the documentation are stale, or write them."""
    from generator import pages

    stale = pages.stale(root)
    for path in stale:
        if write:
            pages.write_page(root, path)
        say(f"{path}: {'written' if write else 'stale'}")
    if stale and not write:
        raise Exit(DRIFT)


def _refuse_stale(root: Path, found: Fleet) -> None:
    """What is proved is what was meant, so the tree must be what the files say."""
    from generator.tree import Scope, compare

    changes = compare(root, found.files, Scope())
    if changes.edited:
        tell(f"modelfleet: {changes.edited[0]} was edited by hand; `modelfleet render --check` shows the difference")
        raise Exit(DRIFT)
    if changes.writes:
        tell(f"modelfleet: {changes.paths[0]} is not as it would be rendered; run `modelfleet render` first")
        raise Exit(DRIFT)


def _in_scope(path: str, scope: Scope) -> bool:
    return scope.owns(path.split("/")[1:3])


def scope_of(found: Fleet, environments: Sequence[str], projects: Sequence[str]) -> Scope:
    """The folders that the options choose. The base goes with every project."""
    from generator.tree import ARGOCD, BASE, Scope

    names = {path.split("/")[2] for path in found.files} - {ARGOCD}
    for option, given, known in (("--env", environments, found.environments), ("--project", projects, names)):
        for name in given:
            if name not in known:
                raise click.UsageError(_no_such(option, name, sorted(known)))
    return Scope(
        environments=frozenset({*environments, BASE}) if environments else None,
        projects=frozenset({*projects, ARGOCD}) if projects else None,
    )


def _with_all_overlays(root: Path, files: Mapping[str, str], scope: Scope) -> Scope:
    """The scope, widened to every overlay of the projects whose base changes: they all build on it."""
    from dataclasses import replace

    from generator.tree import BASE, compare

    if scope.environments is None:
        return scope
    shared = replace(scope, environments=frozenset({BASE}))
    base = {path: text for path, text in files.items() if _in_scope(path, shared)}
    changes = compare(root, base, shared)
    touched = {path.split("/")[2] for path in changes.paths}
    if touched:
        tell(f"modelfleet: the base of {', '.join(sorted(touched))} changes too, so all overlays on it are written")
    return replace(scope, everywhere=frozenset(touched))


def _check_drift(root: Path, files: dict[str, str], scope: Scope, shown: tuple[str, tuple[Finding, ...]]) -> None:
    """The words about drift go to stderr where stdout is for machines."""
    from generator import report, tree, write

    form, warnings = shown
    words = tell if form == "json" else say
    changes = tree.compare(root, files, scope)
    if reason := write.unfinished(root):
        raise MachineFailed(reason)
    found = [finding for finding in tree.conflicts(changes) if finding.code != "OUT004"]
    show_findings([*(warnings if form == "json" else ()), *found], form)
    refused = any(finding.severity is Severity.ERROR for finding in found)
    if changes.links or changes.blocked or (refused and not changes.writes):
        raise Exit(POLICY)
    if not changes.writes and not changes.edited:
        words(f"up to date: {changes.unchanged} files are as they would be rendered")
        return
    for line in report.drift(root, files, changes):
        words(line)
    for line in report.drift_github(root, files, changes) if form == "github" else ():
        say(line)
    if form != "json":
        for line in report.diffs(root, files, changes):
            say(line)
    words(report.remedy(changes))
    raise Exit(POLICY if refused else DRIFT)


PLAN_STYLES: Mapping[str, Mapping[str, Any]] = {
    "head": {"bold": True},
    "good": {"fg": "green"},
    "mild": {"fg": "cyan"},
    "warn": {"fg": "yellow"},
    "bad": {"fg": "red", "bold": True},
    "added": {"fg": "green"},
    "removed": {"fg": "red"},
    "faint": {"dim": True},
}
"""How the lines of a plan look on a terminal; elsewhere they have no colours."""


@cli.command(short_help="Show what merging does to running models.")
@click.option(
    "--against", metavar="REV", help="The revision to compare with, instead of where the branch left argocd.revision."
)
@env_option
@click.option(
    "--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text", help="How it is printed."
)
@click.option("--no-diff", is_flag=True, help="As text, leave the differences of the objects out.")
@click.pass_obj
def plan(root: Path, against: str | None, environments: tuple[str, ...], form: str, no_diff: bool) -> None:
    """Show what merging does to running models; exit 4 where it destroys what nobody has acknowledged."""
    from generator import write
    from generator.pipeline import fleet
    from generator.plan import NoSuchEnvironment
    from generator.plan import plan as make

    if against is not None and (not against or against.startswith("-")):
        raise click.UsageError(printable(f"--against {against}: that names no revision"))
    found = fleet(root)
    try:
        made_plan = make(root, found, against, environments)
    except NoSuchEnvironment as wrong:
        raise click.UsageError(_no_such("--env", wrong.name, wrong.known)) from None
    if reason := write.unfinished(root):
        raise MachineFailed(reason)
    if form == "json":
        from generator.plan_report import data

        print_json(data(made_plan))
    elif form == "markdown":
        from generator.plan_markdown import markdown

        click.echo(markdown(made_plan), nl=False)
    else:
        from generator.plan_report import text

        coloured = False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None
        for line in text(made_plan, with_differences=not no_diff):
            click.secho(printable(line.text), color=coloured, **PLAN_STYLES.get(line.tone, {}))
    if form != "json":
        show_findings(made_plan.findings, "text")
    if code := exit_code(made_plan.findings):
        raise Exit(code)


@cli.command(short_help="Show where each model answers.")
@env_option
@project_option
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "markdown"]), default="table", help="How it is printed."
)
@click.pass_obj
def endpoints(root: Path, environments: tuple[str, ...], projects: tuple[str, ...], form: str) -> None:
    """Show where each model answers: addresses, tokens, and a line to try it."""
    from generator import endpoints_report as told
    from generator.endpoints import endpoints as endpoints_of
    from generator.pipeline import fleet

    found = fleet(root)
    scope = scope_of(found, environments, projects)
    chosen = [one for one in found.deployed if scope.owns((one.project.environment.name, one.project.name))]
    chosen.sort(key=lambda one: (one.project.environment.name, one.project.name))
    listed = [each for one in chosen for each in endpoints_of(one.project, one.objects)]
    if form == "json":
        print_json(told.data(listed))
        return
    for line in told.markdown(listed) if form == "markdown" else told.lines(listed):
        say(line)


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point: whatever happens becomes one exit code, and no traceback."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed, and the next file to be opened would take its place
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 - open until the end
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # a terminal that cannot show a letter
    gc.disable()  # the process is short and makes next to no cycles; looking for them would cost a tenth of a large run
    words = list(sys.argv[1:] if arguments is None else arguments)
    words.sort(key=lambda word: word != "--debug")  # it may stand behind the command too
    code = _run(words)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _give_up_stdout()
    gc.freeze()  # the interpreter looks for cycles once more as it ends
    raise SystemExit(code)


def _run(words: list[str]) -> int:
    try:
        cli.main(args=words, prog_name="modelfleet", standalone_mode=False)
    except Exit as done:
        return done.code
    except Rejected as rejected:
        show_findings(rejected.findings, _format_in(words))
        return exit_code(rejected.findings) or WRONG
    except MachineFailed as failed:
        tell(f"modelfleet: {printable(str(failed))}")
        return MACHINE
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.Abort:
        return 130
    except click.ClickException as wrong:
        said = wrong.format_message()
        asked_nothing = isinstance(wrong, click.exceptions.NoArgsIsHelpError)
        tell(said if asked_nothing else f"modelfleet: {printable(said)}")
        return USAGE
    except (BrokenPipeError, SystemExit):  # click's answer to a reader that went away
        _give_up_stdout()
        return FINE
    except KeyboardInterrupt:
        return 130
    except MemoryError:
        tell("modelfleet: out of memory; nothing was written")
        return MACHINE
    except OSError as failed:
        where = printable(str(failed.filename)) if failed.filename else "the output cannot be written"
        tell(f"modelfleet: {where}: {failed.strerror}")
        return MACHINE
    except Exception as bug:
        return _confess(bug, "--debug" in words)
    return FINE


def _format_in(words: Sequence[str]) -> str:
    """The format that the words ask for."""
    asked = [following for word, following in pairwise(words) if word == "--format"]
    asked += [word.partition("=")[2] for word in words if word.startswith("--format=")]
    return asked[-1] if asked else "text"


def _give_up_stdout() -> None:
    """Nobody reads any more: what is still in the buffer must not raise at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _confess(bug: Exception, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exception(bug)
    where: Any = bug.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = f"{Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}" if where else "?"
    tell(
        f"modelfleet: this is a bug of modelfleet ({type(bug).__name__} at {place}); nothing is known to be wrong with "
        "your files. Please report it with what `--debug` prints"
    )
    return BUG
