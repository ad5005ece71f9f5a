"""A record that comes back from a dead-letter topic is recorded once, however often it is sent again.

Whoever sends it again cannot always know whether it was sent before: the acknowledgement may be lost, or the process
gone before it wrote down what it did. Its first failure's place tells the record apart from every other.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from asset_consumer.dead_letter_headers import PREFIX, first_failure

if TYPE_CHECKING:
    from asset_consumer.lane import Item
    from asset_consumer.record import Record
    from asset_events import AssetEvent


def once(log: str, item: Item) -> tuple[AssetEvent, ...]:
    """The events of a record; those of one that was sent again get an idempotency key, where they have none.

    `log` is that which it was read from: a topic made anew gives the same places to other records. The value counts
    too: what was corrected since is another event.
    """
    place = first_failure(item.record.headers)
    if place is None:
        return item.events
    key = _key(log, place, item.record)
    return tuple(
        event if event.idempotency_key else event.model_copy(update={"idempotency_key": f"{key}/{index}"})
        for index, event in enumerate(item.events)
    )


def _key(log: str, place: str, record: Record) -> str:
    digest = hashlib.sha256(f"{log} {place} ".encode() + (record.value or b"")).hexdigest()
    return f"{PREFIX}{digest}"
