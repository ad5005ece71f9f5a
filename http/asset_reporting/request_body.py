"""Read the body of a request in pieces: never more than the limit, and not for ever from a client gone silent."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from asset_events import ErrorDetail, InvalidEventError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.requests import Request

BODY_IDLE_S = 30.0
"""Seconds of silence in the middle of a body after which the client counts as gone: machines vanish without a word."""


async def read_pieces(request: Request, max_bytes: int, *, idle_s: float = BODY_IDLE_S) -> AsyncGenerator[bytes]:
    """Yield the body as it arrives; close it when done with it.

    Raises:
        InvalidEventError: `event.too_large`, before more than the limit is read.
        ClientDisconnect: The client went away, or silent, before its body had arrived.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > max_bytes:
        raise _too_large(max_bytes)
    size = 0
    async with aclosing(request.stream()) as pieces:
        while (piece := await _next(pieces, idle_s)) is not None:
            size += len(piece)
            if size > max_bytes:
                raise _too_large(max_bytes)
            yield piece


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Return the whole body; raises what `read_pieces` raises."""
    async with aclosing(read_pieces(request, max_bytes)) as pieces:
        return b"".join([piece async for piece in pieces])


async def _next(pieces: AsyncGenerator[bytes], idle_s: float) -> bytes | None:
    try:
        async with asyncio.timeout(idle_s):
            return await anext(pieces, None)
    except TimeoutError:
        raise ClientDisconnect from None


def _too_large(max_bytes: int) -> InvalidEventError:
    message = f"The request body is larger than {max_bytes} bytes."
    return InvalidEventError([ErrorDetail("", "event.too_large", message)])
