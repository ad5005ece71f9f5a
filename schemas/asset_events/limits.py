"""Every number of the contract, each with its reason.

"Bytes" are bytes of UTF-8. Most numbers keep an event inside what PostgreSQL, as Dagster uses it, can hold: SQLite
holds nearly anything, so without these limits an event that passes on a laptop would fail in production.
"""

from __future__ import annotations

from typing import Final

MAX_EVENT_BYTES: Final = 1024 * 1024
"""Largest event, as sent. Kafka's own default for the largest record (`message.max.bytes`) is about the same."""

MAX_ASSET_KEY_CHARS: Final = 512
"""Longest asset key written as Dagster writes it, ASCII JSON: its columns are varchar(512)."""

MAX_PARTITION_BYTES: Final = 512
"""Longest partition. An index row of PostgreSQL holds 2704 bytes, and the asset key and check name share it."""

MAX_CHECK_NAME_CHARS: Final = 255
"""Longest check name: at most 1020 bytes, in one index row with asset key and partition."""

MAX_DATA_VERSION_BYTES: Final = 1024
"""Longest data version: it is an indexed tag, in one index row (2704 bytes) with the asset key."""

MAX_DESCRIPTION_BYTES: Final = 16 * 1024
"""Longest description: a long page of text. The UI shows it whole."""

MAX_IDEMPOTENCY_KEY_CHARS: Final = 255
"""Longest idempotency key: room for a digest, a UUID or topic, partition and offset."""

MAX_METADATA_ENTRIES: Final = 100
"""Most metadata entries: the UI shows one row for each."""

MAX_METADATA_BYTES: Final = 256 * 1024
"""Largest metadata, written as compact JSON. Dagster loads it whole for every event that a page lists."""

MAX_METADATA_DEPTH: Final = 64
"""Deepest nesting; the metadata object itself is level 1. Dagster's recursive serialiser fails beyond 472."""

MAX_INTEGER: Final = 2**64 - 1
"""Largest integer, either sign: what the 64-bit types of producers hold, signed or not."""

MAX_TAGS: Final = 50
"""Most tags of one event."""

MAX_CODE_VERSION_CHARS: Final = 255
"""Longest value of the tag `dagster/code_version`, to which Dagster's tag rules do not apply."""

MAX_TIME_S: Final = 32_503_680_000
"""First refused time, in epoch seconds: the year 3000. Today's milliseconds lie far beyond it."""

MAX_RUN_EVENT_ASSET_EVENTS: Final = 1000
"""Most asset events made of one OpenLineage run event: they are recorded in one transaction."""

MAX_ERRORS: Final = 20
"""Most errors told about one event: enough to repair it, small enough for a record header."""
