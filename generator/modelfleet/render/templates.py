"""Makes objects from templates. No value is ever text that is parsed, so no value can break out of its place.

Templates are YAML written with Jinja2, in which `{{ expression }}` stands for one whole YAML value of any type. Each
expression is rewritten when its template is compiled: its value is put aside, and a numbered mark is printed. The
printed skeleton is parsed once per distinct text into a plan, and the plan puts values into fresh containers. What a
manifest looks like is the templates' business, what stands in it the caller's; this module knows neither.
"""

from __future__ import annotations

import marshal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelfleet.finding import MachineFailed, Pointer
from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass
from modelfleet.render.compile import ASIDE, Program, compiled, line_of, printed
from modelfleet.render.skeleton import Flaw, SkeletonPlan, TemplateError, filled, planned
from modelfleet.render.steps import text_along, walk

_NAME = lazy_pattern(r"[a-z0-9][a-z0-9-]*(?:/[a-z0-9][a-z0-9-]*)*")
_MOST_PLANS = 512  # of one template; a bound on memory and no more


@dataclass(frozen=True, slots=True)
class _Spot:
    """Stands in for the value of that index, to find out where it goes."""

    index: int


@dataclass(frozen=True, slots=True)
class RenderedTemplate:
    """An object and where its values come from.

    The containers that the template writes belong to this object alone. Those within values are the caller's own,
    shared and not copied: whoever changes the object copies it first.
    """

    object: dict[str, Any]
    _plan: SkeletonPlan
    _values: list[Any]

    def source(self, pointer: Pointer) -> tuple[str, Pointer] | None:
        """The expression whose value stands at or above the pointer, and the rest of the pointer inside that value.

        None where the template itself wrote what stands there, and where nothing does. The expression is as written,
        so inside of a loop it speaks of the loop's variable.
        """
        spots = [None if value is None else _Spot(index) for index, value in enumerate(self._values)]
        node: Any = filled(self._plan, spots, self._values)
        for depth, step in enumerate(pointer):
            if isinstance(node, _Spot):
                return self._plan.sites[node.index].text, pointer[depth:]
            try:
                node = node[step]
            except (LookupError, TypeError):
                return None
        return (self._plan.sites[node.index].text, ()) if isinstance(node, _Spot) else None


RenderedBefore = dict[tuple[str, bytes], RenderedTemplate | None]
"""What was rendered of which values: things that are the same in several environments are made once."""


class Templates:
    """The templates of some folders; of two files of one name, that of the earlier folder counts."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Reads nothing yet: a template is read and compiled when it is first rendered."""
        self._folders = tuple(folders)
        self._programs: dict[str, Program] = {}

    def render(
        self, name: str, values: Mapping[str, Any], known: RenderedBefore | None = None
    ) -> RenderedTemplate | None:
        """The object that `<name>.yaml.j2` makes of the values, or None where it prints nothing.

        A value of None writes no key and no item, and a container that this leaves empty is not written either; a
        container that is empty as it was given or written stays. What is in `known` is not rendered again, so it is the
        very same object. Raises TemplateError.
        """
        program = self._programs.get(name)
        if program is None:
            program = self._programs[name] = self._find(name)
        if known is None:
            return _rendered(program, values)
        key = program.file, marshal.dumps(dict(values), 2)  # true is not 1 there
        if key not in known:
            known[key] = _rendered(program, values)
        return known[key]

    def _find(self, name: str) -> Program:
        for folder in self._folders if _NAME.fullmatch(name) else ():
            path = folder / f"{name}.yaml.j2"
            try:
                return compiled(path, path.read_bytes())
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


def _rendered(program: Program, values: Mapping[str, Any]) -> RenderedTemplate | None:
    found: list[Any] = []
    way = _walked(program, values, found)
    key = printed(program, {**values, ASIDE: found}) if way is None else way
    plan = program.plans.get(key)
    if plan is None:
        plan = _remembered_plan(program, key, values)
    made = filled(plan, found, found)
    return None if made is None else RenderedTemplate(made, plan, found)


def _walked(program: Program, values: Mapping[str, Any], found: list[Any]) -> tuple[int, ...] | None:
    """The way of the program's steps; None where it has none, or Jinja2 has to say what is wrong with the values."""
    if program.steps is None:
        return None
    way: list[int] = []
    try:
        walk(program.steps, values, found, way)
    except (LookupError, TypeError, ValueError):
        found.clear()
        return None
    return tuple(way)


def _remembered_plan(program: Program, key: tuple[int, ...] | str, values: Mapping[str, Any]) -> SkeletonPlan:
    skeleton = key if isinstance(key, str) else text_along(program.steps or (), iter(key))
    try:
        plan = planned(skeleton, program.sites)
    except Flaw as flaw:
        message = f"{program.file}:{line_of(program, flaw.offset, values)}: {flaw}"
        raise TemplateError(message) from flaw
    if len(program.plans) >= _MOST_PLANS:
        program.plans.clear()
    program.plans[key] = plan
    return plan
