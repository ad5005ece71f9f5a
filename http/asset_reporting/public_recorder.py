"""Record events one by one through Dagster's public calls: works with any instance, at-least-once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from asset_events import AssetEvent
from asset_reporting.batch_size import FIRST_EVENTS
from asset_reporting.dagster_events import to_dagster_event
from asset_reporting.event_ids import watch_event_ids
from asset_reporting.log_entries import RUNLESS, to_dagster_log_event
from asset_reporting.outcomes import Again, Failed, Outcome, Recorded, Unavailable
from asset_reporting.recorder import GroupId, Positions, Progress
from asset_reporting.storage_errors import describe, refusal

if TYPE_CHECKING:
    from dagster import DagsterInstance


class PublicRecorder:
    """The recorder for any Dagster instance; it keeps no ledger, so a crash may repeat the last batch."""

    name = "public"
    guarantee = "at-least-once"
    batch_events = FIRST_EVENTS

    def __init__(self, instance: DagsterInstance, shortcoming: str | None = None) -> None:
        self._instance = instance
        self.shortcoming = shortcoming
        self._ids = watch_event_ids(instance.event_log_storage)

    def record(self, events: Sequence[AssetEvent], progress: Sequence[Progress] = ()) -> list[Outcome]:  # noqa: ARG002 # no ledger here
        """Record in order; nothing is tried behind an event whose fate is open, so that order holds.

        Behind an `Unavailable` the rest is unavailable too, behind a `Failed` the caller says what may go on.
        """
        outcomes: list[Outcome] = []
        for event in events:
            outcome = self._record_one(event)
            outcomes.append(outcome)
            if isinstance(outcome, Unavailable | Failed):
                rest = Unavailable(outcome.reason) if isinstance(outcome, Unavailable) else Again()
                return outcomes + [rest] * (len(events) - len(outcomes))
        return outcomes

    def move(self, progress: Sequence[Progress]) -> Outcome | None:  # noqa: ARG002 # no ledger here
        """There is no ledger: Kafka's committed offsets are all there is."""
        return None

    def positions(self, group: GroupId) -> Positions:  # noqa: ARG002 # no ledger here
        """There is no ledger."""
        return {}

    def place(self, group: GroupId, offsets: Positions, stood: Positions) -> bool:  # noqa: ARG002 # no ledger here
        """There is no ledger."""
        return True

    def probe(self) -> str | None:
        """Read the event log's highest id: one cheap query that needs a working connection and schema."""
        try:
            self._instance.event_log_storage.get_maximum_record_id()
        except Exception as error:  # noqa: BLE001 # whatever it is, the storage does not answer
            return describe(error)
        return None

    def _record_one(self, event: AssetEvent) -> Outcome:
        self._ids.forget()
        try:
            _store(self._instance, event)
        except Exception as error:  # noqa: BLE001 # told apart by type, never by message
            outcome = refusal(error)
            # Dagster stores an event in several transactions, and does not say which of them it was.
            return replace(outcome, may_be_recorded=True) if isinstance(outcome, Unavailable) else outcome
        return Recorded(self._ids.take())


def _store(instance: DagsterInstance, event: AssetEvent) -> None:
    if event.event_time is None:
        instance.report_runless_asset_event(to_dagster_event(event))
        return
    # The call that report_runless_asset_event makes, which has no way to give a timestamp (dagster-io/dagster #19976).
    instance.report_dagster_event(to_dagster_log_event(event), run_id=RUNLESS, timestamp=event.event_time)
