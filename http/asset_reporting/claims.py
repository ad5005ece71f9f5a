"""Write a batch of which some events may be recorded already, under their idempotency keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asset_events import AssetEvent
from asset_reporting import idempotency
from asset_reporting.batch_rows import BatchRows
from asset_reporting.idempotency import Claim
from asset_reporting.outcomes import Again, Outcome, Recorded, Rejected

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

Write = Callable[[BatchRows], list[int]]


class KeyReusedError(Exception):
    """Raised when a key stands for another event already: roll back; `outcomes` says which, the rest go again."""

    def __init__(self, outcomes: list[Outcome]) -> None:
        """Take one outcome per event of the batch."""
        super().__init__("an idempotency key was used for another event")
        self.outcomes = outcomes


@dataclass(frozen=True, slots=True)
class Keys:
    """The idempotency keys of a batch, and what each stands for there, by the event's place; made before any lock."""

    keys: dict[int, str]
    prints: dict[int, str]

    @classmethod
    def of(cls, events: Sequence[AssetEvent]) -> Keys:
        """Digest the events that carry a key."""
        keys = {index: event.idempotency_key for index, event in enumerate(events) if event.idempotency_key}
        return cls(keys, {index: idempotency.fingerprint(events[index]) for index in keys})


def write_once(
    connection: Connection, batch: Keys, rows: BatchRows, write: Write, retention_s: float
) -> list[Recorded]:
    """Write the events that are new, and give repetitions the id of the first; in the order of the batch.

    Raises:
        KeyReusedError: One of the keys was used for another event.
    """
    if not batch.keys:
        return [Recorded(event_id) for event_id in write(rows)]
    keys, count = batch.keys, len(rows.entries)
    claims = idempotency.known(connection, sorted(set(keys.values())), retention_s)
    refused = _reused(batch, claims)
    if refused:
        # One of the batch stands in another's way only if it can be recorded itself, so the database is asked.
        write(rows.pick([index for index in range(count) if index not in refused]))
        raise KeyReusedError([refused.get(index, Again()) for index in range(count)])
    first = {key: index for index, key in reversed(keys.items()) if key not in claims}
    fresh = [index for index in range(count) if index not in keys or first.get(keys[index]) == index]
    ids = dict(zip(fresh, write(rows.pick(fresh)), strict=True))
    new = {key: Claim(batch.prints[index], ids[index]) for key, index in first.items()}
    idempotency.remember(connection, new, retention_s)
    claims |= new
    return [
        Recorded(ids[index]) if index in ids else Recorded(claims[keys[index]].event_id, replayed=True)
        for index in range(count)
    ]


def _reused(batch: Keys, claims: dict[str, Claim]) -> dict[int, Outcome]:
    """The events whose key stands for something else, in the database or earlier in the batch."""
    stands_for = {key: claim.fingerprint for key, claim in claims.items()}
    return {
        index: Rejected((idempotency.REUSED,))
        for index, key in batch.keys.items()
        if stands_for.setdefault(key, batch.prints[index]) != batch.prints[index]
    }
