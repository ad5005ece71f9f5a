"""The dead-letter record: everything the failed record was, and why it failed; and the way back. Pure functions.

Format: `docs/dead-letters.md`. Key, value and headers are kept byte for byte; `restore` gives them back.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast

from asset_consumer.dead_letter_headers import (
    CONNECT_FIELDS,
    CONNECT_PREFIX,
    FORMAT_VERSION,
    SMALLEST,
    connect_block,
    find_block,
    find_mark,
    own_headers,
    parse_id,
    redrive_mark,
)
from asset_consumer.record import Headers, Record, TimestampType

if TYPE_CHECKING:
    from asset_events import ErrorDetail
    from asset_events.errors import Stage

MAX_ERRORS: Final = 20
MAX_ERRORS_BYTES: Final = 4096
MAX_TEXT_BYTES: Final = 512
"""Bounds of the headers, so that a letter is at most 64 KiB larger than its record, with much to spare."""

SHRINK_STEPS: Final = 2
"""How often a letter can be made smaller."""


class NotADeadLetterError(ValueError):
    """Raised when a record does not carry the headers of a dead letter, so that nothing can be restored from it."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a record is dead-lettered: the stage that refused it, at least one error, and the tries it took."""

    stage: Stage
    errors: tuple[ErrorDetail, ...]
    attempts: int

    @property
    def code(self) -> str:
        """What the letter is filed under: the first error's code."""
        return self.errors[0].code


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What is written to the dead-letter topic."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def dead_letter(  # noqa: PLR0913 - two values, and one keyword for each thing that only the caller knows
    record: Record,
    reason: Reason,
    *,
    group: str,
    app: str,
    failed_at: datetime,
    connect_headers: bool = True,
) -> DeadLetter:
    """Build the dead letter of a record.

    A redriven record keeps its id and its count of replays; so does a dead letter that was copied back as it is,
    whose whole earlier block is replaced. `connect_headers` adds Kafka Connect's headers, unless the record has some.

    Args:
        record: The record that failed.
        reason: Why.
        group: The consumer group it failed in.
        app: Who writes this, `name/version`.
        failed_at: When; must know its time zone.
        connect_headers: Whether to add the `__connect.errors.*` headers.
    """
    headers, dead_letter_id, replays = _origin(record)
    facts = {
        "version": FORMAT_VERSION,
        "id": dead_letter_id,
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        **({} if record.timestamp_ms is None else {"timestamp": str(record.timestamp_ms)}),
        "timestamp_type": record.timestamp_type,
        "group": group,
        "stage": reason.stage,
        "code": reason.code,
        "errors": _errors_json(reason.errors),
        "attempts": str(reason.attempts),
        "failed_at": failed_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "app": app,
        "replays": str(replays),
    }
    foreign = any(name.startswith(CONNECT_PREFIX) for name, _ in headers)
    block = own_headers(facts) + (_connect(record, reason) if connect_headers and not foreign else ())
    return DeadLetter(record.key, record.value, headers + block)


def shrink(letter: DeadLetter, step: int) -> DeadLetter:
    """Make a letter that was refused for its size smaller; never its key, its value or the sender's headers.

    Step 1 drops the errors and Connect's headers; step 2 all but version, id, code, attempts and replays.
    """
    block = find_block(letter.headers)
    if block is None:
        raise NotADeadLetterError("only a dead letter can be made smaller")
    headers = block.kept(lambda field: field != "errors" if step == 1 else field in SMALLEST)
    return replace(letter, headers=headers)


def restore(key: bytes | None, value: bytes | None, headers: Headers) -> Record:
    """Give back the record that a dead letter was made of: its key, value, headers, place and time.

    A letter that was shrunk to the utmost knows its place of first failure only, and no time.

    Raises:
        NotADeadLetterError: These headers are not a dead letter's.
    """
    block = find_block(headers)
    if block is None:
        raise NotADeadLetterError("the record does not carry the headers of a dead letter")
    facts = block.facts
    topic, partition, offset = parse_id(facts["id"])
    replays = int(facts["replays"])
    timestamp = facts.get("timestamp")
    return Record(
        topic=facts.get("topic", topic),
        partition=int(facts.get("partition", partition)),
        offset=int(facts.get("offset", offset)),
        key=key,
        value=value,
        headers=block.others + (redrive_mark(facts["id"], replays) if replays else ()),
        timestamp_ms=None if timestamp is None else int(timestamp),
        timestamp_type=cast("TimestampType", facts.get("timestamp_type", "NoTimestampType")),
    )


def _origin(record: Record) -> tuple[Headers, str, int]:
    """The headers to keep, where the record failed first, and how often it was redriven since."""
    mark = find_mark(record.headers)
    if mark is not None:
        return record.headers[:-2], *mark
    block = find_block(record.headers)
    if block is not None:
        return block.others, block.facts["id"], int(block.facts["replays"])
    return record.headers, record.identity, 0


def _connect(record: Record, reason: Reason) -> Headers:
    texts = (
        record.topic,
        str(record.partition),
        str(record.offset),
        reason.stage,
        clean(reason.code),
        clean(reason.errors[0].message),
    )
    return connect_block(dict(zip(CONNECT_FIELDS, texts, strict=True)))


def _errors_json(errors: tuple[ErrorDetail, ...]) -> str:
    """As many of the errors as fit, as JSON."""
    entries = [{name: clean(text) for name, text in error.as_dict().items()} for error in errors[:MAX_ERRORS]]
    text = json.dumps(entries, ensure_ascii=False)
    while len(text.encode()) > MAX_ERRORS_BYTES:
        entries.pop()
        text = json.dumps(entries, ensure_ascii=False)
    return text


def clean(text: str) -> str:
    """Text fit for a header: no control characters, at most 512 bytes of UTF-8, cut between characters."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable.encode("utf-8", "replace")[:MAX_TEXT_BYTES].decode("utf-8", "ignore")
