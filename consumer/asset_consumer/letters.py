"""A dead letter as people work with it: where it lies, its record, why that failed, and what became of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from asset_consumer.dead_letter import NotADeadLetterError, restore
from asset_consumer.dead_letter_headers import find_block
from asset_events import ErrorDetail

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asset_consumer.record import Headers, Record
    from asset_reporting.letter_fates import Fate

LetterState: TypeAlias = Literal["open", "sending", "unsure", "replayed", "parked"]
"""What became of a letter. `sending`: somebody is at it. `unsure`: somebody was, and it may have been sent."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter at its place; `record` is what it was made of, `facts` are its own headers' texts."""

    topic: str
    partition: int
    offset: int
    written_ms: int
    headers: Headers
    record: Record
    facts: Mapping[str, str]
    fate: Fate | None = None

    @property
    def place(self) -> str:
        """`topic/partition/offset` of the letter itself, which no other has."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def fate_place(self) -> tuple[str, int, int, int]:
        """Where the table of fates has it."""
        return self.topic, self.partition, self.offset, self.written_ms

    @property
    def written_at(self) -> datetime | None:
        """When the letter was written."""
        return time_of(self.written_ms) if self.written_ms else None

    @property
    def id(self) -> str:
        """`topic/partition/offset` of the first failure, which stays the same when the record is sent again."""
        return self.facts["id"]

    @property
    def code(self) -> str:
        """What it is filed under."""
        return self.facts["code"]

    @property
    def stage(self) -> str:
        """How far the record came; empty for a letter that was too large to say."""
        return self.facts.get("stage", "")

    @property
    def replays(self) -> int:
        """How often the record was sent again before this failure."""
        return int(self.facts["replays"])

    @property
    def state(self) -> LetterState:
        """What became of it; `open` as long as nobody did anything."""
        if self.fate is None:
            return "open"
        return self.fate.state if self.fate.settled else "unsure"

    @property
    def failed_at(self) -> datetime | None:
        """When the record was given up; when the letter was written, where it does not say."""
        try:
            return datetime.fromisoformat(self.facts["failed_at"]).astimezone(UTC)
        except (KeyError, ValueError, OverflowError):
            return self.written_at

    @property
    def errors(self) -> tuple[ErrorDetail, ...]:
        """Why it failed, as far as the letter says; anybody may write to its topic, so any text is lived with."""
        found = _json(self.facts.get("errors", "").encode())
        entries = cast("list[object]", found) if isinstance(found, list) else []
        texts = ([str(_field(entry, field) or "") for field in ("path", "code", "message")] for entry in entries)
        return tuple(ErrorDetail(*text) for text in texts if text[1])

    @property
    def key(self) -> str | None:
        """The record's key, as text whatever it is."""
        return None if self.record.key is None else text_of(self.record.key)

    @property
    def asset(self) -> str | None:
        """Which asset the record seems to speak of, `a/b`; None where its value does not say."""
        value = _json(self.record.value or b"")
        for document in (value, _field(value, "data")):
            asset = _asset(_field(document, "asset_key"))
            if asset is not None:
                return asset
        subject = next((header for name, header in self.record.headers if name.lower() == "ce_subject"), None)
        return _asset(_field(value, "subject")) or (None if subject is None else text_of(subject))


def read_letter(record: Record) -> Letter:
    """Take what lies on a dead-letter topic for a letter.

    Raises:
        NotADeadLetterError: It carries no whole block of a dead letter's headers.
    """
    restored = restore(record.key, record.value, record.headers)
    block = find_block(record.headers)
    if block is None:
        raise NotADeadLetterError("the record does not carry the headers of a dead letter")
    return Letter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        written_ms=record.timestamp_ms or 0,
        headers=record.headers,
        record=restored,
        facts=block.facts,
    )


def time_of(timestamp_ms: int) -> datetime | None:
    """A record's timestamp as a time; None for one that no calendar has."""
    try:
        return datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def text_of(content: bytes) -> str:
    """Bytes as text, whatever they are."""
    return content.decode("utf-8", "backslashreplace")


def _json(content: bytes) -> object:
    """The value of a JSON document; None for whatever is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _field(document: object, name: str) -> object:
    return cast("dict[str, object]", document).get(name) if isinstance(document, dict) else None


def _asset(value: object) -> str | None:
    if isinstance(value, str):
        return value or None
    parts = cast("list[object]", value) if isinstance(value, list) else []
    return "/".join(map(str, parts)) or None
