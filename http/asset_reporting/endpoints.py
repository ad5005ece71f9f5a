"""The three report endpoints: a request becomes an event, is reported, and the outcome becomes an answer.

The handlers have the signature of dagster-webserver's own, so that they can take their place in its routes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asset_reporting.answers import error_answer, success_answer
from asset_reporting.dry_run import reporting_of, road_of
from asset_reporting.outcomes import Acceptable, Recorded
from asset_reporting.permission import permitted
from asset_reporting.posts import answered, settle
from asset_reporting.request_parts import read_event

if TYPE_CHECKING:
    from dagster._core.workspace.context import BaseWorkspaceRequestContext
    from starlette.requests import Request
    from starlette.responses import JSONResponse

    from asset_events import EventType


async def handle_report_asset_materialization_request(
    context: BaseWorkspaceRequestContext, request: Request
) -> JSONResponse:
    """Record a materialization; its asset key is the URL path, else the body's, else the query's."""
    return await _handle("asset_materialization", context, request)


async def handle_report_asset_check_request(context: BaseWorkspaceRequestContext, request: Request) -> JSONResponse:
    """Record a check evaluation; its asset key is the URL path, else the body's, else the query's."""
    return await _handle("asset_check", context, request)


async def handle_report_asset_observation_request(
    context: BaseWorkspaceRequestContext, request: Request
) -> JSONResponse:
    """Record an observation; its asset key is the URL path, else the body's, else the query's."""
    return await _handle("asset_observation", context, request)


async def _handle(event_type: EventType, context: BaseWorkspaceRequestContext, request: Request) -> JSONResponse:
    where = f"/report_{event_type}"
    return await answered(road_of(request), where, event_type, report_one(where, event_type, context, request))


async def report_one(
    where: str, event_type: EventType | None, context: BaseWorkspaceRequestContext, request: Request
) -> JSONResponse:
    """Record the one event of a request; raises what `posts.answered` answers."""
    reporting = await reporting_of(request, context)
    # Until it is recorded: what waits for a database takes as much room as what waits for the rest of its body.
    with reporting.bodies.share() as share:
        event = await read_event(
            event_type, request, share, max_body_bytes=reporting.max_body_bytes, unknown_fields=reporting.unknown_fields
        )
        event = permitted(context, request, event)
        (outcome,) = await reporting.reporter.report([event])
    told = settle(reporting.road, where, event, outcome)
    if isinstance(told, Recorded | Acceptable):
        return success_answer(event.event_type, told)
    return error_answer(told)
