"""Stand between an HTTP client and a server, and lose, hold or slow its answers, as a network does."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Literal, Self

Fault = Literal["lose", "hold", "drip"]


class HttpProxy:
    """`faults` are met one per answer, in their order; after them everything passes."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.faults: list[Fault] = []
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # a close alone would leave `accept` waiting
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                for pump in (self._requests, self._answers):
                    threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                server.sendall(data)
        _close(client, server)

    def _answers(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 16):
                match self.faults.pop(0) if self.faults else None:
                    case "lose":
                        break
                    case "hold":
                        self._over.wait(30)
                        break
                    case "drip":
                        _drip(client, server, data)
                    case None:
                        client.sendall(data)
        _close(client, server)


def _drip(client: socket.socket, server: socket.socket, data: bytes) -> None:
    """Pass on the head of an answer, and its body byte by byte."""
    head, end, body = data.partition(b"\r\n\r\n")
    client.sendall(head + end)
    for byte in body or server.recv(1 << 16):
        client.sendall(bytes([byte]))
        time.sleep(0.05)


def _close(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):  # closed already
            end.shutdown(socket.SHUT_RDWR)
        end.close()
