"""The command line: parses the words, calls the pipeline with plain values, prints, and alone decides the exit code.

Exit codes: 0 fine; 1 the files are wrong; 2 usage; 3 drift, or a model that does not answer as meant;
4 refused by policy; 5 the machine; 70 a bug of ours; 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import click

from modelfleet import __version__
from modelfleet.cli.group import LazyGroup
from modelfleet.cli.mistakes import usage_hint
from modelfleet.cli.output import BUG, FINE, MACHINE, SCREEN, USAGE, WRONG, Exit, Screen, exit_code, show_findings, tell
from modelfleet.cli.root import root_of
from modelfleet.finding import MachineFailed, Rejected
from modelfleet.wording import printable


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
)
@click.version_option(__version__, prog_name="modelfleet")
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    envvar="MODELFLEET_ROOT",
    show_envvar=True,
    help="The repository: the folder with projects/ and environments/.  [default: the current folder, or the nearest one above it]",
)
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="When findings and plans have colours; auto: on a terminal, unless NO_COLOR is set.",
)
@click.option("--debug", is_flag=True, expose_value=False, help="If modelfleet has a bug, show where it happened.")
@click.pass_context
def cli(context: click.Context, root: Path | None, color: str) -> None:
    """Model serving on OpenShift AI as reviewed code.

    Reads projects/*.yaml and environments/*.yaml, checks them against the facts of each cluster, and renders Kustomize
    overlays into environments/<environment>/<project>, which Argo CD syncs.
    """
    if context.invoked_subcommand is None:
        tell(context.get_help())
        raise Exit(USAGE)
    if root is not None and not root.is_dir():
        message = f"--root {printable(str(root))}: there is no such folder"
        raise click.UsageError(message)
    screen = context.obj if isinstance(context.obj, Screen) else Screen()
    screen.root, screen.color = root_of(context), color
    context.meta[SCREEN], context.obj = screen, screen.root


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point: whatever happens becomes one exit code, and no traceback."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed, and the next file to be opened would take its place
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 - open until the end
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # a terminal that cannot show a letter
    gc.disable()  # the process is short and makes next to no cycles; looking for them would cost a tenth of a large run
    words = list(sys.argv[1:] if arguments is None else arguments)
    code = _run(_hoisted(words))
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _give_up_stdout()
    gc.freeze()  # the interpreter looks for cycles once more as it ends
    raise SystemExit(code)


def _hoisted(words: list[str]) -> list[str]:
    """The words with --debug and --color at the beginning: they may stand behind the command, too."""
    first: list[str] = []
    rest: list[str] = []
    waiting = iter(words)
    for word in waiting:
        if word == "--":
            rest += [word, *waiting]
        elif word == "--color":
            first += [word, *islice(waiting, 1)]
        else:
            (first if word == "--debug" or word.startswith("--color=") else rest).append(word)
    return [*first, *rest]


def _run(words: list[str]) -> int:
    screen = Screen()
    try:
        cli.main(args=words, prog_name="modelfleet", standalone_mode=False, obj=screen)
    except Exit as done:
        return done.code
    except Rejected as rejected:
        show_findings(rejected.findings, _format_in(words), screen)
        return exit_code(rejected.findings) or WRONG
    except MachineFailed as failed:
        tell(f"modelfleet: {printable(str(failed))}")
        return MACHINE
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.Abort:
        return 130
    except click.ClickException as wrong:
        said = wrong.format_message() + usage_hint(wrong)
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
        where = f"{printable(str(failed.filename))}: " if failed.filename else "the output cannot be written: "
        own = " (a file of modelfleet itself: install it again)" if _is_own(failed.filename) else ""
        tell(f"modelfleet: {where}{failed.strerror or type(failed).__name__}{own}")
        return MACHINE
    except Exception as bug:
        return _confess(bug, "--debug" in words)
    return FINE


def _is_own(file: Any) -> bool:
    """Whether a file is one that travels with the package."""
    try:
        return file is not None and Path(str(file)).resolve().is_relative_to(Path(__file__).resolve().parents[1])
    except OSError:
        return False


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
        f"modelfleet: this is a bug in modelfleet ({type(bug).__name__} at {place}); nothing is known to be wrong with "
        "your files. Please report it with what `--debug` prints"
    )
    return BUG
