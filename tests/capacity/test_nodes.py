"""Packing of pods onto nodes: the answers that matter, and that no size of either takes long."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest

from modelfleet.capacity.amounts import Container
from modelfleet.capacity.nodes import NodeKind, Packing, packable, without_nodes
from modelfleet.capacity.pods import Pod

GPU = "nvidia.com/gpu"


def nodes(count: int, gpus: int, name: str = "a100") -> NodeKind:
    return NodeKind(name=name, count=count, amounts={GPU: Fraction(gpus)}, accelerators={"a100": gpus})


def pod(gpus: int) -> Pod:
    return Pod("p", (Container("c", {GPU: Fraction(gpus)} if gpus else {}, {}),))


@pytest.mark.parametrize(
    ("pods", "held"),
    [
        ([(3, 2), (2, 1)], False),
        ([(3, 1), (1, 1), (4, 1)], True),
        ([(4, 2)], True),
        ([(4, 2), (0, 9)], True),
        ([(5, 1)], False),
    ],
)
def test_two_nodes_of_four(pods: list[tuple[int, int]], held: bool) -> None:
    assert packable([(pod(gpus), count) for gpus, count in pods], [nodes(2, 4)]) is held


def test_where_the_fullest_node_first_goes_wrong() -> None:
    """Only another order than the largest first holds all."""
    kinds = [nodes(1, 10, "ten"), nodes(1, 11, "eleven")]
    assert packable([(pod(each), 1) for each in (6, 5, 5, 5)], kinds) is True


def test_nodes_that_are_not_there_hold_nothing() -> None:
    assert packable([(pod(0), 1)], [nodes(0, 4)]) is False
    assert packable([(pod(4), 2)], without_nodes([nodes(2, 4)], "a100", 1)) is False


def test_what_finds_room_beside_others() -> None:
    packing = Packing([(pod(3), 2)], [nodes(2, 4)])
    assert [packing.holds_also([(pod(gpus), 1)]) for gpus in (1, 2)] == [True, False]


def test_a_large_cluster_takes_no_time() -> None:
    begun = time.perf_counter()
    assert packable([(pod(2), 2500), (pod(1), 2499)], [nodes(2000, 4)]) is True
    assert packable([(pod(2), 10**9)], [nodes(100_000, 4)]) is False
    assert packable([(pod(1), 6000)], [nodes(2000, 4)]) is None  # more pods than are tried
    assert time.perf_counter() - begun < 5
