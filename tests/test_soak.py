"""The soak itself, for some seconds: load and faults at random, and everything kept as promised (`soak.py`)."""

from __future__ import annotations

import pytest
from soak import Soak, soak

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(400)]


def test_the_same_seed_draws_the_same_faults() -> None:
    assert Soak(5, 7).plan() == Soak(5, 7).plan()
    assert Soak(5, 7).plan() != Soak(5, 8).plan()


@pytest.mark.parametrize(
    ("broker", "database", "minutes"),
    [("mock", "sqlite", 0.4), pytest.param("kafka", "postgresql", 0.6, marks=pytest.mark.kafka)],
)
@pytest.mark.fault("random faults under random load, for a while", "P1", "P2", "P3", "P4", "P6")
def test_random_faults_under_random_load_break_no_promise(broker: str, database: str, minutes: float) -> None:
    report = soak(Soak(minutes, seed=7, broker=broker, database=database), say=print)

    assert not report.failure, report.text("")
    assert report.faults > 0
    assert report.counts["dead-lettered"]
