"""What a template's printed skeleton says, as a plan that puts values into fresh containers.

A skeleton is YAML in which a mark stands for each value. It is parsed once per distinct text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field
from typing import Any

from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass

_MARK = lazy_pattern("\ue000([0-9]+)\ue001")  # a value's place in the skeleton: which expression of the template it is
_INT = lazy_pattern(r"0|-?[1-9][0-9]*")
_FLOAT = lazy_pattern(r"-?[0-9]+\.[0-9]+")


class TemplateError(Exception):
    """A template is wrong, or was given the wrong values: `file:line: sentence`. No user's file is to blame for it."""


@dataclass(frozen=True, slots=True)
class Site:
    """One `{{ text }}` of a template."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{{{{ {self.text} }}}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SkeletonPlan:
    """Containers are numbered as they open, so a child's number is above its parent's and the root's is 0.

    In a prototype, an int as the key of a mapping is the index of the value that gives the key.
    """

    prototypes: list[Any] = field(default_factory=list)
    links: dict[int, tuple[int, Any]] = field(default_factory=dict)  # child: parent and the child's key in it
    slots: list[tuple[int, int, Any]] = field(default_factory=list)  # value, container, key
    keyed: list[int] = field(default_factory=list)  # mappings in which a value gives a key
    sites: list[Site] = field(default_factory=list)  # of each value


def mark_of(site: int) -> str:
    """What a skeleton holds in place of the value of that site."""
    return f"\ue000{site}\ue001"


def filled(plan: SkeletonPlan, values: Sequence[Any], names: Sequence[Any]) -> dict[str, Any] | None:
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


def _without_nones(plan: SkeletonPlan, made: list[Any], values: Sequence[Any]) -> bool:
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


def _name_keys(plan: SkeletonPlan, mapping: dict[Any, Any], names: Sequence[Any]) -> None:
    items = list(mapping.items())
    taken = {key for key, _ in items if isinstance(key, str)}
    mapping.clear()
    for key, value in items:
        mapping[_given_key(plan.sites[key], names[key], taken) if isinstance(key, int) else key] = value


def _given_key(site: Site, name: object, taken: set[str]) -> str:
    if not isinstance(name, str):
        message = f"{site.file}:{site.line}: {site} is a key and must be text, not {name!r:.40}"
        raise TemplateError(message)
    if name in taken:
        message = f"{site.file}:{site.line}: {site} gives the key {name!r:.40}, which its mapping already has"
        raise TemplateError(message)
    taken.add(name)
    return name


class Flaw(Exception):
    """A skeleton is wrong at an offset in characters; which line of the template that is, is found out only then."""

    def __init__(self, offset: int, message: str) -> None:
        self.offset = offset
        super().__init__(message)


def planned(skeleton: str, sites: Sequence[Site]) -> SkeletonPlan:
    """The plan of a skeleton, whose marks number the sites. Raises Flaw."""
    marks = list(_MARK.finditer(skeleton))
    plan = SkeletonPlan(sites=[sites[int(mark[1])] for mark in marks])
    planner = _Planner(plan, marks)
    root = _composed(skeleton)
    if root is not None and root.id != "mapping":
        message = f"a template makes one mapping, not a {root.id}"
        raise Flaw(root.start_mark.index, message)
    if root is not None:
        planner.container(root)
    planner.pass_over(len(skeleton))
    return plan


def _composed(skeleton: str) -> Any:
    from modelfleet.pyyaml import yaml

    try:
        # Both loaders resolve alike; libyaml's is there in every wheel of PyYAML, but not in every build of it.
        return yaml.compose(skeleton, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        message = f"what the template prints is not a single YAML document: {getattr(error, 'problem', error)}"
        raise Flaw(mark.index if mark else 0, message) from error


class _Planner:
    """Walks the nodes of a skeleton in the order of its text, which is the order in which values were put aside."""

    def __init__(self, plan: SkeletonPlan, marks: Sequence[re.Match[str]]) -> None:
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
            raise Flaw(node.start_mark.index, message)
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
            raise Flaw(node.start_mark.index, message)
        if text in self.plan.prototypes[container]:
            message = f"the key {text!r} is listed twice in its mapping"
            raise Flaw(node.start_mark.index, message)
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
        raise Flaw(self.marks[index].start(), message)

    def pass_over(self, offset: int) -> None:
        """Refuses a mark that was met before the offset, but in no node: in a comment, as an anchor, within a tag."""
        if self.placed < len(self.marks) and self.marks[self.placed].start() < offset:
            message = f"{self.plan.sites[self.placed]} stands where no value can stand"
            raise Flaw(self.marks[self.placed].start(), message)


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
    raise Flaw(node.start_mark.index, message)
