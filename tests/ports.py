"""Ports for servers of other processes, which are told theirs before they listen."""

from __future__ import annotations

import itertools
import os
import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress

_OUTSIDE = range(10_000, 32_000)
"""Below what systems give out by themselves (from 32768 on Linux): there a port that was free a second ago may be the
other end of any connection."""


def ports_of(worker: int, workers: int) -> range:
    """The ports that one of several test processes chooses from: no other one's.

    A broker listens seconds after its port was chosen, and who else chose it meanwhile would keep it from that.
    """
    return _OUTSIDE[worker::workers]


def in_turn(ports: range) -> Iterator[int]:
    """All of them from a random one on, again and again: none comes twice while its server may still be starting."""
    first = random.randrange(len(ports))  # noqa: S311 # so that two runs on one machine choose apart, no secret
    return itertools.cycle([*ports[first:], *ports[:first]])


_mine = in_turn(
    ports_of(
        int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")),
        int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")),
    )
)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now; all are held until the last is found."""
    with ExitStack() as held:
        probes: list[socket.socket] = []
        while len(probes) < count:
            with suppress(OSError):  # taken
                probes.append(held.enter_context(closing(socket.create_server(("127.0.0.1", next(_mine))))))
        return [probe.getsockname()[1] for probe in probes]


def free_port() -> int:
    """One such port."""
    return free_ports(1)[0]
