"""`?dry_run=true`: a request goes the whole way and is answered as ever, and nothing is recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from asset_reporting.http_reporting import http_reporting
from asset_reporting.request_parts import is_dry_run

if TYPE_CHECKING:
    from dagster._core.workspace.context import BaseWorkspaceRequestContext
    from starlette.requests import Request

    from asset_reporting.http_reporting import HttpReporting


async def reporting_of(request: Request, context: BaseWorkspaceRequestContext) -> HttpReporting:
    """Return how this request reports; raises what `http_reporting` and `is_dry_run` raise."""
    dry_run = is_dry_run(request)
    reporting = await http_reporting(request.app, context.instance)
    return replace(reporting, reporter=reporting.dry_run) if dry_run else reporting
