"""Makes objects from templates. No value is ever text that is parsed, so no value can break out of its place.

Templates are YAML written with Jinja2, in which `{{ expression }}` stands for one whole YAML value of any type. Each
expression is rewritten when its template is compiled: its value is put aside, and a numbered mark is printed. The
printed skeleton is parsed once per distinct text into a plan, and the plan puts values into fresh containers. What a
manifest looks like is the templates' business, what stands in it the caller's; this module knows neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator.finding import MachineFailed, Pointer

if TYPE_CHECKING:
    import jinja2
    from jinja2.lexer import Token, TokenStream
    from jinja2.runtime import Context

_MARK = re.compile("\ue000([0-9]+)\ue001")  # a value's place in the skeleton: which expression of the template it is
_LINE = re.compile("(\ue002[0-9]+\ue003)")  # a line of the template, printed only in order to explain an error
_RESERVED = re.compile("[\ue000-\ue003\ufeff]")  # a byte order mark would move every offset

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*(?:/[a-z0-9][a-z0-9-]*)*")
_STATEMENTS = frozenset({"if", "elif", "else", "endif", "for", "endfor"})
_ASIDE = "put aside"  # a variable that no template can spell, for the blank in its name
_MOST_PLANS = 512  # of one template; a bound on memory and no more

_INT = re.compile(r"0|-?[1-9][0-9]*")
_FLOAT = re.compile(r"-?[0-9]+\.[0-9]+")


class TemplateError(Exception):
    """A template is wrong, or was given the wrong values: `file:line: sentence`. No user's file is to blame for it."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """An object and where its values come from.

    The containers that the template writes belong to this object alone. Those within values are the caller's own,
    shared and not copied: whoever changes the object copies it first.
    """

    object: dict[str, Any]
    _plan: _Plan
    _values: list[Any]

    def source(self, pointer: Pointer) -> tuple[str, Pointer] | None:
        """The expression whose value stands at or above the pointer, and the rest of the pointer inside that value.

        None where the template itself wrote what stands there, and where nothing does. The expression is as written,
        so inside of a loop it speaks of the loop's variable.
        """
        spots = [None if value is None else _Spot(index) for index, value in enumerate(self._values)]
        node: Any = _filled(self._plan, spots, self._values)
        for depth, step in enumerate(pointer):
            if isinstance(node, _Spot):
                return self._plan.sites[node.index].text, pointer[depth:]
            try:
                node = node[step]
            except (LookupError, TypeError):
                return None
        return (self._plan.sites[node.index].text, ()) if isinstance(node, _Spot) else None


class Templates:
    """The templates of some folders; of two files of one name, that of the earlier folder counts."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Reads nothing yet: a template is read and compiled when it is first rendered."""
        self._folders = tuple(folders)
        self._programs: dict[str, _Program] = {}

    def render(self, name: str, values: Mapping[str, Any]) -> Rendered | None:
        """The object that `<name>.yaml.j2` makes of the values, or None where it prints nothing.

        A value of None writes no key and no item, and a container that this leaves empty is not written either; a
        container that is empty as it was given or written stays. Raises TemplateError.
        """
        program = self._programs.get(name)
        if program is None:
            program = self._programs[name] = self._find(name)
        found: list[Any] = []
        skeleton = _printed(program, program.template, {**values, _ASIDE: found})
        plan = program.plans.get(skeleton)
        if plan is None:
            plan = _remembered_plan(program, skeleton, values)
        made = _filled(plan, found, found)
        return None if made is None else Rendered(made, plan, found)

    def _find(self, name: str) -> _Program:
        for folder in self._folders if _NAME.fullmatch(name) else ():
            path = folder / f"{name}.yaml.j2"
            try:
                return _compiled(str(path), path.read_text(encoding="utf-8"))
            except FileNotFoundError:
                continue
            except UnicodeDecodeError as error:
                message = f"{path}:1: the template is not UTF-8: {error.reason} at byte {error.start}"
                raise TemplateError(message) from error
            except OSError as error:
                message = f"cannot read the template {path}: {error.strerror}; install modelfleet again"
                raise MachineFailed(message) from error
        message = f"there is no template {name!r} in {', '.join(map(str, self._folders))}"
        raise TemplateError(message)


# --- plans: what a skeleton says, ready to be filled


@dataclass(frozen=True, slots=True)
class _Site:
    """One `{{ text }}` of a template."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{{{{ {self.text} }}}}"


@dataclass(frozen=True, slots=True)
class _Spot:
    """Stands in for the value of that index, to find out where it goes."""

    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Containers are numbered as they open, so a child's number is above its parent's and the root's is 0.

    In a prototype, an int as the key of a mapping is the index of the value that gives the key.
    """

    prototypes: list[Any] = field(default_factory=list)
    links: dict[int, tuple[int, Any]] = field(default_factory=dict)  # child: parent and the child's key in it
    slots: list[tuple[int, int, Any]] = field(default_factory=list)  # value, container, key
    keyed: list[int] = field(default_factory=list)  # mappings in which a value gives a key
    sites: list[_Site] = field(default_factory=list)  # of each value


