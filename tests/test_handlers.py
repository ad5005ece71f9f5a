"""`report`: the one function behind both roads, with targets checked before anything is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from dagster import DagsterInstance
from dagster_reading import runless_events
from recorder_events import GROUP, kinds, progress

from asset_events import AssetEvent, ErrorDetail, MaterializationEvent
from asset_reporting.handlers import ReportingContext, report, reporting_context
from asset_reporting.outcomes import Recorded, Rejected, Unavailable
from asset_reporting.public_recorder import PublicRecorder
from asset_reporting.targets import AcceptAll


class RefuseKey(AcceptAll):
    """Targets that know every asset but one."""

    def __init__(self, key: str) -> None:
        self.error = ErrorDetail("/asset_key", "asset.unknown", f"Asset key '{key}' not found")
        self._key = key

    def problems(self, events: Sequence[AssetEvent]) -> list[tuple[ErrorDetail, ...]]:
        return [(self.error,) if event.asset_key == (self._key,) else () for event in events]


class Unreachable(AcceptAll):
    """Targets whose code location cannot be asked."""

    def problems(self, events: Sequence[AssetEvent]) -> list[tuple[ErrorDetail, ...]]:  # noqa: ARG002 # the protocol's
        raise ConnectionError("canary")


def test_outcomes_stand_in_the_order_of_the_events(tmp_path: Path) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        targets = RefuseKey("b")
        context = reporting_context(instance, targets)

        outcomes = report(context, [MaterializationEvent(asset_key=(key,)) for key in "abac"])

        assert [type(outcome) for outcome in outcomes] == [Recorded, Rejected, Recorded, Recorded]
        assert outcomes[1] == Rejected((targets.error,))
        assert [event.asset_key.path for event in runless_events(instance)] == [["a"], ["a"], ["c"]]


def test_offsets_do_not_pass_an_event_that_is_refused_and_not_dead_lettered_yet(tmp_path: Path) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        context = reporting_context(instance, RefuseKey("b"))
        context.recorder.place(GROUP, {("events", 0): 0}, {})

        outcomes = report(context, [MaterializationEvent(asset_key=(key,)) for key in "abc"], [progress(0, 3)])

        assert kinds(outcomes) == ["Again", "Rejected", "Again"]
        assert runless_events(instance) == []
        assert context.recorder.positions(GROUP) == {("events", 0): 0}


def test_a_code_location_that_cannot_be_asked_is_an_outage_not_a_bad_event(tmp_path: Path) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        context = ReportingContext(PublicRecorder(instance), Unreachable())

        outcomes = report(context, [MaterializationEvent(asset_key=("a",))] * 2)

        assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
        assert "canary" not in repr(outcomes)
        assert runless_events(instance) == []


@pytest.mark.parametrize("count", [0, 1])
def test_no_event_needs_no_storage(tmp_path: Path, count: int) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert len(report(reporting_context(instance), [MaterializationEvent(asset_key=("a",))] * count)) == count
