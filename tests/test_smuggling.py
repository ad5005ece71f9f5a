"""Two requests in one, on a real connection: nothing reaches the recorder without a key of its own.

What a proxy in front and this server could read differently is refused, and no part of a body is taken for a request.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest
from dagster import DagsterInstance
from fake_recorders import FakeRecorder
from http_world import http_server
from known_keys import key_of, known_keys

from asset_reporting.handlers import ReportingContext

KEY = f"X-API-Key: {key_of('smuggling')}\r\n"
PATH = "/report_asset_observation"
HIDDEN = f"POST {PATH}/hidden HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
"""A request without a key, where it is in what follows another's head."""

HIDDEN_WITH_KEY = HIDDEN.replace("Host: x\r\n", f"Host: x\r\n{KEY}")
"""The same, as somebody who has a key would hide it from the proxy that limits what he may do."""


LAST = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def recorder() -> FakeRecorder:
    return FakeRecorder()


@pytest.fixture(scope="module")
def port(recorder: FakeRecorder) -> Iterator[int]:
    with (
        DagsterInstance.local_temp() as instance,
        http_server(instance, ReportingContext(recorder), api_keys=known_keys("smuggling")) as server,
    ):
        yield server.port


class Exchange:
    """Sends bytes on a connection of their own, and notes what the recorder got of them."""

    def __init__(self, port: int, recorder: FakeRecorder) -> None:
        self._port, self._recorder = port, recorder
        recorder.recorded.clear()

    def __call__(self, sent: str) -> list[int]:
        """The status of every answer until the server closes: it has refused something, or come to the last request."""
        with socket.create_connection(("127.0.0.1", self._port), timeout=10) as connection:
            connection.sendall(f"{sent}{LAST}".encode("latin-1"))
            received = b"".join(iter(lambda: connection.recv(65536), b""))
        self.text = received.decode("latin-1")
        return [int(part[:3]) for part in self.text.split("HTTP/1.1 ")[1:]]

    @property
    def recorded(self) -> list[str]:
        return ["/".join(key) for key in self._recorder.recorded]


@pytest.fixture
def exchange(port: int, recorder: FakeRecorder) -> Exchange:
    return Exchange(port, recorder)


def post(headers: str, body: str = "", *, path: str = f"{PATH}/seen", line: str = "") -> str:
    """One request with the key."""
    return (line or f"POST {path} HTTP/1.1\r\n") + f"Host: x\r\n{KEY}{headers}\r\n{body}"


def chunked(body: str) -> str:
    return f"{len(body):x}\r\n{body}\r\n0\r\n\r\n"


LENGTH = f"Content-Length: {len(HIDDEN)}\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"

