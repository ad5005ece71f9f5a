"""Idempotency keys: the same key is recorded once, by whichever road, and a repetition gets the first event's id."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as db

from asset_events import AssetEvent, ErrorDetail
from asset_reporting.bridge_tables import IDEMPOTENCY_KEYS
from asset_reporting.upsert import upsert

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

RETENTION_S = 7 * 24 * 3600
"""How long a key is remembered unless told otherwise: as long as Kafka keeps records by default
(`log.retention.hours=168`)."""

_ASKED_AT_ONCE = 5000
"""Keys in one question: SQLite allows 32,766 parameters."""

_OURS = {"kafka/record", "kafka/first_failure", "dagster/reporting_user"}
# An arrival's own time differs between two sends of one event; where it came from does too.
_NOT_COMPARED = {"event_time", "idempotency_key"}

REUSED = ErrorDetail(
    "/idempotency_key", "idempotency_key.reused", "This idempotency key was used for another event; choose a new one."
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What is known of a key: the event it stands for, by content, and by storage id once that is known."""

    fingerprint: str
    event_id: int | None


def fingerprint(event: AssetEvent) -> str:
    """A digest of what the sender said, the same by both roads and in every later version.

    What is as it is by default is left out, so that a new field does not change the digest of an event without it.
    """
    fields = type(event).model_fields.items()
    unsaid = {name for name, field in fields if getattr(event, name) == field.get_default(call_default_factory=True)}
    content = event.model_dump(mode="json", exclude=(_NOT_COMPARED | unsaid) - {"event_type"})
    content["metadata"] = _senders(content.get("metadata", {}))
    if tags := _senders(content.pop("tags", {})):
        content["tags"] = tags
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _senders(named: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in named.items() if name not in _OURS}


def known(connection: Connection, keys: Sequence[str], retention_s: float) -> dict[str, Claim]:
    """What the keys stand for already; ask with the writers' lock held, so that the answer stays true."""
    table, claims = IDEMPOTENCY_KEYS, dict[str, Claim]()
    fresh = table.c.recorded_at > int(time.time() - retention_s)
    for begin in range(0, len(keys), _ASKED_AT_ONCE):
        asked = table.c.key.in_(keys[begin : begin + _ASKED_AT_ONCE])
        found = connection.execute(table.select().where(asked, fresh))
        claims |= {row.key: Claim(row.fingerprint, row.event_id) for row in found}
    return claims


def remember(connection: Connection, claims: Mapping[str, Claim], retention_s: float) -> None:
    """Write down what new keys stand for, and forget some that have outlived the retention."""
    if not claims:
        return
    table, now = IDEMPOTENCY_KEYS, int(time.time())
    # Twice as many as come in, so that in the end none is left; not all, which after a quiet week-end might keep every
    # writer waiting.
    expired = db.select(table.c.key).where(table.c.recorded_at <= int(now - retention_s)).order_by(table.c.recorded_at)
    connection.execute(table.delete().where(table.c.key.in_(expired.limit(2 * len(claims)).scalar_subquery())))
    rows = [
        {"key": key, "event_id": claim.event_id, "fingerprint": claim.fingerprint, "recorded_at": now}
        for key, claim in claims.items()
    ]
    # A key that has expired may be there still: it is claimed anew.
    connection.execute(upsert(connection, table, ["key"], ["event_id", "fingerprint", "recorded_at"]), rows)