def _filled(plan: _Plan, values: Sequence[Any], names: Sequence[Any]) -> dict[str, Any] | None:
    """The object, in containers of its own; `names` are the values where they give keys."""
    made = [prototype.copy() for prototype in plan.prototypes]
    for child, (parent, key) in plan.links.items():
        made[parent][key] = made[child]
    for index, container, key in plan.slots:
        made[container][key] = values[index]
    if not made or (None in values and not _without_nones(plan, made, values)):
        return None
    for container in plan.keyed:
        _name_keys(plan, made[container], names)
    root: dict[str, Any] = made[0]
    return root


def _without_nones(plan: _Plan, made: list[Any], values: Sequence[Any]) -> bool:
    """Takes out what is None and what that empties; false where nothing is left."""
    holes: dict[int, list[Any]] = {}
    for index, container, key in plan.slots:
        if values[index] is None:
            holes.setdefault(container, []).append(key)
    for container in range(len(made) - 1, -1, -1):
        keys = holes.get(container, [])
        # From the end, lest the indices of a list move.
        for key in keys if isinstance(made[container], dict) else sorted(keys, reverse=True):
            del made[container][key]
        if keys and not made[container] and container in plan.links:
            parent, key = plan.links[container]
            holes.setdefault(parent, []).append(key)
    return bool(made[0])


def _name_keys(plan: _Plan, mapping: dict[Any, Any], names: Sequence[Any]) -> None:
    items = list(mapping.items())
    taken = {key for key, _ in items if isinstance(key, str)}
    mapping.clear()
    for key, value in items:
        mapping[_given_key(plan.sites[key], names[key], taken) if isinstance(key, int) else key] = value


def _given_key(site: _Site, name: object, taken: set[str]) -> str:
    if not isinstance(name, str):
        message = f"{site.file}:{site.line}: {site} is a key and must be text, not {name!r:.40}"
        raise TemplateError(message)
    if name in taken:
        message = f"{site.file}:{site.line}: {site} gives the key {name!r:.40}, which its mapping already has"
        raise TemplateError(message)
    taken.add(name)
    return name


class _Flaw(Exception):
    """A skeleton is wrong at an offset in characters; which line of the template that is, is found out only then."""

    def __init__(self, offset: int, message: str) -> None:
        self.offset = offset
        super().__init__(message)


def _planned(skeleton: str, sites: Sequence[_Site]) -> _Plan:
    marks = list(_MARK.finditer(skeleton))
    plan = _Plan(sites=[sites[int(mark[1])] for mark in marks])
    planner = _Planner(plan, marks)
    root = _composed(skeleton)
    if root is not None and root.id != "mapping":
        message = f"a template makes one mapping, not a {root.id}"
        raise _Flaw(root.start_mark.index, message)
    if root is not None:
        planner.container(root)
    planner.pass_over(len(skeleton))
    return plan


