"""The handlers under other rules than the application's own: a read-only webserver, an application that is not ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dagster import AssetKey, DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_reading import count_rows, latest_materialization
from http_world import http_client
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from asset_reporting.endpoints import handle_report_asset_materialization_request
from asset_reporting.http_reporting import HttpReporting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import JSONResponse


@pytest.fixture(scope="module")
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp() as instance:
        yield instance


def test_read_only_webserver_forbids(instance: DagsterInstance) -> None:
    before = count_rows(instance)
    with http_client(instance, read_only=True) as client:
        answer = client.post("/report_asset_materialization/my_asset")

    assert answer.status_code == 403
    assert [error["code"] for error in answer.json()["errors"]] == ["asset.forbidden"]
    assert count_rows(instance) == before


def test_handlers_serve_an_application_that_is_not_ours(instance: DagsterInstance) -> None:
    with WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as process:

        async def endpoint(request: Request) -> JSONResponse:
            with process.create_request_context(request) as context:
                return await handle_report_asset_materialization_request(context, request)

        app = Starlette(routes=[Route("/report_asset_materialization/{asset_key:path}", endpoint, methods=["POST"])])
        client = TestClient(app)
        assert client.post("/report_asset_materialization/foreign").status_code == 200
        first = app.state.reporting
        assert client.post("/report_asset_materialization/foreign").status_code == 200

    assert latest_materialization(instance, AssetKey("foreign"))
    assert isinstance(first, HttpReporting)
    assert app.state.reporting is first
    assert first.storage.close()
