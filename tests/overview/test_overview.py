"""The fleet at a glance: the example in every form, and that nothing of a repository becomes markup."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest

from console import REPOSITORY, example, modelfleet, write
from modelfleet.overview.facts import EnvironmentOverview, QuotaBar, ServedEntry
from modelfleet.overview.page import fleet_page
from modelfleet.packaged import packaged
from plan_repository import FILES

GOLDEN = REPOSITORY / "tests/golden/overview"


@pytest.mark.parametrize(("form", "ending"), [("text", "txt"), ("json", "json"), ("html", "html")])
def test_a_small_fleet(form: str, ending: str, tmp_path: Path, update_golden: bool) -> None:
    """A small fleet with each way of serving; the repository's own changes with every rule that warns of something in it."""
    said = modelfleet(write(tmp_path, FILES), "fleet", "--format", form)
    assert (said.code, said.err) == (0, "")
    place = GOLDEN / f"small.{ending}"
    if update_golden:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(said.out, "utf-8")
    assert said.out == place.read_text("utf-8")


def test_the_data_are_as_their_schema_says(tmp_path: Path) -> None:
    said = modelfleet(example(tmp_path), "fleet", "--format", "json", "--env", "nerc-ocp-test")
    data = json.loads(said.out)
    jsonschema.validate(data, json.loads((packaged("schemas") / "fleet.schema.json").read_bytes()))
    assert [one["name"] for one in data["environments"]] == ["nerc-ocp-test"]


def test_an_environment_that_does_not_exist(tmp_path: Path) -> None:
    said = modelfleet(example(tmp_path), "fleet", "--env", "nerc-ocp-prd")
    assert (said.code, said.err) == (
        2,
        "modelfleet: --env nerc-ocp-prd: there is no such environment; did you mean 'nerc-ocp-prod'?\n",
    )


# ---- the page --------------------------------------------------------------------------------------------------------

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&{{ 7*7 }}\u202e"


def overview(**changed: object) -> EnvironmentOverview:
    entry = ServedEntry(
        project=HOSTILE,
        namespace=HOSTILE,
        model=HOSTILE,
        mode="standard",
        runtime=HOSTILE,
        server=None,
        least=1,
        most=1,
        stopped=False,
        accelerators={HOSTILE: 1},
        endpoints=(),
        deprecated=True,
    )
    facts = {
        "name": HOSTILE,
        "cluster": HOSTILE,
        "release": HOSTILE,
        "supported_until": HOSTILE,
        "models": (entry,),
        "accelerators": {HOSTILE: 1},
        "quotas": (QuotaBar(project=HOSTILE, identifier=HOSTILE, used=3, limit=2),),
        "warnings": (),
        **changed,
    }
    return EnvironmentOverview(**facts)  # type: ignore[arg-type] # a test's own words


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        self.attributes |= {name for name, _ in attrs}


def tags(text: str) -> Tags:
    parser = Tags()
    parser.feed(text)
    return parser


def test_nothing_of_a_repository_becomes_markup() -> None:
    text = fleet_page([overview()])
    found = tags(text)
    assert "img" not in found.found
    assert found.found.count("script") == 1
    assert not any(name.startswith("on") for name in found.attributes)
    assert "49" not in text
    assert "\u202e" not in text
    assert "{{ 7*7 }}" in text


def test_the_page_needs_nothing_else() -> None:
    text = fleet_page([overview(models=(), quotas=())])
    found = tags(text)
    assert not {"link", "iframe", "object", "embed"} & set(found.found)
    assert "src" not in found.attributes
    assert re.findall(r"(?:url\(|@import|https?://)", text) == []
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src &#39;none&#39;; style-src &#39;sha256-")


@pytest.mark.parametrize(
    ("used", "limit", "share"), [(0, 4, 0), (1, 4, 25), (4, 4, 100), (9, 4, 100), (1, 0, 100), (2, None, 100)]
)
def test_how_much_of_a_quota_is_used(used: int, limit: int | None, share: int) -> None:
    assert QuotaBar(project="p", identifier="nvidia.com/gpu", used=used, limit=limit).share == share


def test_a_quota_that_is_exceeded_looks_like_it() -> None:
    assert 'class="bar over"' in fleet_page([overview()])
    fits = (QuotaBar(project="p", identifier="gpu", used=2, limit=2),)
    assert 'class="bar over"' not in fleet_page([overview(quotas=fits)])
