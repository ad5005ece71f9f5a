"""`?dry_run=true`: a request goes the whole way and is answered as ever, and nothing is recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from asset_events import InvalidEventError
from asset_reporting.http_reporting import http_reporting
from asset_reporting.request_parts import is_dry_run

if TYPE_CHECKING:
    from dagster._core.workspace.context import BaseWorkspaceRequestContext
    from starlette.requests import Request

    from asset_reporting.happenings import Road
    from asset_reporting.http_reporting import HttpReporting


def road_of(request: Request) -> Road:
    """By which road the events of a request come, so that what was only asked is not counted as what happened."""
    try:
        return "dry_run" if is_dry_run(request) else "http"
    except InvalidEventError:  # it does not say; for that it is refused
        return "http"


async def reporting_of(request: Request, context: BaseWorkspaceRequestContext) -> HttpReporting:
    """Return how this request reports; raises what `http_reporting` and `is_dry_run` raise."""
    dry_run = is_dry_run(request)
    reporting = await http_reporting(request.app, context.instance)
    return replace(reporting, reporter=reporting.dry_run, road="dry_run") if dry_run else reporting
