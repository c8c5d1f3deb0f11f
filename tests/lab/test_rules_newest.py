"""The same before the newest KServe, with the webhooks and the controller of LLMInferenceServices."""

from __future__ import annotations

import pytest

from lab.controlplane.examples import cases, complained_of, refused, refused_later
from lab.controlplane.lab import Lab


@pytest.mark.parametrize(("code", "words"), cases("newest", "refused"))
def test_what_trips_a_rule_is_refused_and_its_near_miss_is_not(newest: Lab, code: str, words: str) -> None:
    refused(newest, code, words)


@pytest.mark.parametrize(("code", "words"), cases("newest", "refusedLater"))
def test_what_trips_a_rule_is_refused_at_its_first_change(newest: Lab, code: str, words: str) -> None:
    refused_later(newest, code, words)


@pytest.mark.parametrize(("code", "words"), cases("newest", "controller"))
def test_what_trips_a_rule_is_what_the_controller_complains_of(newest: Lab, code: str, words: str) -> None:
    complained_of(newest, code, words)
