"""The group of commands: a command is a module in `commands/`, and only the one that is called is imported."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click

from modelfleet.wording import closest

_FOLDER = Path(__file__).with_name("commands")


class LazyGroup(click.Group):
    """Finds the command `NAME` as the attribute `NAME` of the module `commands/NAME.py`."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted(path.stem.rstrip("_") for path in _FOLDER.glob("*.py") if not path.stem.startswith("_"))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of this name; its module is imported now."""
        for module in (name, f"{name}_"):  # `import_.py`: the name of that command is a keyword of Python
            if module.isidentifier() and not module.startswith("_") and (_FOLDER / f"{module}.py").is_file():
                command = getattr(import_module(f"modelfleet.cli.commands.{module}"), module)
                assert isinstance(command, click.Command)
                return command
        return None

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that was called; a word that is none gets the name that is nearest to it."""
        word = args[0]
        if not context.resilient_parsing and not word.startswith("-") and self.get_command(context, word) is None:
            near = closest(word, self.list_commands(context))
            context.fail(f"No such command {word!r}." + (f" Did you mean {near!r}?" if near else ""))
        return super().resolve_command(context, args)
