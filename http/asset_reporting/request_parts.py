"""Take an HTTP request apart into what the contract parses: path, query and body, all of them checked to be text."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote_to_bytes

from asset_events import ErrorDetail, InvalidEventError, check_media_type, parse_parts

if TYPE_CHECKING:
    from starlette.requests import Request

    from asset_events import AssetEvent, EventType, UnknownFields


async def read_event(
    event_type: EventType, request: Request, *, max_body_bytes: int, unknown_fields: UnknownFields
) -> AssetEvent:
    """Read and parse one event.

    Raises:
        InvalidEventError: The request is not a valid event of this type, or is too large.
        ClientDisconnect: The client went away before its body had arrived.
    """
    body = await _body(request, max_body_bytes)
    return parse_parts(
        event_type,
        path=_asset_key_path(request),
        query=_query(request),
        body=body,
        unknown_fields=unknown_fields,
        max_bytes=max_body_bytes,
    )


async def _body(request: Request, max_bytes: int) -> bytes:
    """Read the body, never more than the limit; with an empty one, headers about it say nothing."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    async with aclosing(request.stream()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > max_bytes:
                raise _too_large(max_bytes)
    if body:
        check_media_type(request.headers.get("content-type"), request.headers.get("content-encoding"))
    return bytes(body)


def _too_large(max_bytes: int) -> InvalidEventError:
    return _invalid("event.too_large", f"The request body is larger than {max_bytes} bytes.")


def _query(request: Request) -> list[tuple[str, str]]:
    """Decode strictly: Starlette replaces bytes that are not UTF-8 by a mark, and so would change the event."""
    try:
        text = bytes(request.scope["query_string"]).decode("utf-8")
        return parse_qsl(text, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise _invalid("encoding.unsupported", "The query string is not UTF-8.") from None


def _asset_key_path(request: Request) -> str:
    """Return the path behind the endpoint's name, empty where there is none.

    A route's `$` also matches before a final line break, which would be cut off the key without a word.
    """
    if "\n" in request.scope["path"]:
        raise _invalid("schema.invalid", "The asset key in the URL path contains a line break.", "/asset_key")
    try:
        unquote_to_bytes(request.scope.get("raw_path") or b"").decode("utf-8")
    except UnicodeDecodeError:
        raise _invalid("encoding.unsupported", "The URL path is not UTF-8.", "/asset_key") from None
    return str(request.path_params.get("asset_key", ""))


def _invalid(code: str, message: str, path: str = "") -> InvalidEventError:
    return InvalidEventError([ErrorDetail(path, code, message)])
