"""The examples of the rules of admission, written to a real API server."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml

from lab.controlplane.ask import Object, Refused, wait_until
from lab.controlplane.lab import Lab
from modelfleet.packaged import packaged

RULES = packaged("data") / "rules"
TRIED: Mapping[str, Any] = yaml.safe_load((Path(__file__).parents[1] / "rules.yaml").read_text("utf-8"))


def cases(line: str, group: str) -> list[Any]:
    """Codes of rules with the words of the real thing, for the parameters of a test."""
    return [pytest.param(code, words, id=code) for code, words in tried(line, group).items()]


def tried(line: str, group: str) -> Mapping[str, str]:
    """What is tried on a line: on the newest all that is on the older one, but for what it takes, and more."""
    found: Mapping[str, str] = TRIED["older"].get(group, {})
    if line == "newest":
        found = {**found, **TRIED["newest"].get(group, {})}
    return {code: words for code, words in found.items() if line == "older" or code not in TRIED["newest"]["taken"]}


def refused(lab: Lab, code: str, words: str) -> None:
    """Asserts that what trips a rule is refused in these words, and its near miss is not."""
    written_before(lab, code, "example")
    with pytest.raises(Refused, match=words):
        write(lab, code, "example")
    written_before(lab, code, "mended")
    write(lab, code, "mended")


def created(lab: Lab, code: str, words: str) -> None:
    """Asserts that what trips a rule cannot be created, in these words, and its near miss can."""
    for side in ("example", "mended"):
        lab.api.ensure_namespace(namespace_of(code, side))
    with pytest.raises(Refused, match=words):
        lab.api.create(_moved(code, "example")[0])
    lab.api.create(_moved(code, "mended")[0])


def refused_later(lab: Lab, code: str, words: str) -> None:
    """Asserts that what trips a rule is taken, and its first change refused in these words; its near miss is not."""
    for side in ("example", "mended"):
        for item in write(lab, code, side):
            if item["kind"] == "InferenceService":
                wait_until("its mode is recorded", partial(mode_of, lab, item))
    write(lab, code, "mended", {"lab": "again"})
    with pytest.raises(Refused, match=words):
        write(lab, code, "example", {"lab": "again"})


def complained_of(lab: Lab, code: str, words: str) -> None:
    """Asserts that what trips a rule is taken, and a controller then says these words of it; of its near miss it does not."""
    for side in ("example", "mended"):
        written_before(lab, code, side)
        write(lab, code, side)
    wait_until(f"a controller says {words}", lambda: re.search(words, _complaints(lab, code, "example")))
    assert not re.search(words, _complaints(lab, code, "mended"))


def namespace_of(code: str, side: str) -> str:
    """Where one side of a rule's example is written."""
    return f"rule-{code.lower()}-{side}"


def _complaints(lab: Lab, code: str, side: str) -> str:
    """Events, and the conditions of an LLMInferenceService."""
    name = namespace_of(code, side)
    said = [str(item["message"]) for item in lab.api.items("v1", "Event", name)]
    for item in documents_of(code, side):
        if item["kind"] == "LLMInferenceService":
            found = lab.api.get(item["apiVersion"], item["kind"], item["metadata"]["name"], name) or {}
            said += [str(one.get("message")) for one in found.get("status", {}).get("conditions", [])]
    return "\n".join(said)


def written_before(lab: Lab, code: str, side: str) -> None:
    """What is there already in the rule's story, as the controllers have seen it."""
    for item in write(lab, code, side, part="existing"):
        if item["kind"] == "InferenceService":
            wait_until("its mode is recorded", partial(mode_of, lab, item))
        if item["kind"] == "LLMInferenceService":
            wait_until("it is seen", partial(_observed, lab, item))


def mode_of(lab: Lab, item: Object) -> str | None:
    """The deployment mode that KServe has recorded of a model."""
    mode: str | None = (lab.api.read(item) or {}).get("status", {}).get("deploymentMode")
    return mode


def _observed(lab: Lab, item: Object) -> bool:
    found = lab.api.read(item) or {}
    return bool(found.get("status", {}).get("observedGeneration") == found["metadata"]["generation"])


def write(lab: Lab, code: str, side: str, labels: Mapping[str, str] | None = None, part: str = "") -> list[Object]:
    """Applies the objects of an example in a namespace of its own."""
    lab.api.ensure_namespace(namespace_of(code, side))
    return [lab.api.apply(item) for item in _moved(code, side, part, labels or {})]


def _moved(code: str, side: str, part: str = "", labels: Mapping[str, str] = MappingProxyType({})) -> list[Object]:
    moved = []
    for given in documents_of(code, part or side):
        item = copy.deepcopy(given)
        item.pop("status", None)
        item["metadata"]["namespace"] = namespace_of(code, side)
        item["metadata"].setdefault("labels", {}).update(labels)
        moved.append(item)
    return moved


def documents_of(code: str, part: str) -> Sequence[Object]:
    """The objects of a part of a rule's example."""
    found = yaml.safe_load((RULES / f"{code}.yaml").read_text("utf-8")).get(part) or []
    if isinstance(found, str):
        found = [item for item in yaml.safe_load_all(found) if item]
    return found if isinstance(found, list) else [found]