REFUSED = {
    "two lengths": post("Content-Length: 0\r\n" + LENGTH, HIDDEN),
    "two lengths in one": post(f"Content-Length: 0, {len(HIDDEN)}\r\n", HIDDEN),
    "a length with a sign": post("Content-Length: +0\r\n", HIDDEN),
    "a negative length": post("Content-Length: -1\r\n", HIDDEN),
    "a length in hexadecimal": post(f"Content-Length: 0x{len(HIDDEN):x}\r\n", HIDDEN),
    "a length in other digits": post("Content-Length: \xb2\r\n", HIDDEN),
    "an empty length": post("Content-Length: \r\n", HIDDEN),
    "a length in two parts": post("Content-Length: 0 0\r\n", HIDDEN),
    "a coding that is not known": post("Transfer-Encoding: xchunked\r\n", chunked("")),
    "a coding after chunked": post("Transfer-Encoding: chunked, identity\r\n", chunked("")),
    "a coding before chunked": post("Transfer-Encoding: gzip, chunked\r\n", chunked("")),
    "a coding with a control character": post("Transfer-Encoding: \x0bchunked\r\n", chunked("")),
    "a coding in quotes": post('Transfer-Encoding: "chunked"\r\n', chunked("")),
    "two codings": post(CHUNKED + "Transfer-Encoding: identity\r\n", chunked("")),
    "a space before the colon": post("Transfer-Encoding : chunked\r\n", chunked("")),
    "a name with a space": post("Transfer Encoding: chunked\r\n", chunked("")),
    "a name with a NUL": post("Transfer-Encoding\0: chunked\r\n", chunked("")),
    "a value with a NUL": post("X: a\0b\r\n"),
    "a bare CR in a value": post("X: a\rTransfer-Encoding: chunked\r\n"),
    "a line that is no header": post("nonsense\r\n"),
    "a header without a name": post(": x\r\n"),
    "a chunk's size in decimal with a sign": post(CHUNKED, "+0\r\n\r\n" + HIDDEN),
    "a chunk's size that is none": post(CHUNKED, "0x0\r\n\r\n" + HIDDEN),
    "a chunk's size without end": post(CHUNKED, "0" * 30 + "\r\n\r\n" + HIDDEN),
    "a chunk that is longer than it says": post(CHUNKED, "1\r\nabc\r\n0\r\n\r\n" + HIDDEN),
    "HTTP/0.9": f"POST {PATH}/seen\r\n{KEY}\r\n",
    "HTTP/0.9 to read": "GET /livez\r\n",
    "a version of its own": post("", line=f"POST {PATH}/seen HTTP/1.1x\r\n"),
    "a space in the target": post("", line=f"POST {PATH}/seen HTTP/1.1 HTTP/1.1\r\n"),
    "a tab in the target": post("", line=f"POST {PATH}/se\ten HTTP/1.1\r\n"),
    "no host": f"POST {PATH}/seen HTTP/1.1\r\n{KEY}\r\n",
    "two hosts": post("Host: y\r\n"),
}
"""Said so that two servers could read it differently: answered 400, and the connection is closed."""


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED)
def test_what_can_be_read_in_two_ways_is_refused(exchange: Exchange, sent: str) -> None:
    assert exchange(sent + HIDDEN_WITH_KEY) == [400]
    assert exchange.recorded == []


TWO_LENGTHS = {
    "a length and chunks, the length longer": post(
        f"Content-Length: {len(HIDDEN_WITH_KEY) + 5}\r\n{CHUNKED}", "0\r\n\r\n" + HIDDEN_WITH_KEY
    ),
    "chunks and a length, the length shorter": post(f"{CHUNKED}Content-Length: 5\r\n", chunked("{}") + HIDDEN_WITH_KEY),
    "chunks on a line that goes on": post(
        "Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n" + HIDDEN_WITH_KEY
    ),
    "chunks behind a bare line feed": post(
        "X: a\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n" + HIDDEN_WITH_KEY
    ),
}


@pytest.mark.parametrize("sent", TWO_LENGTHS.values(), ids=TWO_LENGTHS)
def test_a_length_said_in_two_ways_is_refused_in_json_and_nothing_behind_it_is_read(
    exchange: Exchange, sent: str
) -> None:
    assert exchange(sent) == [400]
    assert "connection: close" in exchange.text.lower()
    assert json.loads(exchange.text.partition("\r\n\r\n")[2])["code"] == "encoding.unsupported"
    assert exchange.recorded == []


