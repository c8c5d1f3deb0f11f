"""Steps print what Jinja2 prints, and tell what does not need it apart from what does."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from modelfleet.packaged import packaged
from modelfleet.render.compile import ASIDE, Program, compiled, printed
from modelfleet.render.steps import Steps, text_along, walk
from modelfleet.render.templates import Templates

SHIPPED = sorted(packaged("templates").rglob("*.j2"))


def program(folder: Path, text: str) -> Program:
    (folder / "t.yaml.j2").write_text(text)
    return compiled(folder / "t.yaml.j2", text.encode())


def outcomes(made: Program, values: Mapping[str, Any]) -> list[tuple[str, list[Any]]]:
    """What is printed and put aside, by the steps and by Jinja2."""
    assert made.steps is not None
    way: list[int] = []
    ours: list[Any] = []
    theirs: list[Any] = []
    walk(made.steps, values, ours, way)
    return [(text_along(made.steps, iter(way)), ours), (printed(made, {**values, ASIDE: theirs}), theirs)]


def named(steps: Steps) -> Iterator[tuple[str, str]]:
    """What the steps name, and whether it is printed, asked for or looped over."""
    for step in steps:
        if step[0] == "print":
            yield from ((name, "print") for name in step[2])
        else:
            yield step[1], step[0] if step[0] == "if" else "pairs" if isinstance(step[2], list) else "for"
            for below in step[2:] if step[0] == "if" else step[3:]:
                yield from named(below)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_template_of_ours_is_steps_and_prints_what_jinja2_prints(path: Path) -> None:
    made = compiled(path, path.read_bytes())
    assert made.steps is not None
    chance = random.Random(path.name)
    for _ in range(20):
        values: dict[str, Any] = {}
        for name, use in named(made.steps):
            count = chance.randrange(3)
            values[name] = {
                "print": values.get(name, chance.choice([None, 1, "a: b", {"c": []}])),
                "if": chance.choice([True, False, None, "x"]),
                "for": list(range(count)),
                "pairs": [(f"k{number}", number) for number in range(count)],
            }[use]
        ours, theirs = outcomes(made, values)
        assert ours == theirs


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a: {{ x }}\n{% if y %}\nb: 1\n{% else %}\nc: {{ y }}\n{% endif %}\n", {"x": 1, "y": 0}),
        ("{% for x in y %}\n{{ x }}: {{ z }}\n{% endfor %}\nd: {{ x }}\n", {"x": 9, "y": "ab", "z": None}),
        (
            "{% for a, b in y %}{% for c in b %}\n- {{ a }}\n- {{ c }}\n{% endfor %}{% endfor %}",
            {"y": {1: "ab"}.items()},
        ),
        ("{% raw %}{{ x }}{% endraw %} {# nothing #}", {}),
        ("", {}),
    ],
)
def test_steps_say_what_jinja2_says(tmp_path: Path, text: str, values: dict[str, Any]) -> None:
    ours, theirs = outcomes(program(tmp_path, text), values)
    assert ours == theirs


@pytest.mark.parametrize(
    "text",
    [
        "a: {{ x.y }}",
        "a: {{ 1 }}",
        "{% if not x %}a: 1{% endif %}",
        "{% if x %}a: 1{% elif y %}a: 2{% endif %}",
        "{% for a in x if a %}- {{ a }}{% endfor %}",
        "{% for a in x %}- {{ a }}{% else %}b: 1{% endfor %}",
        "{% for a in x recursive %}- {{ a }}{% endfor %}",
        "{% for a in x %}- {{ loop }}{% endfor %}",
        "{% for a, (b, c) in x %}- {{ a }}{% endfor %}",
    ],
)
def test_what_does_more_is_left_to_jinja2(tmp_path: Path, text: str) -> None:
    assert program(tmp_path, text).steps is None


def test_both_make_the_same_object(tmp_path: Path) -> None:
    (tmp_path / "steps.yaml.j2").write_text("a: {{ x }}\nb:\n{% for y in z %}\n- {{ y }}\n{% endfor %}\n")
    (tmp_path / "more.yaml.j2").write_text("a: {{ x }}\nb:\n{% for y in z %}\n- {{ y if y else none }}\n{% endfor %}\n")
    templates = Templates([tmp_path])
    values = {"x": {"k": 1}, "z": [1, 2, None]}
    found = [templates.render(name, values) for name in ("steps", "more")]
    assert [each.object if each else None for each in found] == [{"a": {"k": 1}, "b": [1, 2]}] * 2
