"""Forms as browsers post them, read within bounds; a library would be needed for files only."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from asset_events import InvalidEventError
from asset_reporting.request_body import read_pieces

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_FIELDS = 2_000
"""More than a preview of many letters ever sends."""


class Form:
    """The fields of one form, in their order."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields = fields

    def one(self, name: str) -> str:
        """The last value of a field, empty without one."""
        return next((value for key, value in reversed(self._fields) if key == name), "")

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [value for key, value in self._fields if key == name]


async def read_form(request: Request, max_bytes: int) -> Form:
    """Read a form of at most `max_bytes`, and not for ever.

    Raises:
        HTTPException: It is larger, no form, or did not arrive in time.
    """
    body = bytearray()
    try:
        async with aclosing(read_pieces(request, max_bytes)) as pieces:
            async for piece in pieces:
                body += piece
    except InvalidEventError:
        raise HTTPException(413, "This form is too large.") from None
    except ClientDisconnect:
        raise HTTPException(408, "This form did not arrive in time.") from None
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise HTTPException(400, "This is no form.") from None
    return Form(fields)
