"""How a command gets its fleet: whole, with what is remembered; one shard of it; or from what all shards have left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from modelfleet.cli.options import env_option, format_option, project_option, refuse_warnings, scope_of, strict_option
from modelfleet.cli.output import DRIFT, MACHINE, POLICY, WRONG, Exit, exit_code, tell
from modelfleet.cli.root import root_of
from modelfleet.finding import Finding, MachineFailed, Rejected
from modelfleet.layout import ARGOCD, Scope
from modelfleet.pipeline.fleet import fleet
from modelfleet.records import dataclass
from modelfleet.resolve.fleet import Fleet, narrowed
from modelfleet.tools.store import Memory, memory_of

if TYPE_CHECKING:
    from modelfleet.pipeline.shards import JoinedRun, Shard, ShardRun

_WORST = (MACHINE, POLICY, WRONG, DRIFT)
_MOST_SHARDS = 256


class FleetRun:
    """One run of a command. Within `with`, what it ends with becomes the exit code of the whole, or part of it."""

    def __init__(
        self, root: Path, command: str, memory: Memory | None, sharing: tuple[Shard | None, Path | None]
    ) -> None:
        self.root = root
        self.command = command
        self.memory = memory
        self.shard, self.parts = sharing
        self._shard: ShardRun | None = None
        self._joined: JoinedRun | None = None

    def fleet(self) -> Fleet:
        """What the run is about. Raises `Rejected` and `MachineFailed`."""
        if self.shard is not None:
            from modelfleet.pipeline.shards import ShardRun

            self._shard = ShardRun(self.root, self.command, self.shard, self.memory)
            return self._shard.fleet()
        if self.parts is not None:
            from modelfleet.pipeline.shards import JoinedRun

            self._joined = JoinedRun(self.root, self.command, self.parts)
            if not all(part.complete for part in self._joined.parts):
                raise Exit(WRONG)  # or worse: see `_conclude`
            return self._joined.fleet()
        return fleet(self.root, memory=self.memory)

    @property
    def is_shard(self) -> bool:
        """Whether it is about a share of the projects."""
        return self.shard is not None

    @property
    def said_before(self) -> str:
        """What a line about a share of the projects begins with."""
        return f"{self.shard}: " if self.shard is not None else ""

    def untold(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings that this run tells: each is told once by all shards and the last step together."""
        if self._shard is not None:
            told = [finding for finding in findings if self._shard.is_own(finding)]
            self._shard.part.told += told
            return told
        return self._joined.untold(findings) if self._joined is not None else list(findings)

    def scope(self, chosen: Scope) -> Scope:
        """The folders that this run looks at, of those that options choose."""
        if self._shard is not None:
            own = self._shard.own
        elif self._joined is not None:
            own = frozenset({*self._joined.gone(), ARGOCD})
        else:
            return chosen
        return Scope(chosen.environments, own if chosen.projects is None else own & chosen.projects, chosen.everywhere)

    def narrowed(self, whole: Fleet, scope: Scope) -> Fleet:
        """The part of the fleet that lies in these folders."""
        if self._joined is None:
            return narrowed(whole, scope)
        rest = narrowed(whole, Scope(scope.environments))
        return replace(rest, deployed=())

    def counted(self, own: Sequence[int]) -> list[int]:
        """Sums over all shards, as far as this run knows them."""
        if self._shard is not None:
            self._shard.part.counted = own
        return self._joined.counted(own) if self._joined is not None else list(own)

    def __enter__(self) -> FleetRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shard is not None:
            self._leave(error)
        elif self._joined is not None and (error is None or isinstance(error, Exit | Rejected)):
            self._conclude(self._joined, error)

    def _leave(self, error: BaseException | None) -> None:
        assert self._shard is not None
        if isinstance(error, Rejected):
            code = exit_code(error.findings) or WRONG
            told = self.untold(error.findings)
        else:
            code, told = error.code if isinstance(error, Exit) else MACHINE if error is not None else 0, []
        if self.parts is not None and (error is None or isinstance(error, Exit | Rejected | MachineFailed)):
            self._shard.leave(self.parts, code)
        if isinstance(error, Rejected):
            if told:
                raise Rejected(told) from None
            tell(f"modelfleet: {self.shard}: shard 1 reports what is wrong with the files that all projects share")
            raise Exit(code) from None

    def _conclude(self, joined: JoinedRun, error: BaseException | None) -> None:
        if isinstance(error, Rejected):
            told = joined.untold(error.findings)
            raise Rejected(told or error.findings) from None
        own = {error.code} if isinstance(error, Exit) and all(part.complete for part in joined.parts) else set()
        codes = {part.code for part in joined.parts} | own
        for part in joined.refused:
            tell(f"modelfleet: {part.shard} ended with exit code {part.code}; it says why")
        code = next((each for each in _WORST if each in codes), max(codes, default=0))
        if code:
            raise Exit(code) from None


class _ShardType(click.ParamType[Any]):
    name = "I/N"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        from modelfleet.pipeline.shards import Shard

        if isinstance(value, Shard):
            return value
        number, slash, of = str(value).partition("/")
        if not slash or not number.isdecimal() or not of.isdecimal() or not 1 <= int(number) <= int(of) <= _MOST_SHARDS:
            wrong = f"{value!r} is not a shard: write 3/8 for the third of eight, at most {_MOST_SHARDS}"
            self.fail(wrong, parameter, context)
        return Shard(int(number), int(of))


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options about how a command gets its fleet, which it then has as `run`."""

    @click.option(
        "--no-cache",
        is_flag=True,
        envvar="MODELFLEET_NO_CACHE",
        show_envvar=True,
        help="Do not use or update the cache of earlier runs.",
    )
    @click.option("--shard", type=_ShardType(), help="Only this share of the projects, such as 3/8.")
    @click.option(
        "--parts",
        type=click.Path(path_type=Path, file_okay=False),
        help=(
            "With --shard, the directory to leave its part in. Without it, the directory that holds the parts of all "
            "shards, to join them."
        ),
    )
    @wraps(command)
    def with_run(*given: Any, no_cache: bool, shard: Shard | None, parts: Path | None, **named: Any) -> None:
        context = click.get_current_context()
        if (shard or parts) and (choice := named.get("choice")) is not None and choice.projects:
            message = "--project cannot be combined with --shard and --parts: which projects a shard has is settled"
            raise click.UsageError(message)
        root = root_of(context)
        memory = memory_of(root, cached=not no_cache)
        with FleetRun(root, str(context.command.name), memory, (shard, parts)) as run:
            command(*given, run=run, **named)

    return with_run


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetChoice:
    """What options choose of the fleet, whether warnings are refused, and the format of findings."""

    environments: tuple[str, ...]
    projects: tuple[str, ...]
    strict: bool
    form: str

    def scope(self, found: Fleet) -> Scope:
        """The folders that are chosen."""
        return scope_of(found, self.environments, self.projects)

    def refuse(self, warnings: Sequence[Finding]) -> None:
        """Ends the command where there are warnings and they are refused."""
        refuse_warnings(warnings, self.strict)


def fleet_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of a command that judges the whole fleet, which it then has as `choice` and `run`."""

    @env_option
    @project_option
    @strict_option
    @format_option
    @wraps(command)
    def with_choice(
        *given: Any, environments: tuple[str, ...], projects: tuple[str, ...], strict: bool, form: str, **named: Any
    ) -> None:
        choice = FleetChoice(environments=environments, projects=projects, strict=strict, form=form)
        command(*given, choice=choice, **named)

    return with_choice
