"""Templates as steps, for those that only print values, ask for one and loop over one, as all do that travel with the package.

Steps are plain data, so they are kept from one start to the next, and Jinja2 is not loaded. A walk over them puts values
aside and tells which way the template goes, by which its plan is known. Where a template does more, or a walk comes to
nothing, Jinja2 has the word: what is wrong with a template or its values is said in one place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from jinja2 import nodes

Steps: TypeAlias = Sequence[Any]
"""Each is `["print", texts, names]`, with a text more than there are names, `["if", name, steps, steps]`, or
`["for", name, variables, steps]`, where the variables are a list of names, or one name."""


# ---- from a template -------------------------------------------------------------------------------------------------


def steps_of(template: nodes.Template) -> Steps | None:
    """The steps of a template; None where it does more than that."""
    try:
        return list(_steps(template.body))
    except _DoesMore:
        return None


class _DoesMore(Exception):
    """A template does what is not a step."""


def _steps(body: Sequence[nodes.Node]) -> Iterator[list[Any]]:
    from jinja2 import nodes

    for node in body:
        if isinstance(node, nodes.Output):
            yield _print(node)
        elif isinstance(node, nodes.If) and not node.elif_:
            yield ["if", _name(node.test), list(_steps(node.body)), list(_steps(node.else_))]
        elif isinstance(node, nodes.For) and not (node.else_ or node.test or node.recursive):
            target = node.target
            variables = [*map(_name, target.items)] if isinstance(target, nodes.Tuple) else _name(target)
            yield ["for", _name(node.iter), variables, list(_steps(node.body))]
        else:
            raise _DoesMore


def _print(output: nodes.Output) -> list[Any]:
    from jinja2 import nodes

    texts, names = [""], []
    for part in output.nodes:
        if isinstance(part, nodes.TemplateData):
            texts[-1] += part.data
        else:
            names.append(_name(part))
            texts.append("")
    return ["print", texts, names]


def _name(node: nodes.Node) -> str:
    from jinja2 import nodes

    if not isinstance(node, nodes.Name) or node.name in ("loop", "self"):
        raise _DoesMore
    return node.name


# ---- to what is printed ----------------------------------------------------------------------------------------------


def walk(steps: Steps, values: Mapping[str, Any], aside: list[Any], way: list[int]) -> None:
    """Puts values aside, and notes the way: of each `if` whether it holds, of each `for` how often it runs.

    Raises LookupError, TypeError or ValueError where the values are not those that the template needs.
    """
    for step in steps:
        kind = step[0]
        if kind == "print":
            aside += [values[name] for name in step[2]]
        elif kind == "if":
            holds = bool(values[step[1]])
            way.append(holds)
            walk(step[2 if holds else 3], values, aside, way)
        else:
            items = list(values[step[1]])
            way.append(len(items))
            for item in items:
                walk(step[3], {**values, **_bound(step[2], item)}, aside, way)


def _bound(variables: str | list[str], item: Any) -> dict[str, Any]:
    return {variables: item} if isinstance(variables, str) else dict(zip(variables, item, strict=True))


def text_along(steps: Steps, way: Iterator[int]) -> str:
    """What the template prints on that way."""
    return "".join(_printed(steps, way))


def _printed(steps: Steps, way: Iterator[int]) -> Iterator[str]:
    for step in steps:
        kind = step[0]
        if kind == "print":
            yield from step[1]
        elif kind == "if":
            yield from _printed(step[2 if next(way) else 3], way)
        else:
            for _ in range(next(way)):
                yield from _printed(step[3], way)
