"""The facts of an environment as they are on another release: what that lacks is switched off, accelerators have profiles."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from modelfleet.migrate.accelerator_profiles import profile_name, selector_remark
from modelfleet.migrate.migrate import RepositoryState
from modelfleet.pipeline.repository import settle_environments
from modelfleet.resolve import catalog
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.release import Release


def of_release(state: RepositoryState, facts: Environment, data: Mapping[str, Any], release: str) -> dict[str, Any]:
    """The file of an environment, for another release."""
    known = catalog.release(release)
    found = {**data, "release": release}
    platforms = dict(found.get("platforms") or {})
    if facts.platforms.serverless and not known.capabilities["serverless"]:
        platforms["serverless"] = False
    if facts.platforms.model_mesh and not known.capabilities["modelMesh"]:
        platforms["modelMesh"] = False
    if platforms:
        found["platforms"] = platforms
    _drop_runtimes(state, facts.name, found, release)
    _add_profiles(facts, found, known)
    return found


def _drop_runtimes(state: RepositoryState, environment: str, found: dict[str, Any], release: str) -> None:
    """What the file says of runtimes that the release does not ship, and nobody else brings."""
    runtimes = settle_environments(state.repository)[1]
    written = found.get("runtimes") or {}
    kept = {name: entry for name, entry in written.items() if runtimes.find(name, environment, release) is not None}
    if kept != written:
        found["runtimes"] = kept
        if not kept:
            del found["runtimes"]


def _add_profiles(facts: Environment, found: dict[str, Any], release: Release) -> None:
    """The hardware profiles that the operator makes, for accelerators that have none."""
    profiles = release.upgrade["profiles"]
    lacking = [name for name, offer in facts.accelerators.items() if offer.hardware_profile is None]
    if profiles is None or not facts.can("acceleratorProfiles") or not lacking:
        return
    accelerators = dict(found.get("accelerators") or {})
    for name in lacking:
        profile = {"name": profile_name(profiles["accelerator"], name), "namespace": profiles["namespace"]}
        accelerators[name] = {**(accelerators.get(name) or {}), "hardwareProfile": profile}
    found["accelerators"] = accelerators


def profile_remarks(before: Environment, after: Environment, used: Collection[str]) -> Iterator[str]:
    """What has to be done to the hardware profiles of the accelerators that are used, before models name them."""
    for name, offer in after.accelerators.items():
        old = before.accelerators.get(name)
        if name in used and old is not None and old.hardware_profile is None and offer.hardware_profile is not None:
            profile = offer.hardware_profile
            yield from selector_remark(name, offer, f"{profile.namespace}/{profile.name}")
