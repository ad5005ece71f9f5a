"""The load: a process of its own that keeps a number of connections busy, each with one request at a time.

Started by the benchmark; prints one line of JSON. Loopback only, and bounded in requests and in seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
from dataclasses import dataclass, field
from itertools import count

from sample_events import sample_request

HOST = "127.0.0.1"

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass(slots=True)
class Load:
    """What is still to be sent, and what came back."""

    requests: list[bytes]
    until: float
    numbers: count[int] = field(default_factory=count)
    latencies_s: list[float] = field(default_factory=list[float])
    failed: int = 0

    def next(self) -> bytes | None:
        """One more request; None when there were enough, in number or in time."""
        number = next(self.numbers)
        return self.requests[number] if number < len(self.requests) and time.perf_counter() < self.until else None


class Connection(asyncio.Protocol):
    """Sends a request, awaits its answer, sends the next."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._answer = b""
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, blank, body = self._answer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not blank or length is None or len(body) < int(length[1]):
            return
        self._load.latencies_s.append(time.perf_counter() - self._sent_at)
        self._load.failed += b" 200 " not in head[:16]
        self._answer = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 # asyncio's
        if not self.done.done():
            self.done.set_exception(ConnectionError("the server closed a connection"))

    def _send(self) -> None:
        request = self._load.next()
        if request is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)


async def run(port: int, connections: int, load: Load) -> float:
    """Send it all; returns the seconds it took."""
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    made = [await loop.create_connection(lambda: Connection(load), HOST, port) for _ in range(connections)]
    await asyncio.gather(*(connection.done for _, connection in made))
    return time.perf_counter() - began


def main() -> None:
    """Read the arguments, send, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("port", "connections", "requests", "seconds"):
        parser.add_argument(f"--{name}", type=int, required=True)
    arguments = parser.parse_args()
    requests = [sample_request(number) for number in range(arguments.requests)]
    load = Load(requests, time.perf_counter() + arguments.seconds)
    took_s = asyncio.run(run(arguments.port, arguments.connections, load))
    answer = {"took_s": took_s, "latencies_s": load.latencies_s, "failed": load.failed}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
