"""The rules of admission before the real thing: what trips one is refused in its own words, its near miss is not."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.controlplane.ask import Object, Refused, wait_until
from lab.controlplane.lab import Lab
from modelfleet.packaged import packaged

RULES = packaged("data") / "rules"
TRIED: Mapping[str, Any] = yaml.safe_load((Path(__file__).with_name("rules.yaml")).read_text("utf-8"))


def _cases(group: str) -> list[Any]:
    return [pytest.param(code, words, id=code) for code, words in TRIED[group].items()]


@pytest.mark.parametrize(("code", "words"), _cases("refused"))
def test_what_trips_a_rule_is_refused_and_its_near_miss_is_not(lab: Lab, code: str, words: str) -> None:
    _written_before(lab, code, "example")
    with pytest.raises(Refused, match=words):
        _write(lab, code, "example")
    _written_before(lab, code, "mended")
    _write(lab, code, "mended")


@pytest.mark.parametrize(("code", "words"), _cases("refusedLater"))
def test_what_trips_a_rule_is_refused_at_its_first_change(lab: Lab, code: str, words: str) -> None:
    for side in ("example", "mended"):
        _write(lab, code, side)
    _write(lab, code, "mended", {"lab": "again"})
    with pytest.raises(Refused, match=words):
        _write(lab, code, "example", {"lab": "again"})


@pytest.mark.parametrize(("code", "words"), _cases("controller"))
def test_what_trips_a_rule_is_what_the_controller_complains_of(lab: Lab, code: str, words: str) -> None:
    for side in ("example", "mended"):
        _written_before(lab, code, side)
        _write(lab, code, side)
    wait_until(f"an event says {words}", lambda: re.search(words, _events(lab, code, "example")))
    assert not re.search(words, _events(lab, code, "mended"))


def _namespace(code: str, side: str) -> str:
    return f"rule-{code.lower()}-{side}"


def _events(lab: Lab, code: str, side: str) -> str:
    return "\n".join(item["message"] for item in lab.api.items("v1", "Event", _namespace(code, side)))


def _written_before(lab: Lab, code: str, side: str) -> None:
    """What is there already in the rule's story, as the controller has seen it."""
    for item in _write(lab, code, side, part="existing"):
        if item["kind"] == "InferenceService":
            wait_until("its mode is recorded", partial(_mode, lab, item))


def _mode(lab: Lab, item: Object) -> str | None:
    mode: str | None = (lab.api.read(item) or {}).get("status", {}).get("deploymentMode")
    return mode


def _write(lab: Lab, code: str, side: str, labels: Mapping[str, str] | None = None, part: str = "") -> list[Object]:
    namespace = _namespace(code, side)
    lab.api.ensure_namespace(namespace)
    written = []
    for given in _documents(code, part or side):
        item = copy.deepcopy(given)
        item.pop("status", None)
        item["metadata"]["namespace"] = namespace
        item["metadata"].setdefault("labels", {}).update(labels or {})
        written.append(lab.api.apply(item))
    return written


def _documents(code: str, part: str) -> Sequence[Object]:
    found = yaml.safe_load((RULES / f"{code}.yaml").read_text("utf-8")).get(part) or []
    if isinstance(found, str):
        found = [item for item in yaml.safe_load_all(found) if item]
    return found if isinstance(found, list) else [found]
