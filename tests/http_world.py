"""The HTTP application on a Dagster instance, as a test client reaches it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from starlette.testclient import TestClient

from asset_reporting.app import create_app
from asset_reporting.handlers import ReportingContext, reporting_context
from asset_reporting.server import HttpServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster import DagsterInstance
    from starlette.applications import Starlette


@contextmanager
def http_app(
    instance: DagsterInstance, reporting: ReportingContext | None = None, *, read_only: bool = False, **settings: Any
) -> Iterator[Starlette]:
    """The application with an empty workspace; `settings` are those of `create_app`."""
    with WorkspaceProcessContext(instance, EmptyWorkspaceTarget(), version="", read_only=read_only) as process:
        yield create_app(process, reporting=reporting or reporting_context(instance), **settings)


@contextmanager
def http_server(
    instance: DagsterInstance, reporting: ReportingContext | None = None, **settings: Any
) -> Iterator[HttpServer]:
    """The application on a port of its own."""
    with http_app(instance, reporting, **settings) as app:
        server = HttpServer(app, "127.0.0.1", 0)
        server.start()
        yield server
        assert server.stop()


@contextmanager
def http_client(
    instance: DagsterInstance, reporting: ReportingContext | None = None, *, read_only: bool = False, **settings: Any
) -> Iterator[TestClient]:
    """A client of the started application; an exception that leaves the application fails the test."""
    with http_app(instance, reporting, read_only=read_only, **settings) as app, TestClient(app) as client:
        yield client
