"""The rules of admission before the real thing: what trips one is refused in its own words, its near miss is not."""

from __future__ import annotations

from functools import partial

import pytest

from lab.controlplane.ask import Refused, wait_until
from lab.controlplane.examples import cases, complained_of, created, mode_of, refused, refused_later, write
from lab.controlplane.lab import Lab


@pytest.mark.parametrize(("code", "words"), cases("older", "refused"))
def test_what_trips_a_rule_is_refused_and_its_near_miss_is_not(lab: Lab, code: str, words: str) -> None:
    refused(lab, code, words)


@pytest.mark.parametrize(("code", "words"), cases("older", "refusedLater"))
def test_what_trips_a_rule_is_refused_at_its_first_change(lab: Lab, code: str, words: str) -> None:
    refused_later(lab, code, words)


@pytest.mark.parametrize(("code", "words"), cases("older", "controller"))
def test_what_trips_a_rule_is_what_the_controller_complains_of(lab: Lab, code: str, words: str) -> None:
    complained_of(lab, code, words)


@pytest.mark.parametrize(("code", "words"), cases("older", "created"))
def test_what_trips_a_rule_is_refused_when_it_is_created(lab: Lab, code: str, words: str) -> None:
    created(lab, code, words)


@pytest.mark.parametrize(("code", "words"), cases("older", "deleted"))
def test_what_trips_a_rule_cannot_be_deleted_until_its_mode_is_that_of_its_status(
    lab: Lab, code: str, words: str
) -> None:
    (model,) = write(lab, code, "gone", part="example")
    mode = wait_until("its mode is recorded", partial(mode_of, lab, model))
    lab.api.delete(model)
    with pytest.raises(Refused, match=words):
        lab.api.patch(model, {"metadata": {"finalizers": None}})
    assert (lab.api.read(model) or {})["metadata"]["deletionTimestamp"]
    lab.api.patch(model, {"metadata": {"annotations": {"serving.kserve.io/deploymentMode": mode}}})
    wait_until("it is gone", lambda: lab.api.read(model) is None)
