"""`POST /api/v1/lineage`: one OpenLineage event, and what it says of assets, recorded together.

The path is that of Marquez, the standard's reference server, to which every client posts unless told otherwise.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from asset_events import check_media_type, read_run_event
from asset_reporting.answers import lineage_answer
from asset_reporting.auth import LINEAGE_PATH
from asset_reporting.http_reporting import http_reporting
from asset_reporting.posts import answered, check_permission, settle
from asset_reporting.request_body import read_body

if TYPE_CHECKING:
    from dagster._core.workspace.context import BaseWorkspaceRequestContext
    from starlette.requests import Request
    from starlette.responses import JSONResponse


async def handle_lineage_request(context: BaseWorkspaceRequestContext, request: Request) -> JSONResponse:
    """Record the asset events of a run event; one that makes none is taken, too."""
    return await answered(LINEAGE_PATH, None, _report(context, request))


async def _report(context: BaseWorkspaceRequestContext, request: Request) -> JSONResponse:
    reporting = await http_reporting(request.app, context.instance)
    body = await read_body(request, reporting.max_body_bytes)
    check_media_type(request.headers.get("content-type"), request.headers.get("content-encoding"))
    # Facets can be large, and one event may become a thousand: not on the event loop.
    events = await asyncio.to_thread(read_run_event, body, reporting.lineage, max_bytes=reporting.max_body_bytes)
    for event in events:
        check_permission(context, event)
    outcomes = await reporting.reporter.report(events) if events else []
    return lineage_answer(
        [settle(LINEAGE_PATH, event, outcome) for event, outcome in zip(events, outcomes, strict=True)]
    )
