"""What only a real connection shows: refused bodies, connections used again, clients that go away."""

from __future__ import annotations

import logging
import socket
import time
from typing import TYPE_CHECKING

import pytest
import requests
from dagster import DagsterInstance
from fake_recorders import FakeRecorder
from http_world import http_server

from asset_events import MAX_EVENT_BYTES
from asset_reporting.handlers import ReportingContext

if TYPE_CHECKING:
    from collections.abc import Iterator

MAT = "/report_asset_materialization"


@pytest.fixture(scope="module")
def recorder() -> FakeRecorder:
    return FakeRecorder()


@pytest.fixture(scope="module")
def port(recorder: FakeRecorder) -> Iterator[int]:
    with DagsterInstance.local_temp() as instance, http_server(instance, ReportingContext(recorder)) as server:
        yield server.port


def exchange(port: int, request: bytes) -> bytes:
    """Send bytes and read until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("streamed", [False, True])
def test_client_that_sends_far_too_much_reads_its_413_and_goes_on(port: int, streamed: bool) -> None:  # noqa: FBT001
    pieces = [b"x" * 1_000_000] * 20
    with requests.Session() as session:
        url = f"http://127.0.0.1:{port}{MAT}/a"
        answer = session.post(url, data=iter(pieces) if streamed else b"".join(pieces), timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (413, "event.too_large")
        assert str(MAX_EVENT_BYTES) in answer.json()["error"]
        assert session.post(url, timeout=10).status_code == 200


def test_client_that_asks_first_is_refused_before_it_sends(port: int) -> None:
    head = f"POST {MAT}/a HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_EVENT_BYTES + 1}\r\nExpect: 100-continue\r\n\r\n"

    answer = exchange(port, head.encode())

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in answer


def test_client_that_asks_first_is_let_send_what_fits(port: int, recorder: FakeRecorder) -> None:
    body = b'{"asset_key": "asked first"}'
    head = (
        f"POST {MAT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Expect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head.encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 Continue")
        connection.sendall(body)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")

    assert ("asked first",) in recorder.recorded


def test_client_that_goes_away_is_no_error_and_records_nothing(
    port: int, recorder: FakeRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    before = list(recorder.recorded)
    with caplog.at_level(logging.DEBUG):
        head = f"POST {MAT}/gone HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(head.encode() + b'{"description"')
        deadline = time.monotonic() + 10
        while "A client disconnected." not in caplog.text:
            assert time.monotonic() < deadline
            assert requests.get(f"http://127.0.0.1:{port}/livez", timeout=10).status_code == 200

    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert recorder.recorded == before


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        (f"{MAT}/a%0Ab", 404, "route.unknown"),
        (f"{MAT}/a%0A", 400, "schema.invalid"),
        (f"{MAT}/a%00", 400, "schema.invalid"),
        (f"{MAT}/a%FF", 400, "encoding.unsupported"),
        (f"{MAT}/a?description=%FF", 400, "encoding.unsupported"),
        (f"/{MAT}/a", 404, "route.unknown"),
        (f"/x/..{MAT}/a", 404, "route.unknown"),
        (f"http://elsewhere{MAT}/a%0Ab", 404, "route.unknown"),
    ],
)
def test_odd_targets_are_answered_in_json(port: int, target: str, status: int, code: str) -> None:
    answer = exchange(port, f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"content-type: application/json" in answer
    assert f'"code":"{code}"'.encode() in answer
