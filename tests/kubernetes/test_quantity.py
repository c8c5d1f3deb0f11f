"""Quantities in the spelling of the API machinery."""

from __future__ import annotations

from fractions import Fraction

import pytest

from modelfleet.kubernetes.quantity import NotAQuantity, canonical_quantities, canonical_quantity, quantity_value


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("1", "1"),
        ("1000m", "1"),
        ("2.0", "2"),
        ("0.5", "500m"),
        (".5", "500m"),
        ("2500m", "2500m"),
        ("100m", "100m"),
        ("0", "0"),
        ("0Gi", "0"),
        ("3072", "3072"),
        ("1000", "1k"),
        ("1024Mi", "1Gi"),
        ("8192Mi", "8Gi"),
        ("1536Mi", "1536Mi"),
        ("0.5Gi", "512Mi"),
        ("1.5Gi", "1536Mi"),
        ("512Ki", "512Ki"),
        ("3G", "3G"),
        ("1000M", "1G"),
        ("1e3", "1e3"),
        ("12e2", "1200"),
        ("-1000m", "-1"),
    ],
)
def test_canonical(text: str, spelled: str) -> None:
    assert canonical_quantity(text) == spelled
    assert quantity_value(text) == quantity_value(spelled)


@pytest.mark.parametrize("text", ["", "16 GB", "1GB", "Gi", "1e", "1e99999999", "one", "1\n", "１", "--1", "1m1"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(NotAQuantity):
        canonical_quantity(text)


def test_value_is_exact() -> None:
    assert quantity_value("0.1") + quantity_value("0.2") == quantity_value("0.3") == Fraction(3, 10)


def test_the_quantities_of_a_pod_are_spelled_canonically_and_nothing_else_is_touched() -> None:
    pod = {
        "containers": [
            {
                "args": ["1000m"],
                "env": [{"name": "LIMIT", "value": "1024Mi"}],
                "resources": {
                    "requests": {"cpu": "0.5", "nvidia.com/gpu": 1},
                    "limits": {"memory": "1024Mi", "cpu": "lots"},
                },
            }
        ],
        "volumes": [
            {"emptyDir": {"sizeLimit": "2048Mi"}},
            {"downwardAPI": {"items": [{"resourceFieldRef": {"divisor": "1000m"}}]}},
        ],
    }
    assert canonical_quantities(pod) == {
        "containers": [
            {
                "args": ["1000m"],
                "env": [{"name": "LIMIT", "value": "1024Mi"}],
                "resources": {
                    "requests": {"cpu": "500m", "nvidia.com/gpu": "1"},
                    "limits": {"memory": "1Gi", "cpu": "lots"},
                },
            }
        ],
        "volumes": [
            {"emptyDir": {"sizeLimit": "2Gi"}},
            {"downwardAPI": {"items": [{"resourceFieldRef": {"divisor": "1"}}]}},
        ],
    }
