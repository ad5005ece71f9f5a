"""Dead letters as JSON, for scripts and for the console."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from asset_consumer.exact_json import read_exactly

if TYPE_CHECKING:
    from datetime import datetime

    from asset_consumer.letters import Letter


def summary(letter: Letter) -> dict[str, Any]:
    """What a list says of a letter: everything but its value and its headers."""
    fate = letter.fate
    return {
        "place": letter.place,
        "id": letter.id,
        "state": letter.state,
        "topic": letter.record.topic,
        "partition": letter.record.partition,
        "offset": letter.record.offset,
        "code": letter.code,
        "stage": letter.stage,
        "errors": [error.as_dict() for error in letter.errors],
        "failed_at": iso(letter.failed_at),
        "written_at": iso(letter.written_at),
        "asset": letter.asset,
        "key": letter.key,
        "attempts": int_or_none(letter.facts.get("attempts")),
        "replays": letter.replays,
        "group": letter.facts.get("group"),
        "app": letter.facts.get("app"),
        "fate": None if fate is None else {"at": fate.at, "by": fate.by, "patched": fate.patched},
    }


def whole(letter: Letter) -> dict[str, Any]:
    """The letter with its record: `{"text"}` or `{"base64"}` for bytes, null for none; `{"json"}` for a JSON value."""
    record = letter.record
    return {
        **summary(letter),
        "timestamp": record.timestamp_ms,
        "timestamp_type": record.timestamp_type,
        "key": content(record.key),
        "headers": [[name, content(value)] for name, value in record.headers],
        "value": json_content(record.value),
    }


def content(given: bytes | None) -> dict[str, Any] | None:
    """Bytes for JSON, without loss."""
    if given is None:
        return None
    try:
        return {"text": given.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(given).decode()}


def json_content(value: bytes | None) -> dict[str, Any] | None:
    """A value for JSON: read, where it is JSON itself and loses nothing by it."""
    try:
        return {"json": read_exactly(value or b"")}
    except (ValueError, RecursionError):
        return content(value)


def iso(at: datetime | None) -> str | None:
    """A time as RFC 3339 in UTC."""
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def int_or_none(text: str | None) -> int | None:
    """A number that anybody may have written."""
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 10 else None  # noqa: PLR2004 # nobody tried a thousand million times
