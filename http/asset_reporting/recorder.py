"""The recorder interface: how a batch of events gets into a Dagster event log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from asset_events import AssetEvent
from asset_reporting.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a consumer group has come in one Kafka partition once a batch is recorded.

    A transactional recorder moves its ledger from `start_offset` to `next_offset` together with the events.
    """

    group_id: str
    topic: str
    partition: int
    start_offset: int
    next_offset: int


class Recorder(Protocol):
    """Records batches; safe to call from several threads, blocking, so never on an event loop."""

    @property
    def name(self) -> str:
        """Shown in the log and in `/readyz`: `public`, later `transactional`."""
        ...

    @property
    def guarantee(self) -> str:
        """What a crash at the worst moment leaves behind: `at-least-once` or `exactly-once`."""
        ...

    def record(self, events: Sequence[AssetEvent], progress: Sequence[Progress] = ()) -> list[Outcome]:
        """Record events in order; one outcome per event, in the same order.

        Once one outcome is `Unavailable`, all later ones are too: an outage never reorders events. Does not raise.
        """
        ...

    def probe(self) -> str | None:
        """Ask the storage whether it works: None when it does, else a reason without secrets or values."""
        ...
