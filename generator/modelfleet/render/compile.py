"""Compiles templates with Jinja2 and prints their skeletons: each value is put aside, and a numbered mark is printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelfleet.packaged import kept_beside
from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass
from modelfleet.render.skeleton import Site, SkeletonPlan, TemplateError, mark_of
from modelfleet.render.steps import Steps, steps_of

if TYPE_CHECKING:
    import jinja2
    from jinja2.lexer import Token, TokenStream
    from jinja2.runtime import Context


_LINE = lazy_pattern("(\ue002[0-9]+\ue003)")  # a line of the template, printed only in order to explain an error
_RESERVED = lazy_pattern("[\ue000-\ue003\ufeff]")  # a byte order mark would move every offset
_STATEMENTS = frozenset({"if", "elif", "else", "endif", "for", "endfor"})
ASIDE = "put aside"  # a variable that no template can spell, for the blank in its name


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A compiled template. It depends on nothing but its text, so all folders that hold the file share it.

    A plan is known by the way that its steps take, or else by the skeleton.
    """

    file: str
    source: str
    steps: Steps | None
    sites: tuple[Site, ...]
    plans: dict[tuple[int, ...] | str, SkeletonPlan] = field(default_factory=dict)


@lru_cache(maxsize=256)
def compiled(path: Path, source: bytes) -> Program:
    """The program of a template's text. Raises TemplateError, or UnicodeDecodeError."""
    file, text = str(path), source.decode()
    known = kept_beside(path, source, lambda content: _compiled(file, text), _maker())
    sites = tuple(Site(file, line, said) for line, said in known["sites"])
    if known["steps"] is None:
        _translated(file, text, with_lines=False)  # so that what is wrong with it is told now
    return Program(file=file, source=text, steps=known["steps"], sites=sites)


@cache
def _maker() -> bytes:
    """What the outcome of `_compiled` depends on besides the text."""
    import hashlib

    own = (Path(__file__).with_name(name).read_bytes() for name in ("compile.py", "steps.py"))
    return hashlib.sha256(b"\0".join(own)).digest()


def _compiled(file: str, source: str) -> dict[str, Any]:
    import jinja2

    if reserved := _RESERVED.search(source):
        line = source.count("\n", 0, reserved.start()) + 1
        message = f"{file}:{line}: the character U+{ord(reserved[0]):04X} is not for templates"
        raise TemplateError(message)
    try:
        parsed = _environment(with_lines=False).parse(source, name=file, filename=file)
    except jinja2.TemplateSyntaxError as error:
        message = f"{file}:{error.lineno}: {error.message}"
        raise TemplateError(message) from error
    return {"steps": steps_of(parsed), "sites": [list(site) for site in _sites(source)]}


def printed(program: Program, values: dict[str, Any], *, with_lines: bool = False) -> str:
    """The skeleton that Jinja2 prints; it appends what it puts aside to the list at ASIDE."""
    import jinja2

    template = _translated(program.file, program.source, with_lines=with_lines)
    try:
        return "".join(template.root_render_func(template.new_context(values, shared=True)))
    except (jinja2.TemplateError, TypeError, ValueError) as error:
        trace, line = error.__traceback__, 1
        while trace:
            if trace.tb_frame.f_globals.get("__jinja_template__") is template:
                line = template.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        message = f"{program.file}:{line}: {error}"
        raise TemplateError(message) from error


def line_of(program: Program, offset: int, values: Mapping[str, Any]) -> int:
    """The line of the template that printed the character at the offset: prints again, with the lines said."""
    line = 1
    for piece in _LINE.split(printed(program, {**values, ASIDE: []}, with_lines=True)):
        if _LINE.fullmatch(piece):
            line = int(piece[1:-1])
        elif offset < len(piece):
            break
        else:
            offset -= len(piece)
    return line


@lru_cache(maxsize=256)
def _translated(file: str, source: str, *, with_lines: bool) -> jinja2.Template:
    import jinja2

    environment = _environment(with_lines)
    try:
        code = environment.compile(source, name=file, filename=file)
    except jinja2.TemplateSyntaxError as error:
        message = f"{file}:{error.lineno}: {error.message}"
        raise TemplateError(message) from error
    return environment.template_class.from_code(environment, code, {})


def _sites(source: str) -> Iterator[tuple[int, str]]:
    """The expressions and their lines in the order in which `_rewritten` counts them."""
    text: list[str] | None = None
    begun = 0
    for line, kind, value in _environment(with_lines=False).lex(source):
        if kind == "variable_begin":
            begun, text = line, []
        elif kind == "variable_end" and text is not None:
            yield begun, "".join(text).strip()
            text = None
        elif text is not None:
            text.append(value)


@cache
def _environment(with_lines: bool) -> jinja2.Environment:
    from jinja2 import StrictUndefined, Undefined, UndefinedError, pass_context
    from jinja2.ext import Extension
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Missing(StrictUndefined):
        """Fails where it arises and not where it is used: nothing undefined may get into a value."""

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self._fail_with_undefined_error()

    class Aside(Extension):
        def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
            return _rewritten(stream, with_lines)

    @pass_context
    def put_aside(context: Context, value: object) -> str:
        if type(value) is Undefined:  # only an `if` without `else` makes one that has not failed yet
            message = "an `if` inside of an expression needs an `else`"
            raise UndefinedError(message)
        context.parent[ASIDE].append(value)
        return ""  # the mark stands behind the expression

    environment = ImmutableSandboxedEnvironment(
        undefined=Missing,
        finalize=put_aside,
        extensions=[Aside],
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
        cache_size=0,
    )
    environment.globals.clear()
    environment.filters = {}
    environment.tests = {"none": environment.tests["none"]}
    return environment


def _rewritten(stream: TokenStream, with_lines: bool) -> Iterator[Token]:
    """Lets a mark follow each expression, and refuses statements that would print somewhere else or nothing."""
    from jinja2.exceptions import TemplateSyntaxError
    from jinja2.lexer import Token

    count = 0
    before = ""
    for token in stream:
        line, kind, value = token
        if before == "block_begin" and value not in _STATEMENTS:
            message = f"{{% {value} %}} is not for templates, only {', '.join(sorted(_STATEMENTS))}"
            raise TemplateSyntaxError(message, line, stream.name, stream.filename)
        if with_lines and kind in ("data", "variable_begin"):
            texts = value.split("\n") if kind == "data" else [""]
            yield Token(line, "data", "\n".join(f"\ue002{line + n}\ue003{text}" for n, text in enumerate(texts)))
        if not (with_lines and kind == "data"):
            yield token
        if kind == "variable_end":
            yield Token(line, "data", mark_of(count))
            count += 1
        before = kind
