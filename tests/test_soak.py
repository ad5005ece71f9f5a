"""The soak itself, for some seconds: load and faults at random, and everything kept as promised (`soak.py`)."""

from __future__ import annotations

import re

import pytest
from soak import Soak, soak
from soak_plan import Planned
from soak_report import Report

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(400)]

AT_A_STEP = {
    "a consumer is killed at a step",
    "a consumer is frozen at a step",
    "a consumer is frozen inside its transaction",
}
TO_LETTERS = {"dead letters are refused", "dead letters are delayed"}


def test_the_same_seed_draws_the_same_faults() -> None:
    assert Soak(5, 7).plan() == Soak(5, 7).plan()
    assert Soak(5, 7).plan() != Soak(5, 8).plan()


def test_what_came_to_nothing_is_told_apart_from_what_struck() -> None:
    report = Report()
    for struck in (True, False, True):
        report.recovered(Planned(3.0, "a COMMIT is lost", 1.0, {}), 0.5, struck=struck)

    assert report.faults == 3
    assert re.search(r"^a COMMIT is lost +2 of 3 ", report.text(""), re.MULTILINE)


# The seeds are those of plans that begin with what must have struck; `soak.py --plan --seed n` prints one.
@pytest.mark.parametrize(
    ("broker", "database", "minutes", "seed"),
    [("mock", "sqlite", 0.4, 43), pytest.param("kafka", "postgresql", 0.6, 1304, marks=pytest.mark.kafka)],
)
@pytest.mark.fault("random faults under random load, for a while", "P1", "P2", "P3", "P4", "P6")
def test_random_faults_under_random_load_break_no_promise(
    broker: str, database: str, minutes: float, seed: int
) -> None:
    wanted = Soak(minutes, seed, broker=broker, database=database)
    first, second = ({planned.name for planned in wanted.plan()} & kinds for kinds in (AT_A_STEP, TO_LETTERS))
    assert first
    assert second

    report = soak(wanted, say=print)

    assert not report.failure, report.text("")
    assert any(report.struck[name] for name in first), report.text("")
    assert any(report.struck[name] for name in second), report.text("")
    assert report.counts["dead-lettered"]
