from __future__ import annotations

import asyncio
import logging
import signal
import socket
import threading
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import requests
from ports import free_port
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asset_reporting.server import HttpServer, HttpServerError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator


class Story:
    """An application that writes down what happens to it."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.waiting = threading.Event()
        self.let_go = threading.Event()

    def app(self) -> Starlette:
        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncGenerator[None]:
            self.told.append("started")
            yield
            self.told.append("stopped")

        return Starlette(routes=[Route("/", self.hello), Route("/slow", self.slow)], lifespan=lifespan)

    async def hello(self, _: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    async def slow(self, _: Request) -> PlainTextResponse:
        self.waiting.set()
        await asyncio.to_thread(self.let_go.wait, 20)
        self.told.append("answered")
        return PlainTextResponse("slow")


@pytest.fixture
def story() -> Iterator[Story]:
    story = Story()
    yield story
    story.let_go.set()


@pytest.fixture
def server(story: Story) -> Iterator[HttpServer]:
    server = HttpServer(story.app(), "127.0.0.1", 0)
    server.start()
    yield server
    story.let_go.set()
    assert server.stop()


def test_answers_as_soon_as_start_returns_and_on_the_port_it_tells(server: HttpServer) -> None:
    answer = requests.get(f"http://127.0.0.1:{server.port}/", timeout=10)

    assert (answer.status_code, answer.text) == (200, "hello")
    assert server.running


def test_names_no_software_in_its_answers(server: HttpServer) -> None:
    assert "server" not in requests.get(f"http://127.0.0.1:{server.port}/", timeout=10).headers


def test_answers_go_out_at_once_instead_of_waiting_for_the_clients_acknowledgement(server: HttpServer) -> None:
    with requests.Session() as client:
        client.get(f"http://127.0.0.1:{server.port}/", timeout=10)
        (connection,) = server._server.server_state.connections
        accepted = connection.transport.get_extra_info("socket")

        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_taken_port_is_a_clear_error(server: HttpServer, story: Story) -> None:
    second = HttpServer(story.app(), "127.0.0.1", server.port)

    with pytest.raises(HttpServerError, match=f"Cannot listen on 127.0.0.1 port {server.port}: Address already in use"):
        second.start()
    assert not second.running
    assert second.stop(0.1)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "203.0.113.7"])
def test_host_that_is_not_ours_is_a_clear_error(story: Story, host: str) -> None:
    with pytest.raises(HttpServerError, match=f"Cannot listen on {host} port 0: "):
        HttpServer(story.app(), host, 0).start()


def test_stop_runs_the_shutdown_frees_the_port_and_may_be_repeated(story: Story) -> None:
    server = HttpServer(story.app(), "127.0.0.1", free_port())
    server.start()
    assert server.stop()

    assert story.told == ["started", "stopped"]
    assert not server.running
    assert server.stop()
    socket.create_server(("127.0.0.1", server.port)).close()


def test_stop_lets_a_running_request_finish(server: HttpServer, story: Story) -> None:
    answers: list[str] = []
    url = f"http://127.0.0.1:{server.port}/slow"
    client = threading.Thread(target=lambda: answers.append(requests.get(url, timeout=20).text))
    client.start()
    assert story.waiting.wait(10)

    threading.Timer(0.3, story.let_go.set).start()
    assert server.stop(10)

    client.join(10)
    assert answers == ["slow"]
    assert story.told == ["started", "answered", "stopped"]


def test_stop_comes_back_in_time_from_a_request_that_does_not_finish(server: HttpServer, story: Story) -> None:
    url = f"http://127.0.0.1:{server.port}/slow"
    outcome: list[str] = []

    def ask() -> None:
        try:
            outcome.append(str(requests.get(url, timeout=20).status_code))
        except requests.ConnectionError:
            outcome.append("cut off")

    client = threading.Thread(target=ask)
    client.start()
    assert story.waiting.wait(10)

    begun = time.monotonic()
    server.stop(2)

    assert time.monotonic() - begun < 10  # the request takes twenty
    client.join(10)
    assert outcome in (["cut off"], ["500"])


def test_failing_start_of_the_application_is_an_error_and_frees_the_port(caplog: pytest.LogCaptureFixture) -> None:
    @asynccontextmanager
    async def failing(_: Starlette) -> AsyncGenerator[None]:
        raise ValueError("no start")
        yield

    server = HttpServer(Starlette(lifespan=failing), "127.0.0.1", free_port())
    with caplog.at_level(logging.ERROR), pytest.raises(HttpServerError, match="did not start"):
        server.start()

    assert "no start" in caplog.text  # the reason it points to is there
    assert not server.running
    socket.create_server(("127.0.0.1", server.port)).close()


def test_signals_stay_with_the_main_thread(request: pytest.FixtureRequest) -> None:
    before = handlers()  # SIGINT is ignored where the tests run in the background of a shell
    server: HttpServer = request.getfixturevalue("server")

    assert requests.get(f"http://127.0.0.1:{server.port}/", timeout=10).status_code == 200
    assert handlers() == before


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def test_requests_are_not_logged_one_by_one(server: HttpServer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        requests.get(f"http://127.0.0.1:{server.port}/?canary", timeout=10)

    assert "canary" not in caplog.text


def test_long_query_is_taken_even_if_it_arrives_in_pieces(server: HttpServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"GET /?x=" + b"y" * 50_000)
        # Another request's answer is the proof that the first piece has been read, and looked at, by itself.
        assert requests.get(f"http://127.0.0.1:{server.port}/", timeout=10).status_code == 200
        connection.sendall(b"y HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_endless_headers_are_refused(server: HttpServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"GET /?x=" + b"y" * 100_000)
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
