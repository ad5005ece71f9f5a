"""Clients that send or read as slowly as they can keep no connection for long, and honest ones notice nothing."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest
import requests
from consuming import eventually
from dagster import DagsterInstance
from fake_recorders import FakeRecorder
from http_world import http_app, http_client
from run_events import dataset, run_event
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from asset_events import AssetEvent
from asset_reporting import request_body
from asset_reporting.body_room import BodyRoom, TooManyBodiesError
from asset_reporting.handlers import ReportingContext
from asset_reporting.outcomes import Outcome
from asset_reporting.recorder import Progress
from asset_reporting.server import HttpServer
from asset_reporting.slow_clients import PatientProtocol

LARGE = "x" * (32 * 1024 * 1024)
"""More than two systems hold for a connection."""


async def hello(_: Request) -> Response:
    return PlainTextResponse("hello")


async def slow(_: Request) -> Response:
    await asyncio.sleep(0.5)  # longer than anybody may take over a head
    return PlainTextResponse("slow")


async def large(_: Request) -> Response:
    return PlainTextResponse(LARGE)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    monkeypatch.setattr(PatientProtocol, "head_s", 0.2)
    server = HttpServer(
        Starlette(routes=[Route("/", hello), Route("/slow", slow), Route("/large", large)]), "127.0.0.1", 0
    )
    server.start()
    yield server
    assert server.stop()


@pytest.fixture
def port(server: HttpServer) -> int:
    return server.port


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def read_until(connection: socket.socket, wanted: bytes) -> None:
    read = b""
    while wanted not in read:
        read += (part := connection.recv(65536))
        assert part, read


def is_cut_off(connection: socket.socket) -> bool:
    """Whether the server has ended it; waits for as long as the socket does."""
    try:
        return connection.recv(65536) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX: "])
def test_who_sends_no_head_is_cut_off(port: int, begun: bytes) -> None:
    with closing(connect(port)) as connection:
        connection.sendall(begun)
        assert is_cut_off(connection)


def test_who_drips_its_head_is_cut_off(port: int) -> None:
    with closing(connect(port)) as connection:
        connection.settimeout(0.02)
        connection.sendall(b"GET / HTTP/1.1\r\n")

        def dripped() -> bool:
            try:
                connection.sendall(b"X-A: b\r\n")
                return connection.recv(1) == b""
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        eventually(dripped, 10)


def test_a_second_head_on_a_connection_must_come_in_time_too(port: int) -> None:
    with closing(connect(port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        read_until(connection, b"hello")
        connection.sendall(b"GET / HT")
        assert is_cut_off(connection)


def test_a_second_head_that_was_begun_behind_the_first_must_come_in_time_too(port: int) -> None:
    with closing(connect(port)) as connection:
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET / HT")
        read_until(connection, b"slow")
        assert is_cut_off(connection)


def test_an_idle_connection_and_a_slow_answer_are_left_alone(port: int) -> None:
    with requests.Session() as session:
        for path in ("/", "/slow", "/"):  # the second takes longer than a head may, the connection is idle between
            assert session.get(f"http://127.0.0.1:{port}{path}", timeout=10).status_code == 200


def test_who_does_not_read_the_answer_is_cut_off(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PatientProtocol, "read_s", 0.3)
    connections = server._server.server_state.connections
    with closing(connect(server.port)) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        eventually(lambda: bool(connections), 10)
        eventually(lambda: not connections, 10)


def test_who_reads_a_large_answer_gets_it_whole(port: int) -> None:
    assert len(requests.get(f"http://127.0.0.1:{port}/large", timeout=30).text) == len(LARGE)


@pytest.fixture(scope="module")
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp() as instance:
        yield instance


@pytest.mark.parametrize("at_once", [1, 100_000])
def test_a_body_that_drips_without_falling_silent_ends(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """However much of it came quickly: most of a large body must not buy hours for the rest."""
    monkeypatch.setattr(request_body, "MOST_SAVED_S", 0.3)
    monkeypatch.setattr(request_body, "GRACE_S", 0.2)
    sent: list[Any] = []
    pieces = 0

    async def receive() -> dict[str, Any]:
        nonlocal pieces
        pieces += 1
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b" " * (at_once if pieces == 1 else 1), "more_body": pieces < 500}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/report_asset_check/a", "raw_path": b"/report_asset_check/a",
        "query_string": b"", "root_path": "", "headers": [], "http_version": "1.1", "scheme": "http",
    }  # fmt: skip
    with http_app(instance, ReportingContext(FakeRecorder())) as app:
        asyncio.run(app(scope, receive, send))

    assert sent[0]["status"] == 400
    assert 2 < pieces < 100


def test_more_bodies_than_can_be_held_are_answered_503_and_leave_no_trace(instance: DagsterInstance) -> None:
    recorder = FakeRecorder()
    with http_client(instance, ReportingContext(recorder)) as client:
        bodies = BodyRoom(1000)
        object.__setattr__(client.app.state.reporting, "bodies", bodies)  # type: ignore[attr-defined] # a Starlette
        fits, does_not = {"description": "x" * 900}, {"description": "x" * 1000}
        for path in ("/report_asset_observation/a", "/api/v1/lineage"):
            answer = client.post(path, json=does_not)
            assert (answer.status_code, answer.json()["code"]) == (503, "storage.unavailable")
            assert "Retry-After" in answer.headers
            assert "was not recorded" in answer.json()["error"]
        for _ in range(3):
            assert client.post("/report_asset_observation/a", json=fits).status_code == 200
            assert client.post("/report_asset_observation/a", json={**fits, "bad": 1}).status_code == 400
        assert bodies.held == 0
    assert recorder.recorded == [("a",)] * 3


def test_a_body_takes_its_room_until_its_event_is_recorded(instance: DagsterInstance) -> None:
    """Else hundreds of large events would wait for a database that has stopped, in no room at all."""
    bodies, held = BodyRoom(10_000), list[int]()

    class LookingRecorder(FakeRecorder):
        def record(self, events: Sequence[AssetEvent], progress: Sequence[Progress] = ()) -> list[Outcome]:
            held.append(bodies.held)
            return super().record(events, progress)

    event = json.dumps({"description": "x" * 900}).encode()
    lineage = json.dumps(run_event(dataset("b", "z"))).encode()
    with http_client(instance, ReportingContext(LookingRecorder())) as client:
        object.__setattr__(client.app.state.reporting, "bodies", bodies)  # type: ignore[attr-defined] # a Starlette
        assert client.post("/report_asset_observation/a", content=event).status_code == 200
        assert client.post("/api/v1/lineage", content=lineage).status_code < 300
    assert held == [len(event), len(lineage)]
    assert bodies.held == 0


def test_room_is_given_back_whatever_happens() -> None:
    room = BodyRoom(10)
    with pytest.raises(TooManyBodiesError), room.share() as share:
        share.take(6)
        share.take(6)
    assert room.held == 0
