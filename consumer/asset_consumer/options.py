"""What a consumer is told: plain values, so that the loop depends on no settings library."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from asset_events import MAX_EVENT_BYTES, LineageRules
from asset_reporting.scopes import Scopes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asset_events import EventType, UnknownFields

StartPolicy: TypeAlias = Literal["earliest", "latest", "error"]


@dataclass(frozen=True, slots=True)
class ConsumerOptions:
    """How one consumer of a group reads and judges records.

    `topics` maps each input topic to the event type it is bound to, or None; `dead_letter_topics` maps it to where its
    rejected records go. `run_event_topics` are those of OpenLineage, read by the rules of `lineage`. `scopes` says what
    a topic may report; one that it does not name may report everything. `start` is where a group without an offset
    begins; `out_of_range` is what to do when its offset lies outside the log. `schema_registry` tells whether there is
    one to read framed values by.
    """

    topics: Mapping[str, EventType | None]
    dead_letter_topics: Mapping[str, str]
    group_id: str = "asset-bridge"
    batch_max_records: int = 1000
    start: StartPolicy = "earliest"
    out_of_range: StartPolicy = "error"
    unknown_fields: UnknownFields = "reject"
    max_event_bytes: int = MAX_EVENT_BYTES
    provenance: bool = True
    event_time_from_record: bool = False
    schema_registry: bool = False
    run_event_topics: frozenset[str] = frozenset()
    scopes: Mapping[str, Scopes] = field(default_factory=dict[str, Scopes])
    lineage: LineageRules = field(default_factory=LineageRules)