REST = len(HIDDEN_WITH_KEY)
BODIES = {
    "a body that is no event": (post(f"Content-Length: {REST}\r\n", HIDDEN_WITH_KEY), [400, 200]),
    "a chunk that is no event": (post(CHUNKED, chunked(HIDDEN_WITH_KEY)), [400, 200]),
    "the same length twice": (post(f"Content-Length: {REST}\r\n" * 2, HIDDEN_WITH_KEY), [400, 200]),
    "a body that is waited for": (
        post(f"Expect: 100-continue\r\nContent-Length: {REST}\r\n", HIDDEN_WITH_KEY), [100, 400, 200],
    ),
    "behind an unknown path": (post(f"Content-Length: {REST}\r\n", HIDDEN_WITH_KEY, path="/nowhere"), [404, 200]),
    "behind a wrong method": (
        post(f"Content-Length: {REST}\r\n", HIDDEN_WITH_KEY, line=f"GET {PATH}/seen HTTP/1.1\r\n"), [405, 200],
    ),
    "behind no key": (
        HIDDEN.replace("Content-Length: 0", f"Content-Length: {REST}") + HIDDEN_WITH_KEY, [401, 200],
    ),
}  # fmt: skip
"""A request with a key, as the body of another; and the answers, of which none is its own."""


@pytest.mark.parametrize(("sent", "answers"), BODIES.values(), ids=BODIES)
def test_no_request_is_made_of_a_body(exchange: Exchange, sent: str, answers: list[int]) -> None:
    assert exchange(sent) == answers
    assert exchange.recorded == []


BEHIND = {
    "pipelined": post("Content-Length: 0\r\n"),
    "behind chunks": post(CHUNKED, chunked("{}")),
    "behind a chunk's extension": post(CHUNKED, '0;x="\r\n\r\n'),
    "behind bare line feeds": post("Content-Length: 0\nX: y\n"),
    "behind an upgrade to HTTP/2": post("Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
    "behind a line that goes on": post("X: a\r\n Content-Length: 70\r\n"),
    "behind a connection's own key": post("Connection: X-API-Key\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("first", BEHIND.values(), ids=BEHIND)
def test_a_second_request_needs_a_key_of_its_own(exchange: Exchange, first: str) -> None:
    assert exchange(first + HIDDEN + post("", path=f"{PATH}/third")) == [200, 401, 200, 200]
    assert exchange.recorded == ["seen", "third"]


TARGETS = {
    "absolute": (f"http://x{PATH}/hidden", 401),
    "absolute, elsewhere": (f"http://elsewhere{PATH}/hidden", 401),
    "absolute, of no host": (f"x://{PATH}/hidden", 401),
    "nothing but a star": ("*", 404),
    "a line break and a key": (f"{PATH}/hidden%20HTTP/1.1%0d%0a{KEY[:-2].replace(' ', '%20')}", 401),
    "doubled slashes": (f"/{PATH}/hidden", 401),
    "dot segments": (f"/livez/..{PATH}/hidden", 401),
    "dot segments behind": (f"{PATH}/../livez", 401),
    "an encoded slash": (f"%2F{PATH[1:]}/hidden", 401),
    "an encoded letter": (PATH.replace("r", "%72", 1) + "/hidden", 401),
    "other case": (f"{PATH.upper()}/hidden", 401),
    "a fragment": (f"{PATH}#/hidden", 401),
    "a backslash": (f"\\{PATH[1:]}/hidden", 404),
    "the key in the query": (f"{PATH}/hidden?X-API-Key={key_of('smuggling')}", 401),
}


@pytest.mark.parametrize(("target", "status"), TARGETS.values(), ids=TARGETS)
def test_no_form_of_a_target_leads_around_the_key(exchange: Exchange, target: str, status: int) -> None:
    assert exchange(HIDDEN.replace(f"{PATH}/hidden", target)) == [status, 200]
    assert exchange.recorded == []


def test_a_key_behind_the_body_comes_too_late(exchange: Exchange) -> None:
    assert exchange(HIDDEN.replace("Content-Length: 0\r\n", CHUNKED) + f"0\r\n{KEY}\r\n") == [401, 200]
    assert exchange.recorded == []


def test_an_http_1_0_connection_ends_with_its_request(exchange: Exchange) -> None:
    first = post(CHUNKED, chunked("{}"), line=f"POST {PATH}/seen HTTP/1.0\r\n")
    assert exchange(first + HIDDEN_WITH_KEY) == [200]
    assert exchange.recorded == ["seen"]
