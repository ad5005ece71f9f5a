"""Take a request of many events apart: a JSON array, or one JSON object per line (NDJSON), told by its first byte."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asset_events import ErrorDetail, InvalidEventError
from asset_events.decode import check_plain

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

MAX_BATCH_EVENTS = 10_000
"""Most events of one request: their results are kept until the request has arrived."""

_SPACE = re.compile(r"[ \t\r\n]*")
_BLANK = b" \t\r\n\xef\xbb\xbf"  # with the bytes of a byte order mark
# Only finds where each element ends, and makes nothing of numbers: what an element is worth, the contract says.
_ELEMENT = json.JSONDecoder(strict=False, parse_int=len, parse_float=len, parse_constant=len)


@dataclass(frozen=True, slots=True)
class EventBatch:
    """The bytes of each event, in order, as they arrive; `lines` tells NDJSON from an array."""

    lines: bool
    events: AsyncGenerator[bytes]


async def open_batch(pieces: AsyncGenerator[bytes], max_event_bytes: int) -> EventBatch:
    """Look at the beginning of a body; the rest is read with the events.

    An array is read whole before its first event, so that nothing is recorded of one that is broken or too long.
    Lines come as they are read, an over-long one cut just beyond the limit, so that it is refused for its length.

    Raises:
        InvalidEventError: There is nothing but white space, or it is compressed or not UTF-8. The events raise it too.
    """
    head = b""
    while not head:
        piece = await anext(pieces, None)
        if piece is None:
            raise _invalid("json.malformed", "The request has no events: send a JSON array, or one object per line.")
        head = piece.lstrip(_BLANK)
    check_plain(head)
    if head.startswith(b"["):
        return EventBatch(lines=False, events=_elements(head, pieces))
    return EventBatch(lines=True, events=_lines(head, pieces, max_event_bytes + 1))


def split_array(body: bytes) -> list[bytes]:
    """Return the bytes of each element of a JSON array; what they are worth by themselves is not judged.

    Raises:
        InvalidEventError: It is not one array, or has too many elements.
    """
    text = body.decode("latin-1")  # one character per byte: places in the text are places in the bytes
    elements: list[bytes] = []
    place = _skip_space(text, 1)
    more = not text.startswith("]", place)
    while more:
        end = _end_of_element(text, place)
        if end is None:
            raise _malformed(len(elements))
        elements.append(body[place:end])
        if len(elements) > MAX_BATCH_EVENTS:
            raise _too_many()
        place = _skip_space(text, end)
        more = text.startswith(",", place)
        place = _skip_space(text, place + 1) if more else place
    if not text.startswith("]", place) or _skip_space(text, place + 1) < len(text):
        raise _malformed(len(elements))
    return elements


async def _elements(head: bytes, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    body = b"".join([head, *[piece async for piece in pieces]])
    for element in await asyncio.to_thread(split_array, body):
        yield element


async def _lines(head: bytes, pieces: AsyncGenerator[bytes], limit: int) -> AsyncGenerator[bytes]:
    line, count = bytearray(), 0
    piece: bytes | None = head
    while piece is not None:
        first, *others = piece.split(b"\n")
        line += first[: limit - len(line)]
        for other in others:
            if line.strip():
                count = _counted(count)
                yield bytes(line)
            line = bytearray(other[:limit])
        piece = await anext(pieces, None)
    if line.strip():
        _counted(count)
        yield bytes(line)


def _counted(count: int) -> int:
    if count == MAX_BATCH_EVENTS:
        raise _too_many()
    return count + 1


def _end_of_element(text: str, place: int) -> int | None:
    try:
        return _ELEMENT.raw_decode(text, place)[1]
    except (ValueError, RecursionError):  # which would carry the whole body along
        return None


def _skip_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _malformed(whole: int) -> InvalidEventError:
    return _invalid("json.malformed", f"The request is not a valid JSON array, from its element {whole} on.")


def _too_many() -> InvalidEventError:
    return _invalid("event.too_large", f"The request has more than {MAX_BATCH_EVENTS} events.")


def _invalid(code: str, message: str) -> InvalidEventError:
    return InvalidEventError([ErrorDetail("", code, message)])
