"""What to write in place of a call that the command line does not understand."""

from __future__ import annotations

from pathlib import Path

import click

from modelfleet.cli.root import root_of
from modelfleet.patterns import lazy_pattern
from modelfleet.wording import closest, printable

_EXTRA = lazy_pattern(r"Got unexpected extra arguments? \((.*)\)")


def usage_hint(wrong: click.ClickException) -> str:
    """What follows the message of a wrong call; empty where the message says it all."""
    context = wrong.ctx if isinstance(wrong, click.UsageError) else None
    if context is None or context.parent is None:
        return ""
    options = [name for option in context.command.params for name in option.opts if name.startswith("--")]
    if isinstance(wrong, click.NoSuchOption):
        hint = "" if wrong.possibilities else _option_meant(wrong.option_name, options)
        return hint or ("" if wrong.possibilities else f" See `{context.command_path} --help`.")
    extra = _EXTRA.match(wrong.message)
    if extra is None:
        return ""
    word = extra[1].split(" ")[0]
    return _argument_meant(word, context, options) or f"; see `{context.command_path} --help`"


def _option_meant(word: str, options: list[str]) -> str:
    """An option of which the word is a longer or shorter form, or nearly it."""
    near = next((name for name in options if word.startswith(name) or name.startswith(word)), closest(word, options))
    return f" Did you mean {near}?" if near else ""


def _argument_meant(word: str, context: click.Context, options: list[str]) -> str:
    """The option that takes the name which was given without one."""
    root = root_of(context)
    name = Path(word).stem
    for option, folder in (("--env", "environments"), ("--project", "projects")):
        if option in options and (root / folder / f"{name}.yaml").is_file():
            return printable(f"; did you mean {option} {name}?")
    if "--against" in options:
        return printable(f"; did you mean --against {word}?")
    return ""
