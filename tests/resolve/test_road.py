"""The types of releases and the roads between them, held against one another and against the road that Red Hat names."""

from __future__ import annotations

import pytest

from modelfleet.resolve import catalog
from modelfleet.resolve.road import main_road, release_types, road, type_of

RELEASES = [catalog.release(name) for name in catalog.release_names()]


@pytest.mark.parametrize(
    ("start", "goal", "way"),
    [
        ("2.25", "3.5", ("2.25", "3.3", "3.5")),
        ("2.22", "3.5", ("2.22", "2.25", "3.3", "3.5")),
        ("2.20", "2.22", ("2.20", "2.21", "2.22")),
        ("3.3", "3.3", ("3.3",)),
        ("3.3", "2.25", None),
        ("2.25", "3.0", None),
    ],
)
def test_the_road_between_two_releases(start: str, goal: str, way: tuple[str, ...] | None) -> None:
    found = road(f"rhoai-{start}", f"rhoai-{goal}")
    assert (None if found is None else tuple(map(catalog.short, found))) == way


def test_the_main_road_goes_by_releases_with_long_support() -> None:
    assert main_road()[:3] == ("rhoai-2.25", "rhoai-3.3", "rhoai-3.5")
    assert len(set(main_road())) == len(main_road())
    assert {type_of(catalog.release(name)) for name in main_road()} == {"EUS", "stable"}


def test_every_way_begins_at_an_older_release() -> None:
    names = catalog.release_names()
    for one in RELEASES:
        assert [name for name in one.upgrade["from"] if name not in names[: names.index(one.name)]] == []


def test_each_type_has_a_name_and_a_support() -> None:
    assert [(key, sorted(facts)) for key, facts in release_types().items()] == [
        (key, ["name", "support"]) for key in ("fast", "stable", "eus")
    ]


def test_the_operator_makes_profiles_where_accelerator_profiles_have_ended() -> None:
    """A release that reads both has nothing to make of the old ones."""
    for one in RELEASES:
        assert (one.upgrade["profiles"] is None) == one.capabilities["acceleratorProfiles"]
