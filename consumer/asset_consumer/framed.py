"""Which values are framed for a schema registry, and what stands in the way of reading one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from asset_consumer.record import Record

SCHEMA_ID_HEADER = "__value_schema_id"
"""Where newer producers put the schema's id, which then does not stand before the value."""


class RegistryUnavailableError(Exception):
    """Raised when the registry gives no usable answer: no record is to blame, and asking again later may succeed."""


class FrameReader(Protocol):
    """Reads framed values; it may wait for a registry, so the thread that polls Kafka must not call it."""

    def unframe(self, record: Record) -> Record:
        """Return the record with its event as JSON text in place of the framed value.

        Raises:
            InvalidEventError: Reading the same value again cannot succeed.
            RegistryUnavailableError: Nothing can be said about the value now.
        """
        ...


def is_framed(record: Record) -> bool:
    """Whether the value needs a schema to be read: Confluent's wire format, the id before the value or in a header."""
    if record.value is None:
        return False
    in_header = next((content for name, content in record.headers if name == SCHEMA_ID_HEADER), None)
    return record.value.startswith(b"\0") or in_header is not None
