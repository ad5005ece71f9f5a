"""Operators' pauses: which topics a consumer group leaves alone, since when, by whom and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

import sqlalchemy as db

from asset_reporting.bridge_tables import PAUSES
from asset_reporting.upsert import upsert

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

LONGEST_REASON, LONGEST_NAME = 200, 100
"""Characters that `reason` and `by` may have: both are shown in the readiness document and in logs."""


class PauseError(Exception):
    """Raised when a pause is refused, or cannot be kept; says so to an operator."""


class PauseTextError(PauseError):
    """Raised when a reason or a name is empty, too long, or not printable."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a topic is paused, by whom, and since when (epoch seconds)."""

    reason: str
    by: str
    since: int

    def as_dict(self) -> dict[str, str]:
        """The JSON form, with the time in RFC 3339."""
        since = datetime.fromtimestamp(self.since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"reason": self.reason, "by": self.by, "since": since}


Pauses: TypeAlias = Mapping[str, Pause]
"""Pauses of one consumer group, by topic."""


def checked(pause: Pause) -> Pause:
    """The pause as it may be kept, without blanks around its texts.

    Raises:
        PauseTextError: A text is empty, too long, or not printable on one line.
    """
    texts = {"reason": (pause.reason.strip(), LONGEST_REASON), "by": (pause.by.strip(), LONGEST_NAME)}
    for name, (text, longest) in texts.items():
        if not text or len(text) > longest or not text.isprintable():
            raise PauseTextError(f"{name}: must be 1 to {longest} printable characters")
    return Pause(texts["reason"][0], texts["by"][0], pause.since)


def read(connection: Connection, group_id: str) -> dict[str, Pause]:
    """Every pause of a group; empty where nobody has ever paused anything, and the table is not there."""
    if not db.inspect(connection).has_table(PAUSES.name):
        return {}
    table = PAUSES
    rows = db.select(table.c.topic, table.c.reason, table.c.paused_by, table.c.since).where(
        table.c.group_id == group_id
    )
    return {topic: Pause(reason, by, since) for topic, reason, by, since in connection.execute(rows)}


def write(connection: Connection, group_id: str, topics: Collection[str], pause: Pause) -> None:
    """Pause topics. One that is paused already stays so since then, for the new reason; the table must be there."""
    rows = [
        {"group_id": group_id, "topic": topic, "reason": pause.reason, "paused_by": pause.by, "since": pause.since}
        for topic in sorted(topics)
    ]
    if rows:
        connection.execute(upsert(connection, PAUSES, PAUSES.primary_key.columns.keys(), ["reason", "paused_by"]), rows)


def delete(connection: Connection, group_id: str, topics: Collection[str]) -> None:
    """End pauses; the table must be there."""
    table = PAUSES
    connection.execute(db.delete(table).where(table.c.group_id == group_id, table.c.topic.in_(sorted(topics))))
