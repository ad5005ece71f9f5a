"""Ports for servers of other processes, which are told theirs before they listen."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack, closing, suppress

_OUTSIDE = range(10_000, 32_000)
"""Below what systems give out by themselves (from 32768 on Linux): there a port that was free a second ago may be the
other end of any connection."""


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now; all are held until the last is found, so that no two are the same."""
    with ExitStack() as held:
        probes: list[socket.socket] = []
        while len(probes) < count:
            port = random.choice(_OUTSIDE)  # noqa: S311 # so that test processes choose apart, no secret
            with suppress(OSError):  # taken
                probes.append(held.enter_context(closing(socket.create_server(("127.0.0.1", port)))))
        return [probe.getsockname()[1] for probe in probes]


def free_port() -> int:
    """One such port."""
    return free_ports(1)[0]
