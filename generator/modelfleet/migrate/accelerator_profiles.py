"""From accelerator profiles to hardware profiles, which are facts of an environment that the models of a project make use of.

The step that adds writes, beside the tolerations of an accelerator, the hardware profile that the operator makes of its
accelerator profile. A release that reads both goes by the tolerations, so nothing is rendered differently yet. The step
that removes takes the tolerations away; from then on the models name the profile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.migrate.step import FactsStep, MigratedFacts, NotMigratable
from modelfleet.resolve import catalog
from modelfleet.resolve.environment import AcceleratorOffer, Environment
from modelfleet.resolve.model import Model, Project
from modelfleet.resolve.release import Release
from modelfleet.wording import listed


def add_profiles(subject: MigratedFacts) -> FactsStep | None:
    """The step that gives each accelerator of the project its hardware profile; None where all have theirs.

    It may change nothing and say why.
    """
    wanted: dict[str, dict[str, Any]] = {}
    remarks: list[str] = []
    for environment, offers in _used(subject):
        lacking = {name: offer for name, offer in offers.items() if offer.hardware_profile is None}
        for name, offer in lacking.items():
            if environment.can("acceleratorProfiles") and not offer.tolerations:
                remarks.append(
                    f"{name} in {environment.name} has no tolerations, so a hardware profile would take effect at "
                    "once, and the cluster has none yet; add it when the cluster is upgraded"
                )
                continue
            profile = profile_of(environment, name)
            entry = _entry(wanted, subject, environment.name, name)
            entry["hardwareProfile"] = profile
            remarks += _added(environment, name, offer, profile)
    return FactsStep(wanted=wanted, remarks=tuple(remarks)) if remarks else None


def remove_tolerations(subject: MigratedFacts) -> FactsStep | None:
    """The step that removes the tolerations of these accelerators; None where they have none.

    It may change nothing and say why.
    """
    wanted: dict[str, dict[str, Any]] = {}
    remarks: list[str] = []
    for environment, offers in _used(subject):
        workers = _of_workers(subject.projects[environment.name])
        for name, offer in offers.items():
            if offer.tolerations is None:
                continue
            _refuse_too_early(subject, environment, name, offer)
            if name in workers:
                remarks.append(
                    f"{name} in {environment.name} keeps its tolerations: a hardware profile gives none to the workers of "
                    f"{listed(workers[name])}"
                )
                continue
            entry = _entry(wanted, subject, environment.name, name)
            entry.pop("tolerations", None)
            below = subject.base.data if subject.base is not None else {}
            if (((below.get("accelerators") or {}).get(name)) or {}).get("tolerations") is not None:
                entry["tolerations"] = None
            remarks += _removed(subject, environment, name, offer)
    return FactsStep(wanted=wanted, remarks=tuple(remarks)) if remarks else None


def profile_of(environment: Environment, accelerator: str) -> dict[str, str]:
    """The hardware profile that the operator makes of an accelerator profile of this name, as an environment writes it."""
    facts = _profiles(environment.release)
    return {"name": profile_name(facts["accelerator"], accelerator), "namespace": facts["namespace"]}


def profile_name(pattern: str, name: str) -> str:
    """The name of a profile that the operator makes of something."""
    return pattern.replace("{}", name.lower().replace(" ", "-"))


def _profiles(release: Release | None) -> Mapping[str, Any]:
    """What a release makes of accelerator profiles, else the next one that does."""
    while release is not None and release.upgrade["profiles"] is None:
        release = catalog.release(release.successor) if release.successor else None
    if release is None:
        raise AssertionError
    found: Mapping[str, Any] = release.upgrade["profiles"]
    return found


def _used(subject: MigratedFacts) -> Iterator[tuple[Environment, dict[str, AcceleratorOffer]]]:
    """The environments that are asked for, each with the accelerators that the project uses there."""
    for name, projects in subject.projects.items():
        for project in projects:
            if name in subject.chosen and project.name == subject.name:
                known = project.environment.accelerators
                yield project.environment, {one: known[one] for one in _accelerators(project) if one in known}


def _accelerators(project: Project) -> list[str]:
    found = [one.hardware.accelerator.name for one in project.workloads if one.hardware.accelerator is not None]
    return list(dict.fromkeys([*found, *_of_workers([project])]))


def _of_workers(projects: Iterator[Project] | tuple[Project, ...] | list[Project]) -> dict[str, list[str]]:
    """The accelerators of pods that no hardware profile reaches, each with the models."""
    found: dict[str, list[str]] = {}
    for project in projects:
        for model in project.models:
            for name in _workers(model):
                found.setdefault(name, []).append(model.name)
    return found


def _workers(model: Model) -> Iterator[str]:
    parts = [model.hardware] if model.multi_node else []
    if model.llm is not None:
        pods = (model.llm.main, model.llm.prefill)
        parts += [part.worker.hardware for part in pods if part is not None and part.worker is not None]
    yield from dict.fromkeys(one.accelerator.name for one in parts if one.accelerator is not None)


def _entry(wanted: dict[str, dict[str, Any]], subject: MigratedFacts, environment: str, name: str) -> dict[str, Any]:
    """The accelerator in what the environment's own file is to say, to be changed."""
    if environment not in wanted:
        data = dict(subject.documents[environment].data)
        data["accelerators"] = dict(data.get("accelerators") or {})
        wanted[environment] = data
    known = wanted[environment]["accelerators"]
    known[name] = dict(known.get(name) or {})
    entry: dict[str, Any] = known[name]
    return entry


