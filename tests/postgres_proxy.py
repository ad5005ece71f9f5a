"""Stand between a client and PostgreSQL, and lose what passes at a chosen statement, as a network does."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import Literal, Self

from postgres import Server

Fault = Literal["lose the request", "lose the answer", "freeze"]


@dataclass
class _Link:
    client: socket.socket
    server: socket.socket
    loses_answer: threading.Event = field(default_factory=threading.Event)

    def close(self) -> None:
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):  # closed already
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class PostgresProxy:
    """`fail(statement, fault)` lets the next statement that begins so meet its fault."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._faults: dict[bytes, Fault] = {}
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
        self._thaw.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # a close alone would leave `accept` waiting
        self._listener.close()
        for link in self._links:
            link.close()

    def fail(self, statement: str, fault: Fault) -> None:
        self._faults[statement.encode()] = fault

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed
            while True:
                client, _ = self._listener.accept()
                link = _Link(client, socket.create_connection((self._server.host, self._server.port)))
                self._links.append(link)
                for pump in (self._requests, self._answers):
                    threading.Thread(target=pump, args=(link,), daemon=True).start()

    def _requests(self, link: _Link) -> None:
        with contextlib.suppress(OSError):  # an end is closed
            while data := link.client.recv(1 << 16):
                match self._fault(data):
                    case "lose the request":
                        break
                    case "lose the answer":
                        link.loses_answer.set()
                    case "freeze":
                        self._thaw.wait()
                    case None:
                        pass
                link.server.sendall(data)
        link.close()

    def _answers(self, link: _Link) -> None:
        with contextlib.suppress(OSError):  # an end is closed
            while (data := link.server.recv(1 << 16)) and not link.loses_answer.is_set():
                link.client.sendall(data)
        link.close()

    def _fault(self, data: bytes) -> Fault | None:
        """The client waits for each answer, so a statement begins its own packet: `Q`, four bytes of length, text."""
        for statement in self._faults:
            if data.startswith(b"Q") and data[5:].startswith(statement):
                self.met.set()
                return self._faults.pop(statement)
        return None
