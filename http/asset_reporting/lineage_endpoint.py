"""`POST /api/v1/lineage`: one OpenLineage event, and what it says of assets, recorded as a whole.

The path is that of Marquez, the standard's reference server, to which every client posts unless told otherwise.
"""

from __future__ import annotations

import asyncio
from operator import itemgetter
from typing import TYPE_CHECKING

from asset_events import check_media_type, read_run_event
from asset_reporting import tracing
from asset_reporting.answers import error_answer, event_result, lineage_answer
from asset_reporting.auth import LINEAGE_PATH
from asset_reporting.dry_run import reporting_of, road_of
from asset_reporting.outcomes import Again
from asset_reporting.permission import permitted
from asset_reporting.posts import answered, is_refused, settle
from asset_reporting.request_body import read_body

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster._core.workspace.context import BaseWorkspaceRequestContext
    from starlette.requests import Request
    from starlette.responses import JSONResponse

    from asset_events import AssetEvent
    from asset_reporting.happenings import Road
    from asset_reporting.outcomes import Outcome


async def handle_lineage_request(context: BaseWorkspaceRequestContext, request: Request) -> JSONResponse:
    """Record the asset events of a run event; one that makes none is taken, too."""
    return await answered(road_of(request), LINEAGE_PATH, None, _report(context, request))


async def _report(context: BaseWorkspaceRequestContext, request: Request) -> JSONResponse:
    reporting = await reporting_of(request, context)
    with reporting.bodies.share() as share:
        body = await read_body(request, reporting.max_body_bytes, share)
        check_media_type(request.headers.get("content-type"), request.headers.get("content-encoding"))
        # Facets can be large, and one event may become a thousand: not on the event loop.
        with tracing.stage(tracing.VALIDATE):
            events = await asyncio.to_thread(
                read_run_event, body, reporting.lineage, max_bytes=reporting.max_body_bytes
            )
        events = [permitted(context, request, event) for event in events]
        outcomes = await reporting.reporter.report(events, whole=True) if events else []
    return _answer(reporting.road, events, outcomes)


def _answer(road: Road, events: Sequence[AssetEvent], outcomes: Sequence[Outcome]) -> JSONResponse:
    """Tell of all that was recorded, or why nothing was: what was held back because of another is not the reason."""
    fates = [settle(road, LINEAGE_PATH, event, outcome) for event, outcome in zip(events, outcomes, strict=True)]
    held_back = [isinstance(outcome, Again) for outcome in outcomes]
    for _, fate in sorted(zip(held_back, fates, strict=True), key=itemgetter(0)):
        if is_refused(fate):
            return error_answer(fate)
    return lineage_answer([event_result(fate) for fate in fates])
