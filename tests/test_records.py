"""Our dataclasses are held against the standard ones: every test runs with both."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import pytest

from modelfleet import records

Decorator = Any  # as what it makes is not known to a type checker
both = pytest.mark.parametrize("decorator", [dataclasses.dataclass, records.dataclass], ids=["standard", "ours"])


def point(decorator: Decorator) -> Any:
    @decorator(frozen=True, slots=True)
    class Point:
        """A class with all kinds of fields."""

        x: int
        y: int = 2
        tags: list[str] = dataclasses.field(default_factory=list)
        note: str = dataclasses.field(default="", compare=False, repr=False, kw_only=True)

    Point.__qualname__ = "Point"
    return Point


@both
def test_fields_are_set_as_they_are_given(decorator: Decorator) -> None:
    made = point(decorator)
    for _ in range(20):  # the first few are made in another way than the others
        one, two = made(1), made(3, 4, ["a"], note="b")
        assert [(each.x, each.y, each.tags, each.note) for each in (one, two)] == [(1, 2, [], ""), (3, 4, ["a"], "b")]
        assert one.tags is not made(1).tags


@both
@pytest.mark.parametrize(
    ("given", "named", "message"),
    [
        ((), {}, "missing 1 required positional argument: 'x'"),
        ((1, 2, [], ""), {}, "takes from 2 to 4 positional arguments but 5 were given"),
        ((1,), {"z": 1}, "got an unexpected keyword argument 'z'"),
        ((1,), {"x": 1}, "got multiple values for argument 'x'"),
    ],
)
def test_wrong_arguments_are_refused(
    decorator: Decorator, given: tuple[Any, ...], named: dict[str, Any], message: str
) -> None:
    made = point(decorator)
    for count in range(3):
        with pytest.raises(TypeError) as first:
            made(*given, **named)
        assert (count, str(first.value).endswith(message)) == (count, True)
        made(1)


@both
def test_instances_are_equal_by_class_and_fields(decorator: Decorator) -> None:
    made, other = point(decorator), point(decorator)
    assert made(1, note="a") == made(1, note="b")
    assert made(1) != made(2)
    assert made(1) != other(1)
    assert made(1) != (1, 2, [])


@both
def test_frozen_instances_have_a_hash(decorator: Decorator) -> None:
    made = point(decorator)
    assert hash(made(1, 2, (), note="a")) == hash(made(1, 2, (), note="b"))
    assert {made(1, 2, ()): "found"}[made(1, 2, ())] == "found"
    with pytest.raises(TypeError, match="unhashable type: 'list'"):
        hash(made(1))


@both
def test_frozen_instances_do_not_change(decorator: Decorator) -> None:
    one = point(decorator)(1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
        one.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
        del one.x
    assert one.x == 1


@both
def test_others_change_and_have_no_hash(decorator: Decorator) -> None:
    class Counter:
        """One that counts."""

        count: int = 0

    counter = decorator(slots=True)(Counter)
    one = counter()
    one.count += 1
    assert one == counter(1)
    with pytest.raises(TypeError, match="unhashable type: 'Counter'"):
        hash(one)


@both
def test_what_a_class_says_itself_stays(decorator: Decorator) -> None:
    class Own:
        """One with methods of its own."""

        name: str

        def __eq__(self, other: object) -> bool:
            return True

        def __repr__(self) -> str:
            return "own"

        def __hash__(self) -> int:
            return 7

    one = decorator(frozen=True)(Own)("a")
    assert (one == 1, repr(one), hash(one)) == (True, "own", 7)


@both
def test_fields_can_be_left_to_the_end_of_the_making(decorator: Decorator) -> None:
    class Derived:
        """One that knows its double."""

        base: int
        double: int = dataclasses.field(init=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "double", 2 * self.base)

    one = decorator(frozen=True, slots=True, kw_only=True)(Derived)(base=2)
    assert (one.double, dataclasses.replace(one, base=4).double) == (4, 8)


@both
def test_subclasses_have_the_fields_of_both(decorator: Decorator) -> None:
    base = point(decorator)

    @decorator(frozen=True, slots=True, kw_only=True)
    class Below(base):  # type: ignore[misc,valid-type] # made above
        """One with another field."""

        z: int

    one = Below(1, z=3)
    assert (one.x, one.y, one.z) == (1, 2, 3)
    assert base(1) != one
    with pytest.raises(AttributeError):
        object.__setattr__(one, "other", 1)


@both
def test_an_instance_is_shown_with_its_fields(decorator: Decorator) -> None:
    assert repr(point(decorator)(1, 2, ["a"], note="b")) == "Point(x=1, y=2, tags=['a'])"


@records.dataclass(frozen=True, slots=True)
class Sent:
    """One that travels."""

    name: str
    size: int


def test_instances_travel_between_processes() -> None:
    assert pickle.loads(pickle.dumps(Sent("a", 1))) == Sent("a", 1)
    assert dataclasses.replace(Sent("a", 1), size=2) == Sent("a", 2)
