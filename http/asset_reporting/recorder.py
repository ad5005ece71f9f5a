"""The recorder interface: how a batch of events gets into a Dagster event log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from asset_events import AssetEvent
from asset_reporting.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class GroupId:
    """Whose offsets: a consumer group of one Kafka cluster."""

    cluster_id: str
    group_id: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a consumer group has come in one Kafka partition once a batch is recorded.

    A transactional recorder moves its ledger from `start_offset` to `next_offset` together with the events.
    """

    group: GroupId
    topic: str
    partition: int
    start_offset: int
    next_offset: int


Positions: TypeAlias = Mapping[tuple[str, int], int]
"""The next offset to consume, by topic and Kafka partition."""


class Recorder(Protocol):
    """Records batches; safe to call from several threads, blocking, so never on an event loop."""

    @property
    def name(self) -> str:
        """Shown in the log and in `/readyz`: `public` or `transactional`."""
        ...

    @property
    def guarantee(self) -> str:
        """What a crash at the worst moment leaves behind: `at-least-once` or `exactly-once`."""
        ...

    @property
    def shortcoming(self) -> str | None:
        """Why a better recorder is not in use; None for the best there is."""
        ...

    @property
    def batch_events(self) -> int:
        """How many events to hand over at a time, at most; it may change from one batch to the next."""
        ...

    def record(self, events: Sequence[AssetEvent], progress: Sequence[Progress] = ()) -> list[Outcome]:
        """Record events in order; one outcome per event, in the same order. Does not raise.

        Once one outcome is `Unavailable`, all later ones are too: an outage never reorders events.
        """
        ...

    def move(self, progress: Sequence[Progress]) -> Outcome | None:
        """Move the ledger alone, when a batch leaves nothing to record; None when done, else what is in the way."""
        ...

    def positions(self, group: GroupId) -> Positions:
        """Where the ledger stands, empty without a ledger; raises what the storage raises."""
        ...

    def place(self, group: GroupId, offsets: Positions, stood: Positions) -> bool:
        """Let the ledger follow a first use or an operator's reset, if it stands where it `stood`; else False.

        Raises what the storage raises.
        """
        ...

    def probe(self) -> str | None:
        """Ask the storage whether it works: None when it does, else a reason without secrets or values."""
        ...
