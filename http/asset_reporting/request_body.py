"""Read the body of a request in pieces: never more than the limit, and not for ever from a client that is slow."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from asset_events import ErrorDetail, InvalidEventError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.requests import Request

    from asset_reporting.body_room import Share

BODY_IDLE_S = 30.0
"""Seconds of silence in the middle of a body after which the client counts as gone: machines vanish without a word."""


GRACE_S, LEAST_BYTES_PER_S = 20.0, 500
"""Seconds that a client may keep us waiting for its body, and how many bytes buy another one: what drips without ever
falling silent ends too. Apache's defaults (RequestReadTimeout body=20,MinRate=500); pauses of ours count not."""

MOST_SAVED_S = 30.0
"""Most of these seconds that are kept: else a mebibyte sent at once would buy half an hour of its place in memory."""


async def read_pieces(request: Request, max_bytes: int, *, idle_s: float = BODY_IDLE_S) -> AsyncGenerator[bytes]:
    """Yield the body as it arrives; close it when done with it.

    Raises:
        InvalidEventError: `event.too_large`, before more than the limit is read.
        ClientDisconnect: The client went away, or silent, before its body had arrived.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > max_bytes:
        raise _too_large(max_bytes)
    size, left_s = 0, GRACE_S
    async with aclosing(request.stream()) as pieces:
        while True:
            began = time.monotonic()
            if (piece := await _next(pieces, min(idle_s, max(0.0, left_s)))) is None:
                return
            left_s = min(MOST_SAVED_S, left_s - (time.monotonic() - began) + len(piece) / LEAST_BYTES_PER_S)
            size += len(piece)
            if size > max_bytes:
                raise _too_large(max_bytes)
            yield piece


async def read_body(request: Request, max_bytes: int, share: Share) -> bytes:
    """Return the whole body, and hold it in that share; raises what `read_pieces` and `Share.take` raise."""
    whole: list[bytes] = []
    async with aclosing(read_pieces(request, max_bytes)) as pieces:
        async for piece in pieces:
            share.take(len(piece))
            whole.append(piece)
    return b"".join(whole)


async def _next(pieces: AsyncGenerator[bytes], idle_s: float) -> bytes | None:
    try:
        async with asyncio.timeout(idle_s):
            return await anext(pieces, None)
    except TimeoutError:
        raise ClientDisconnect from None


def _too_large(max_bytes: int) -> InvalidEventError:
    message = f"The request body is larger than {max_bytes} bytes."
    return InvalidEventError([ErrorDetail("", "event.too_large", message)])