def _composed(skeleton: str) -> Any:
    import yaml

    try:
        # Both loaders resolve alike; libyaml's is there in every wheel of PyYAML, but not in every build of it.
        return yaml.compose(skeleton, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        message = f"what the template prints is no single YAML document: {getattr(error, 'problem', error)}"
        raise _Flaw(mark.index if mark else 0, message) from error


class _Planner:
    """Walks the nodes of a skeleton in the order of its text, which is the order in which values were put aside."""

    def __init__(self, plan: _Plan, marks: Sequence[re.Match[str]]) -> None:
        self.plan = plan
        self.marks = marks
        self.placed = 0
        self.seen: set[int] = set()

    def container(self, node: Any) -> int | None:
        """Plans the mapping or list; None where it says nothing but nulls, and so is not written."""
        number = len(self.plan.prototypes)
        if node.id == "mapping":
            self.plan.prototypes.append({})
            for key, value in node.value:
                self.place(number, self.key(number, key), value)
        else:
            self.plan.prototypes.append([])
            for item in node.value:
                self.place(number, len(self.plan.prototypes[number]), item)
        if node.value and not self.plan.prototypes[number]:
            del self.plan.prototypes[number:]
            return None
        return number

    def place(self, container: int, key: str | int, node: Any) -> None:
        if id(node) in self.seen:
            message = "aliases are not for templates"
            raise _Flaw(node.start_mark.index, message)
        self.seen.add(id(node))
        value: Any = None
        if node.id != "scalar":
            child = self.container(node)
            if child is None:
                return
            self.plan.links[child] = (container, key)
        elif (index := self.mark(node)) is not None:
            self.plan.slots.append((index, container, key))
        elif (value := _literal(node)) is None:
            return
        prototype = self.plan.prototypes[container]
        if isinstance(prototype, dict):
            prototype[key] = value
        else:
            prototype.append(value)

    def key(self, container: int, node: Any) -> str | int:
        index = self.mark(node) if node.id == "scalar" else None
        if index is not None:
            if container not in self.plan.keyed:
                self.plan.keyed.append(container)
            return index
        text = _literal(node) if node.id == "scalar" else None
        if not isinstance(text, str):
            message = "a key must be text: put it into quotes"
            raise _Flaw(node.start_mark.index, message)
        if text in self.plan.prototypes[container]:
            message = f"the key {text!r} stands twice in its mapping"
            raise _Flaw(node.start_mark.index, message)
        return text

    def mark(self, node: Any) -> int | None:
        """The index of the value for which the scalar stands; None where it is the template's own."""
        inside = _MARK.findall(node.value)
        if not inside:
            return None
        self.pass_over(node.start_mark.index)
        index = self.placed
        site = self.plan.sites[index]
        if len(inside) > 1:
            message = f"{site} and {self.plan.sites[index + 1]} stand in one scalar, where only a whole value can stand"
        elif not _MARK.fullmatch(node.value):
            message = f"{site} stands inside of a longer scalar, where only a whole value can stand"
        elif node.style:
            message = f"{site} stands in quotes or a block scalar: write it bare, it is a whole value of any type"
        else:
            self.placed += 1
            return index
        raise _Flaw(self.marks[index].start(), message)

    def pass_over(self, offset: int) -> None:
        """Refuses a mark that was met before the offset, but in no node: in a comment, as an anchor, within a tag."""
        if self.placed < len(self.marks) and self.marks[self.placed].start() < offset:
            message = f"{self.plan.sites[self.placed]} stands where no value can stand"
            raise _Flaw(self.marks[self.placed].start(), message)


def _literal(node: Any) -> Any:
    """What the template's own scalar is to every reader of YAML; where readers differ, it is refused."""
    text: str = node.value
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if kind == "str":
        return text
    if kind == "null":
        return None
    if kind == "bool" and text in ("true", "false"):
        return text == "true"
    if kind == "int" and _INT.fullmatch(text):
        return int(text)
    if kind == "float" and _FLOAT.fullmatch(text) and repr(float(text)) == text:
        return float(text)
    message = f"{text!r} is not the same to all readers of YAML: put it into quotes"
    raise _Flaw(node.start_mark.index, message)


# --- programs: compiled templates


@dataclass(frozen=True, slots=True, kw_only=True)
class _Program:
    """A compiled template. It depends on nothing but its text, so all folders that hold the file share it."""

    file: str
    source: str
    template: jinja2.Template
    sites: tuple[_Site, ...]
    plans: dict[str, _Plan] = field(default_factory=dict)


def _remembered_plan(program: _Program, skeleton: str, values: Mapping[str, Any]) -> _Plan:
    try:
        plan = _planned(skeleton, program.sites)
    except _Flaw as flaw:
        message = f"{program.file}:{_line_of(program, flaw.offset, values)}: {flaw}"
        raise TemplateError(message) from flaw
    if len(program.plans) >= _MOST_PLANS:
        program.plans.clear()
    program.plans[skeleton] = plan
    return plan


def _line_of(program: _Program, offset: int, values: Mapping[str, Any]) -> int:
    """The line of the template that printed the character at the offset: prints again, with the lines said."""
    template = _translated(program.file, program.source, with_lines=True)
    line = 1
    for piece in _LINE.split(_printed(program, template, {**values, _ASIDE: []})):
        if _LINE.fullmatch(piece):
            line = int(piece[1:-1])
        elif offset < len(piece):
            break
        else:
            offset -= len(piece)
    return line


def _printed(program: _Program, template: jinja2.Template, values: dict[str, Any]) -> str:
    import jinja2

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


@lru_cache(maxsize=256)
def _compiled(file: str, source: str) -> _Program:
    if reserved := _RESERVED.search(source):
        line = source.count("\n", 0, reserved.start()) + 1
        message = f"{file}:{line}: the character U+{ord(reserved[0]):04X} is not for templates"
        raise TemplateError(message)
    return _Program(
        file=file,
        source=source,
        template=_translated(file, source, with_lines=False),
        sites=tuple(_sites(file, source)),
    )


def _translated(file: str, source: str, *, with_lines: bool) -> jinja2.Template:
    import jinja2

    environment = _environment(with_lines)
    try:
        code = environment.compile(source, name=file, filename=file)
    except jinja2.TemplateSyntaxError as error:
        message = f"{file}:{error.lineno}: {error.message}"
        raise TemplateError(message) from error
    return environment.template_class.from_code(environment, code, {})


def _sites(file: str, source: str) -> Iterator[_Site]:
    """The expressions in the order in which `_rewritten` counts them."""
    text: list[str] | None = None
    begun = 0
    for line, kind, value in _environment(with_lines=False).lex(source):
        if kind == "variable_begin":
            begun, text = line, []
        elif kind == "variable_end" and text is not None:
            yield _Site(file, begun, "".join(text).strip())
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
        context.parent[_ASIDE].append(value)
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
            yield Token(line, "data", f"\ue000{count}\ue001")
            count += 1
        before = kind
