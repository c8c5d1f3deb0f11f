"""Dataclasses that cost little to define, as a start defines more than a hundred and uses a few.

The standard ones write and compile the source of six methods for each class. Here every class shares the functions that
make its methods, and `__init__`, which is called most, is compiled for classes of which there are more than a few instances.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from inspect import get_annotations
from operator import attrgetter
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

_FEW = 8  # instances that are made in the time that it takes to compile what makes them

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls=None, /, *, frozen=False, slots=False, kw_only=False):  # noqa: ANN001, ANN201 - see the type above
        """What `dataclasses.dataclass` does, with these of its options."""

        def made(cls: type) -> type:
            return _with_methods(_plain(cls, slots=slots, kw_only=kw_only), frozen)

        return made if cls is None else made(cls)


def _plain(cls: type, *, slots: bool, kw_only: bool) -> type:
    """The class with its fields known, and no methods yet. Every annotation is that of a field, so none is looked into."""
    cls.__annotations__ = dict.fromkeys(get_annotations(cls), Any)
    return dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(cls)


def _with_methods(cls: Any, frozen: bool) -> Any:
    values = attrgetter(*(each.name for each in dataclasses.fields(cls) if each.compare))
    methods: dict[str, Any] = {"__init__": _late_init(cls), "__repr__": _shown}

    def __eq__(self: Any, other: Any) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: Any) -> int:
        return hash(values(self))

    methods |= {"__eq__": __eq__, "__hash__": __hash__ if frozen else None}
    if frozen:
        methods |= {"__setattr__": _refused, "__delattr__": _refused, "__getstate__": _state, "__setstate__": _restore}
    for name, method in methods.items():
        if name not in cls.__dict__ or (name == "__hash__" and cls.__hash__ is None):
            setattr(cls, name, method)
    return cls


def _late_init(cls: Any) -> Callable[..., None]:
    made = 0

    def __init__(self: Any, *given: Any, **named: Any) -> None:
        nonlocal made
        made += 1
        if made > _FEW or not _filled(self, given, named):
            cls.__init__ = _compiled_init(cls)
            cls.__init__(self, *given, **named)

    return __init__


def _filled(self: Any, given: Sequence[Any], named: Mapping[str, Any]) -> bool:
    """Sets the fields one by one; false where the arguments are not those of the class, which is for its method to say."""
    fields = [each for each in dataclasses.fields(self) if each.init]
    places = [each.name for each in fields if not each.kw_only]
    values = {**dict(zip(places, given, strict=False)), **named}
    if len(given) > len(places) or len(values) < len(given) + len(named):
        return False
    for each in fields:
        if each.name in values:
            value = values.pop(each.name)
        elif each.default_factory is not dataclasses.MISSING:
            value = each.default_factory()
        elif each.default is not dataclasses.MISSING:
            value = each.default
        else:
            return False
        object.__setattr__(self, each.name, value)
    if values:
        return False
    if hasattr(self, "__post_init__"):
        self.__post_init__()
    return True


def _compiled_init(cls: Any) -> Any:
    """The function that sets every field of a new instance."""
    known: dict[str, Any] = {"_put": object.__setattr__, "_unset": dataclasses.MISSING}
    words: list[str] = ["self"]
    lines: list[str] = []
    for each in sorted(filter(attrgetter("init"), dataclasses.fields(cls)), key=attrgetter("kw_only")):
        if each.kw_only and "*" not in words:
            words.append("*")
        name, value, word = each.name, each.name, each.name
        if each.default_factory is not dataclasses.MISSING:
            known[f"_make_{name}"] = each.default_factory
            word, value = f"{name}=_unset", f"_make_{name}() if {name} is _unset else {name}"
        elif each.default is not dataclasses.MISSING:
            known[f"_default_{name}"] = each.default
            word = f"{name}=_default_{name}"
        words.append(word)
        slot = getattr(cls, name, None)
        if isinstance(slot, MemberDescriptorType):  # the shortest way into it
            known[f"_set_{name}"] = slot.__set__
            lines.append(f"_set_{name}(self, {value})")
        else:
            lines.append(f"_put(self, {name!r}, {value})")
    lines += ["self.__post_init__()"] if hasattr(cls, "__post_init__") else []
    exec(f"def __init__({', '.join(words)}):\n " + "\n ".join(lines), known)
    return known["__init__"]


def _shown(self: Any) -> str:
    values = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in dataclasses.fields(self) if each.repr)
    return f"{type(self).__qualname__}({values})"


def _refused(self: Any, name: str, *value: Any) -> None:
    message = f"cannot {'assign to' if value else 'delete'} field {name!r}"
    raise dataclasses.FrozenInstanceError(message)


def _state(self: Any) -> list[Any]:
    return [getattr(self, each.name) for each in dataclasses.fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for each, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)
