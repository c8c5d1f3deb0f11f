"""Sizes and accelerators, from the amounts and the places that pods ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelfleet.kubernetes.names import ACCELERATOR_NAME, HARDWARE_PROFILE, HARDWARE_PROFILE_NAMESPACE
from modelfleet.kubernetes.objects import items, mapping, number, same_value
from modelfleet.kubernetes.quantity import NotAQuantity, canonical_quantity
from modelfleet.resolve.environment import AcceleratorOffer, Environment
from modelfleet.resolve.variables import env_sources

_OF_A_SIZE = frozenset({"cpu", "memory", "ephemeral-storage"})


def hardware_fields(
    environment: Environment, pod: Mapping[str, Any], resources: Any, annotations: Mapping[str, Any]
) -> dict[str, Any]:
    """The fields `size` and `accelerator` of pods that are placed so and ask for these resources."""
    parts = {part: canonical_amounts(mapping(mapping(resources).get(part))) for part in ("requests", "limits")}
    identifiers = {offer.identifier for offer in environment.accelerators.values() if offer.identifier}
    counts = {name: parts["limits"][name] for name in parts["limits"] if name in identifiers}
    found: dict[str, Any] = {}
    size = size_of(environment, parts)
    if size is not None:
        found["size"] = size
    name = accelerator_of(environment, pod, set(counts), annotations, bool(mapping(resources)))
    if name is not None:
        identifier = environment.accelerators[name].identifier
        count = counts.get(identifier or "", "1")
        found["accelerator"] = {"name": name, "count": int(count)} if count.isdecimal() and int(count) > 1 else name
    return found | _placing(environment.accelerators.get(name) if name else None, pod)


def names_profile(environment: Environment, hardware: Mapping[str, Any]) -> bool:
    """Whether an object with these fields would name a hardware profile."""
    size, accelerator = hardware.get("size"), hardware.get("accelerator")
    sized = environment.sizes.get(size) if isinstance(size, str) else None
    name = accelerator["name"] if isinstance(accelerator, dict) else accelerator
    offer = environment.accelerators.get(name) if name else None
    return bool((sized and sized.hardware_profile) or (offer and offer.hardware_profile))


def _placing(offer: AcceleratorOffer | None, pod: Mapping[str, Any]) -> dict[str, Any]:
    """The fields `nodeSelector` and `tolerations`: what pods have of them that their accelerator does not bring."""
    brought = [dict(one) for one in (offer.tolerations if offer else None) or ()]
    tolerations = [one for one in items(pod.get("tolerations")) if one not in brought]
    labels = (offer.node_selector if offer else None) or {}
    selector = {key: value for key, value in mapping(pod.get("nodeSelector")).items() if labels.get(key) != value}
    return {name: value for name, value in (("nodeSelector", selector), ("tolerations", tolerations)) if value}


def canonical_amounts(written: Mapping[str, Any]) -> dict[str, str]:
    """Amounts in the spelling in which they are compared."""
    found = {}
    for key, value in written.items():
        try:
            found[str(key)] = canonical_quantity(str(value))
        except NotAQuantity:
            found[str(key)] = str(value)
    return found


def size_of(environment: Environment, parts: Mapping[str, Mapping[str, str]]) -> Any:
    """The environment's name of these amounts, else the amounts; None where there are none."""
    plain = {part: {key: text for key, text in parts[part].items() if key in _OF_A_SIZE} for part in parts}
    for name, size in environment.sizes.items():
        sized = {"requests": canonical_amounts(size.requests or {}), "limits": canonical_amounts(size.limits or {})}
        if sized == plain and any(plain.values()):
            return name
    return {part: amounts for part, amounts in plain.items() if amounts} or None


def accelerator_of(
    environment: Environment, pod: Mapping[str, Any], identifiers: set[str], annotations: Mapping[str, Any], asked: bool
) -> str | None:
    """The accelerator of the environment that fits best what pods ask for; None where none of them is asked for."""
    if not identifiers and not asked:
        return _of_profile(environment, annotations)
    offers = [(name, offer) for name, offer in environment.accelerators.items() if offer.identifier in identifiers]
    fitting = [(_likeness(name, offer, pod, annotations), -index, name) for index, (name, offer) in enumerate(offers)]
    return max(fitting)[2] if fitting else None


def _of_profile(environment: Environment, annotations: Mapping[str, Any]) -> str | None:
    """The accelerator whose hardware profile pods name that ask for nothing themselves: the profile brings it."""
    return next((name for name, offer in environment.accelerators.items() if _named_by(annotations, offer)), None)


def _named_by(annotations: Mapping[str, Any], offer: AcceleratorOffer) -> bool:
    """Whether annotations name the hardware profile of an accelerator."""
    profile, namespace = offer.hardware_profile, annotations.get(HARDWARE_PROFILE_NAMESPACE)
    return (
        profile is not None
        and profile.name == annotations.get(HARDWARE_PROFILE)
        and profile.namespace in (None, namespace)
    )


def _likeness(
    name: str, offer: AcceleratorOffer, pod: Mapping[str, Any], annotations: Mapping[str, Any]
) -> tuple[bool, bool, int]:
    by_profile = _named_by(annotations, offer)
    by_name = annotations.get(ACCELERATOR_NAME) == name
    alike = same_value(list(offer.tolerations or ()), pod.get("tolerations") or [])
    selected = same_value(dict(offer.node_selector or {}), pod.get("nodeSelector") or {})
    return by_profile, by_name, alike * 2 + selected


def replicas_field(low: Any, high: Any) -> Any:
    """The field `replicas` of this many at least and at most; None where that is what is meant without it."""
    least, most = number(low), number(high)
    if least is None:
        least = 1
    if most is None or most < least:
        most = max(least, 1) if most is None else least
    if least == most:
        return None if least == 1 else least
    return {"min": least, "max": most}


def env_field(variables: Sequence[Any]) -> dict[str, Any] | None:
    """The field `env` of a container's variables; None where one of them is more than the field can say."""
    found: dict[str, Any] = {}
    for variable in variables:
        name, given = mapping(variable).get("name"), mapping(mapping(variable).get("valueFrom"))
        if not isinstance(name, str) or name in found:
            return None
        if not given:
            found[name] = str(mapping(variable).get("value", ""))
            continue
        source = next((one for one in env_sources() if given.keys() == {one.key}), None)
        written = source.written(mapping(given[source.key])) if source is not None else None
        if written is None:
            return None
        found[name] = written
    return found
