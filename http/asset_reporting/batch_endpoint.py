"""`POST /report_asset_events`: many events in one request, and one result for each, in order."""

from __future__ import annotations

from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from asset_events import ErrorDetail, InvalidEventError, check_media_type, parse_event
from asset_reporting.answers import batch_answer, error_answer, event_result, unavailable_answer
from asset_reporting.batch_fates import BATCH_PATH, any_recorded, is_outage, report_all
from asset_reporting.dry_run import reporting_of, road_of
from asset_reporting.endpoints import report_one
from asset_reporting.event_batch import open_batch
from asset_reporting.permission import permitted
from asset_reporting.posts import Fate, answered, is_refused
from asset_reporting.request_body import read_pieces
from asset_reporting.request_parts import cloud_event, fields_of_query, idempotency_key, is_cloud_event_batch

if TYPE_CHECKING:
    from dagster._core.workspace.context import BaseWorkspaceRequestContext
    from starlette.requests import Request
    from starlette.responses import Response

    from asset_events import CloudEventMode

__all__ = ["BATCH_PATH", "handle_report_asset_events_request"]


async def handle_report_asset_events_request(context: BaseWorkspaceRequestContext, request: Request) -> Response:
    """Record the events of a JSON array, or of one JSON object per line; each says its own `event_type`.

    One CloudEvent is taken as well, and answered as the endpoints for one event do: its senders know a single address.
    """
    return await answered(road_of(request), BATCH_PATH, None, _report(context, request))


async def _report(context: BaseWorkspaceRequestContext, request: Request) -> Response:
    mode: CloudEventMode | None = "structured" if is_cloud_event_batch(request) else None
    if mode is None and cloud_event(request) is not None:
        return await report_one(BATCH_PATH, None, context, request)
    reporting = await reporting_of(request, context)
    parse = partial(
        parse_event, cloud_event=mode, unknown_fields=reporting.unknown_fields, max_bytes=reporting.max_body_bytes
    )
    _check_head(request)
    if reporting.batches.locked():
        return unavailable_answer("Too many requests of many events at a time; nothing of this one was recorded.")
    pieces = read_pieces(request, reporting.max_batch_bytes, idle_s=reporting.body_idle_s)
    async with reporting.batches, aclosing(pieces):
        batch = await open_batch(pieces, reporting.max_body_bytes)
        async with aclosing(batch.events):
            fates = await report_all(partial(permitted, context, request), reporting, batch, parse)
    # Begun only now: most clients read nothing before they have sent all, and both sides would wait for ever.
    return _answer(fates, lines=batch.lines)


def _check_head(request: Request) -> None:
    """Refuse what speaks of one event, where there are many: left aside in silence, it would be taken for heeded."""
    headers = request.headers
    check_media_type(headers.get("content-type"), headers.get("content-encoding"), json_lines=True)
    if idempotency_key(request) is not None:
        message = "Give each event an idempotency_key of its own; the header cannot say it for many."
        raise InvalidEventError([ErrorDetail("/idempotency_key", "schema.invalid", message)])
    if fields_of_query(request):
        message = "This endpoint takes no parameters in the query; give each event its fields."
        raise InvalidEventError([ErrorDetail("", "field.unknown", message)])


def _answer(fates: list[Fate], *, lines: bool) -> Response:
    """One result per event; where nothing is recorded because the storage does not work, 503 for the whole."""
    for fate in fates:
        if is_refused(fate) and is_outage(fate) and not any_recorded(fates):
            return error_answer(fate)
    return batch_answer([event_result(fate) for fate in fates], lines=lines)
