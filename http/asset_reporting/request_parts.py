"""Take an HTTP request apart into what the contract parses: path, query and body, all of them checked to be text."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote_to_bytes

from asset_events import ErrorDetail, InvalidEventError, check_media_type, cloud_event_mode, parse_parts
from asset_events.cloud_event_headers import BATCHED
from asset_events.media_type import is_media_type
from asset_reporting import tracing
from asset_reporting.request_body import read_body

if TYPE_CHECKING:
    from starlette.requests import Request

    from asset_events import AssetEvent, CloudEventMode, EventType, UnknownFields
    from asset_reporting.body_room import Share


DRY_RUN = "dry_run"
"""The query's parameter that asks what would happen; no field of an event."""


async def read_event(
    event_type: EventType | None, request: Request, share: Share, *, max_body_bytes: int, unknown_fields: UnknownFields
) -> AssetEvent:
    """Read and parse one event; `event_type` is what the endpoint stands for, None where the event must say it.

    Its body is held in `share`.

    Raises:
        InvalidEventError: The request is not a valid event of this type, or is too large.
        ClientDisconnect: The client went away before its body had arrived.
        TooManyBodiesError: It cannot be held now.
    """
    body = await read_body(request, max_body_bytes, share)
    if body:  # with an empty one, headers about it say nothing
        check_media_type(request.headers.get("content-type"), request.headers.get("content-encoding"))
    with tracing.stage(tracing.VALIDATE):
        return parse_parts(
            event_type,
            path=_asset_key_path(request),
            query=fields_of_query(request),
            body=body,
            idempotency_key=idempotency_key(request),
            cloud_event=cloud_event(request),
            unknown_fields=unknown_fields,
            max_bytes=max_body_bytes,
        )


def cloud_event(request: Request) -> CloudEventMode | None:
    """Tell how the request carries a CloudEvent; raises what `cloud_event_mode` raises."""
    headers = ((name.decode("latin-1"), value) for name, value in request.headers.raw)
    return cloud_event_mode(request.headers.get("content-type"), headers, "ce-")


def is_cloud_event_batch(request: Request) -> bool:
    """Whether the request declares an array of CloudEvents."""
    return is_media_type(request.headers.get("content-type"), BATCHED)


def idempotency_key(request: Request) -> bytes | None:
    """Return what the header `Idempotency-Key` says, byte for byte; of several, the last."""
    values = [value for name, value in request.headers.raw if name.lower() == b"idempotency-key"]
    return values[-1] if values else None


def fields_of_query(request: Request) -> list[tuple[str, str]]:
    """Return the event's fields among the query's parameters.

    Raises:
        InvalidEventError: `encoding.unsupported`.
    """
    return [(name, value) for name, value in _query(request) if name != DRY_RUN]


def is_dry_run(request: Request) -> bool:
    """Whether the query asks what would happen; of a parameter given twice, the last counts.

    Raises:
        InvalidEventError: It says neither `true` nor `false`.
    """
    asked = [value.lower() for name, value in _query(request) if name == DRY_RUN] or ["false"]
    if asked[-1] not in ("true", "false"):
        raise _invalid("schema.invalid", f"{DRY_RUN} must be true or false", f"/{DRY_RUN}")
    return asked[-1] == "true"


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