def _refuse_too_early(subject: MigratedFacts, environment: Environment, name: str, offer: AcceleratorOffer) -> None:
    release = environment.release
    at = environment.facts.key_at(("accelerators", name))
    if offer.hardware_profile is None:
        message = (
            f"in {environment.name} {name!r} has no hardware profile yet; run `modelfleet migrate accelerator-profiles "
            f"--project {subject.name} --step add` first"
        )
        raise NotMigratable(at, message)
    if release is not None and not environment.can("hardwareProfiles"):
        message = f"{release.title} reads no hardware profiles, so {name!r} needs its tolerations in {environment.name}"
        raise NotMigratable(at, message)


# ---- remarks ---------------------------------------------------------------------------------------------------------


def _added(environment: Environment, name: str, offer: AcceleratorOffer, profile: Mapping[str, str]) -> Iterator[str]:
    place = f"{profile['namespace']}/{profile['name']}"
    yield (
        f"{name} in {environment.name} gets the hardware profile {place}: this is the name that the operator "
        "gives it during the upgrade to 3.x; if you create a profile yourself, write its name instead"
    )
    if environment.can("acceleratorProfiles") and environment.release is not None:
        yield f"nothing is rendered differently yet: {environment.release.title} goes by the tolerations of {name}"
    yield from selector_remark(name, offer, place)


def selector_remark(name: str, offer: AcceleratorOffer, place: str) -> Iterator[str]:
    """What the operator's profile of an accelerator lacks."""
    if offer.node_selector:
        pairs = ", ".join(f"{key}: {value}" for key, value in offer.node_selector.items())
        yield (
            f"the profile {place} has the tolerations of the accelerator profile, and no node selector: add "
            f"spec.scheduling.node.nodeSelector: {{{pairs}}} to it, or its pods may land on nodes with another product"
        )


def _removed(subject: MigratedFacts, environment: Environment, name: str, offer: AcceleratorOffer) -> Iterator[str]:
    profile = offer.hardware_profile
    if not environment.can("acceleratorProfiles"):
        yield f"{name} in {environment.name} loses its tolerations, from which nothing was rendered any more"
    elif environment.release is not None and profile is not None:
        yield (
            f"from now on models with {name} in {environment.name} name the hardware profile, and restart once: "
            f"{environment.release.title} refuses them as long as {profile.namespace}/{profile.name} is not on the cluster"
        )
    others = [
        one.name
        for one in subject.projects[environment.name]
        if one.name != subject.name and name in _accelerators(one)
    ]
    if others:
        yield f"{name} in {environment.name} is used by {listed(others)}, too: the same happens there"
