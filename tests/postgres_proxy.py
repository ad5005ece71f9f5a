"""Stand between a client and PostgreSQL: lose what passes at a chosen statement, as a network does, or be slow."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

from postgres import Server

Fault = Literal["lose the request", "lose the answer", "freeze"]
Then = Callable[[], object]


def _nothing() -> None:
    pass


@dataclass
class _Link:
    client: socket.socket
    server: socket.socket
    previous: bytes = b""
    """The statement before."""
    lost_answer: Then | None = None
    """What to do when the next answer comes, instead of passing it on."""

    def close(self) -> bool:
        """Whether it was open until now."""
        was_open = self.client.fileno() >= 0
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):  # closed already
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        return was_open


@dataclass(frozen=True, slots=True)
class _Planned:
    statement: bytes
    after: bytes
    fault: Fault
    then: Then


class PostgresProxy:
    """`fail(statement, fault)` lets the next statement that begins so meet its fault."""

    def __init__(self, server: Server) -> None:
        self.server = server
        """Where new connections lead; it may be changed at any time."""
        self.delay_s = 0.0
        """How long each statement is on its way."""
        self._planned: _Planned | None = None
        self._links: list[_Link] = []
        self._thaw = threading.Event()
        self.met = threading.Event()
        """Set when a statement has met its fault."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.thaw()
        self._listener.shutdown(socket.SHUT_RDWR)  # a close alone would leave `accept` waiting
        self._listener.close()
        self.cut()

    def fail(self, statement: str, fault: Fault, then: Then = _nothing, *, after: str = "") -> None:
        """Plan a fault; `then` is called when something is lost, before anybody can know of it.

        `after` is how the statement before it begins: a new connection has a small transaction of its own.
        """
        self.met.clear()
        self._planned = _Planned(statement.encode(), after.encode(), fault, then)

    def thaw(self) -> None:
        """Let what is frozen go on its way."""
        self._thaw.set()

    def spare(self) -> None:
        """Forget a fault that no statement has met."""
        self._planned = None

    def cut(self) -> int:
        """Break all connections; returns how many were open."""
        broken = 0
        while self._links:
            broken += self._links.pop().close()
        return broken

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection((self.server.host, self.server.port))
                except OSError:  # it is down, and so is the way to it
                    client.close()
                    continue
                link = _Link(client, server)
                self._links.append(link)
                for pump in (self._requests, self._answers):
                    threading.Thread(target=pump, args=(link,), daemon=True).start()

    def _requests(self, link: _Link) -> None:
        with contextlib.suppress(OSError):  # an end is closed
            while data := link.client.recv(1 << 16):
                match self._met(link, data):
                    case _Planned(fault="lose the request", then=then):
                        then()
                        break
                    case _Planned(fault="lose the answer", then=then):
                        link.lost_answer = then
                    case _Planned():
                        self._thaw.wait()
                    case None:
                        pass
                if data.startswith(b"Q"):
                    time.sleep(self.delay_s)
                link.server.sendall(data)
        link.close()

    def _answers(self, link: _Link) -> None:
        with contextlib.suppress(OSError):  # an end is closed
            while data := link.server.recv(1 << 16):
                if link.lost_answer is not None:
                    link.lost_answer()
                    break
                link.client.sendall(data)
        link.close()

    def _met(self, link: _Link, data: bytes) -> _Planned | None:
        """The client waits for each answer, so a statement begins its own packet: `Q`, four bytes of length, text."""
        if not data.startswith(b"Q"):
            return None
        planned, statement, previous = self._planned, data[5:], link.previous
        link.previous = statement
        if planned is None or not statement.startswith(planned.statement) or not previous.startswith(planned.after):
            return None
        self._planned = None
        self.met.set()
        return planned
