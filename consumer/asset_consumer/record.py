"""One consumed Kafka record as a value: what every later step and the dead letter work from."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Message
    from confluent_kafka._types import HeadersType

TimestampType: TypeAlias = Literal["CreateTime", "LogAppendTime", "NoTimestampType"]
Headers: TypeAlias = tuple[tuple[str, bytes | None], ...]

UNREADABLE_HEADER_NAME = "\N{REPLACEMENT CHARACTER}"
"""Stands for a header name that is not UTF-8; the client library does not hand such names over."""

_TIMESTAMP_TYPES: dict[int, TimestampType] = {
    TIMESTAMP_CREATE_TIME: "CreateTime",
    TIMESTAMP_LOG_APPEND_TIME: "LogAppendTime",
}

# confluent-kafka 2.16 decodes header names as UTF-8 and does not look whether that worked. It then returns a list in
# which a tuple has an empty slot for the name, with an exception pending; reading that slot ends the process with
# SIGSEGV. Called as `message.headers()`, CPython's specialised call does not look either, and the exception comes out
# of some later line. A call from C, as this one, always looks, and raises SystemError before the list is touched.
_HEADERS_OF: Callable[[Message], HeadersType | None] = methodcaller("headers")


@dataclass(frozen=True, slots=True)
class Record:
    """A Kafka record, byte for byte: null is not empty, headers keep their order, duplicates and null values.

    `timestamp_ms` is in epoch milliseconds, None for a record without one.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp_ms: int | None = None
    timestamp_type: TimestampType = "NoTimestampType"

    @property
    def identity(self) -> str:
        """`topic/partition/offset`: what the record is called in metadata, dead letters and log lines."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @classmethod
    def from_message(cls, message: Message) -> Record:
        """Take a message that carries no error out of the client's hands.

        A header name that is not UTF-8 becomes `UNREADABLE_HEADER_NAME`, its value stays; a header name ends at its
        first NUL. Both are limits of the client library, the first is not met with Java's producers.

        Raises:
            ValueError: The message reports an error, so it is no record.
        """
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        if message.error() is not None or topic is None or partition is None or offset is None:
            raise ValueError("this message is an error report of the client, not a record")
        kind, timestamp_ms = message.timestamp()
        timestamp_type = _TIMESTAMP_TYPES.get(kind, "NoTimestampType")
        return cls(
            topic=topic,
            partition=partition,
            offset=offset,
            key=message.key(),
            value=message.value(),
            headers=_headers(message),
            timestamp_ms=None if timestamp_type == "NoTimestampType" else timestamp_ms,
            timestamp_type=timestamp_type,
        )


def _headers(message: Message) -> Headers:
    try:
        pairs = _HEADERS_OF(message) or []
    except SystemError:
        # The garbage collector's view of a tuple leaves empty slots out, so it gives what is there, safely.
        return tuple(_readable(gc.get_referents(pair)) for pair in message.headers() or [])
    return tuple((name, _as_bytes(value)) for name, value in (pairs.items() if isinstance(pairs, dict) else pairs))


def _readable(items: list[Any]) -> tuple[str, bytes | None]:
    """Name and value out of what a header tuple holds: the name is a string or missing, the value bytes or None."""
    name = next((item for item in items if isinstance(item, str)), UNREADABLE_HEADER_NAME)
    value = next((item for item in items if isinstance(item, bytes)), None)
    return name, value


def _as_bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
