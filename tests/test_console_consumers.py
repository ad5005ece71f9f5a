"""What answers at a consumer's address may be anything: it is told so, and keeps nobody else's answer from the page."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from asset_consumer.console import consumers
from asset_consumer.console.consumers import MAX_ENTRIES, MAX_TEXT, ask_consumers

READY = {"status": "ready", "conditions": {"storage": {"ok": True, "reason": ""}}}


@contextlib.contextmanager
def answering(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """An address where every connection is spoken to like that, once it has asked."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(4096)
                    speak(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def saying(text: str) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(f"HTTP/1.1 200 OK\r\n\r\n{text}".encode())


def dripping(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    connection.settimeout(0.05)
    while True:
        with contextlib.suppress(TimeoutError):
            if not connection.recv(1):
                return
        connection.sendall(b" ")


def test_who_sends_byte_after_byte_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "ANSWER_S", 0.3)
    with answering(dripping) as slow, answering(saying(json.dumps(READY))) as good:
        found = ask_consumers([slow, good])
    assert [(one.problem, one.ready) for one in found] == [("no answer in time", False), ("", True)]


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "<h1>404</h1>", "[]", '{"conditions": []}', '{"conditions": {"a": 1}}', "\0", ""]
)
def test_another_answer_than_ours_is_told_and_hides_nobody(text: str) -> None:
    with answering(saying(text)) as other, answering(saying(json.dumps(READY))) as good:
        found = ask_consumers([other, good])
    assert "answer" in found[0].problem
    assert found[1].ready


def test_no_consumer_fills_the_page() -> None:
    many = {str(number): {"ok": False, "reason": "x" * 2 * MAX_TEXT} for number in range(2 * MAX_ENTRIES)}
    with answering(saying(json.dumps({"conditions": dict(list(many.items())[:8])}))) as one:
        assert {len(condition.reason) for condition in ask_consumers([one])[0].failing} == {MAX_TEXT + 1}
    few = {name: {"ok": False, "reason": ""} for name in many}
    with answering(saying(json.dumps({"conditions": few}))) as one:
        assert len(ask_consumers([one])[0].failing) == MAX_ENTRIES
