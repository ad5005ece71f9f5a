"""Short ways to say events, batches and progress in the tests of the recorders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asset_events import AssetEvent, CheckEvent, MaterializationEvent
from asset_reporting.outcomes import Outcome, Recorded
from asset_reporting.recorder import GroupId, Progress

GROUP = GroupId("cluster", "group")


def event(name: str = "a", **fields: Any) -> MaterializationEvent:
    return MaterializationEvent(asset_key=(name,), **fields)


def check(name: str = "a", **fields: Any) -> CheckEvent:
    return CheckEvent(asset_key=(name,), **{"check_name": "c", "passed": True, **fields})


def unchecked(**fields: Any) -> MaterializationEvent:
    """A materialization that the contract has not seen: storage must be able to say no by itself."""
    given: dict[str, Any] = event().model_dump() | {"asset_key": ("a",)} | fields
    return MaterializationEvent.model_construct(**given)


def progress(start: int, end: int, partition: int = 0, topic: str = "events") -> Progress:
    return Progress(GROUP, topic, partition, start, end)


def kinds(outcomes: Sequence[Outcome]) -> list[str]:
    return [type(outcome).__name__ for outcome in outcomes]


def recorded_ids(outcomes: Sequence[Outcome]) -> list[int]:
    """The storage ids of a batch that is recorded, all of it."""
    ids = [outcome.event_id for outcome in outcomes if isinstance(outcome, Recorded)]
    assert len(ids) == len(outcomes), outcomes
    return [event_id for event_id in ids if event_id is not None]


def without(events: Sequence[AssetEvent], outcomes: Sequence[Outcome], kind: str) -> list[AssetEvent]:
    """The events to report again, once those with this outcome are out of the way."""
    return [one for one, outcome in zip(events, outcomes, strict=True) if type(outcome).__name__ != kind]
