"""The handlers under other rules than the application's own: a read-only webserver, an application that is not ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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
    from starlette.requests import Request
    from starlette.responses import JSONResponse


def foreign_app(process: WorkspaceProcessContext) -> Starlette:
    """An application that is not ours, with one of our handlers."""

    async def endpoint(request: Request) -> JSONResponse:
        with process.create_request_context(request) as context:
            return await handle_report_asset_materialization_request(context, request)

    return Starlette(routes=[Route("/report_asset_materialization/{asset_key:path}", endpoint, methods=["POST"])])


def test_read_only_webserver_forbids(instance: DagsterInstance) -> None:
    before = count_rows(instance)
    with http_client(instance, read_only=True) as client:
        answer = client.post("/report_asset_materialization/my_asset")

    assert answer.status_code == 403
    assert [error["code"] for error in answer.json()["errors"]] == ["asset.forbidden"]
    assert count_rows(instance) == before


def test_handlers_serve_an_application_that_is_not_ours(instance: DagsterInstance) -> None:
    with WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as process:
        app = foreign_app(process)
        client = TestClient(app)
        assert client.post("/report_asset_materialization/foreign").status_code == 200
        first = app.state.reporting
        assert client.post("/report_asset_materialization/foreign").status_code == 200

    assert latest_materialization(instance, AssetKey("foreign"))
    assert isinstance(first, HttpReporting)
    assert app.state.reporting is first
    assert first.reporter.close()


def test_first_request_during_an_outage_is_503_and_the_next_one_asks_again(tmp_path: Path) -> None:
    with (
        DagsterInstance.local_temp(str(tmp_path)) as instance,
        WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as process,
    ):
        app = foreign_app(process)
        client = TestClient(app)
        (database,) = tmp_path.rglob("index.db")
        away = database.rename(database.with_name("away"))
        database.mkdir()  # what cannot be opened as a file
        down = client.post("/report_asset_materialization/a")
        database.rmdir()
        away.rename(database)
        up = client.post("/report_asset_materialization/a")
        assert app.state.reporting.reporter.close()

    assert (down.status_code, down.headers["Retry-After"]) == (503, "5")
    assert down.json()["error"] == "Dagster's database did not answer in time; the event was not recorded."
    assert up.status_code == 200
