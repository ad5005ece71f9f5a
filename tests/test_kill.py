"""Consumers killed in mid-work lose nothing and record nothing twice; `kills.py` runs the same for longer."""

from __future__ import annotations

from pathlib import Path

from kills import kill_round


def test_killed_consumers_lose_nothing_and_record_nothing_twice(tmp_path: Path) -> None:
    counted = kill_round(tmp_path, kills=3, records=3000, seed=7)

    assert counted["kills"] == 3
    assert counted["recorded"] + counted["dead"] == 3000
    assert counted["dead"] > 0
