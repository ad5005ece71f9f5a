"""What the consumers say of themselves: `/readyz` and `/metrics` of every address behind the names we were given."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import SplitResult, urlsplit

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

TIMEOUT_S = 2.0
"""Seconds that a consumer may take for one step of an answer."""

MAX_BYTES = 4 * 1024 * 1024
"""Most of an answer that is read."""

MAX_ADDRESSES = 64
"""Most consumers that are asked."""

ANSWER_S = 5.0
"""Seconds that a whole answer may take: one who sends byte after byte must not keep the others waiting."""

MAX_ENTRIES, MAX_TEXT = 100, 64 * 1024
"""Conditions and pauses that are taken from a consumer, and characters of each text: they stand on a page."""

AT_A_TIME = 8

MAX_DIGITS = 10
"""Of the number of a Kafka partition."""

OLDEST = "asset_bridge_oldest_unprocessed_record_age_seconds"
"""The gauge with labels topic and partition; taken from its consumer where there is one."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of readiness."""

    name: str
    ok: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Consumer:
    """One process; `problem` says why nothing more is known of it, empty when it answered."""

    name: str
    address: str
    problem: str = ""
    ready: bool = False
    conditions: tuple[Condition, ...] = ()
    recorder: Mapping[str, str] = field(default_factory=dict[str, str])
    assigned: int | None = None
    ages: Mapping[tuple[str, int], float] = field(default_factory=dict[tuple[str, int], float])
    """Seconds that the oldest record of each of its Kafka partitions has waited."""

    paused: Mapping[str, str] = field(default_factory=dict[str, str])
    """Topics that operators have paused, with who did it, since when and why."""

    @property
    def failing(self) -> tuple[Condition, ...]:
        """The conditions that do not hold."""
        return tuple(condition for condition in self.conditions if not condition.ok)


def ask_consumers(urls: Sequence[str]) -> list[Consumer]:
    """Ask all of them side by side; one that does not answer is told so, and keeps nobody else waiting."""
    with ThreadPoolExecutor(AT_A_TIME, "console-consumer") as threads:
        found = [place for places in threads.map(_places, urls) for place in places]
        return list(threads.map(_ask, found[:MAX_ADDRESSES]))


def stopped_partitions(consumers: Iterable[Consumer]) -> dict[tuple[str, int], str]:
    """Why Kafka partitions wait, as their consumers' condition `partitions` tells it: `topic/0: why; topic/1: why`."""
    found: dict[tuple[str, int], str] = {}
    for consumer in consumers:
        for condition in consumer.failing:
            if condition.name == "partitions":
                found |= _reasons(condition.reason)
    return found


def _reasons(text: str) -> dict[tuple[str, int], str]:
    found: dict[tuple[str, int], str] = {}
    last: tuple[str, int] | None = None
    for part in text.split("; "):
        name, _, why = part.partition(": ")
        topic, _, partition = name.rpartition("/")
        if topic and partition.isdecimal() and len(partition) <= MAX_DIGITS and why:
            last = topic, int(partition)
            found[last] = why
        elif last is not None:  # a reason may hold a semicolon itself
            found[last] += f"; {part}"
    return found


@dataclass(frozen=True, slots=True)
class _Place:
    url: SplitResult
    ip: str
    problem: str = ""

    @property
    def name(self) -> str:
        return f"{self.url.hostname}:{self.port}"

    @property
    def port(self) -> int:
        return self.url.port or (443 if self.url.scheme == "https" else 80)


def _places(url: str) -> list[_Place]:
    """All addresses of the name: a headless Service in Kubernetes has one for each replica."""
    parts = urlsplit(url)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM)
    except OSError:
        return [_Place(parts, "", "its name is not known here")]
    return [_Place(parts, ip) for ip in sorted({str(info[4][0]) for info in found})]


def _ask(place: _Place) -> Consumer:
    address = f"{place.ip}:{place.port}" if place.ip else ""
    if place.problem:
        return Consumer(place.name, address, place.problem)
    try:
        document = json.loads(_get(place, "/readyz"))
    except (OSError, http.client.HTTPException) as error:
        return Consumer(place.name, address, _unreachable(error))
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or "conditions" not in document:
        return Consumer(place.name, address, "something else than asset-bridge answers there")
    known = cast("dict[str, Any]", document)
    try:
        ages = _ages(_get(place, "/metrics").decode())
    except (OSError, ValueError, http.client.HTTPException):
        ages = {}
    return _consumer(place.name, address, known, ages)


def _consumer(name: str, address: str, document: dict[str, Any], ages: dict[tuple[str, int], float]) -> Consumer:
    try:
        conditions = tuple(
            Condition(_text(key), one["ok"] is True, _text(one["reason"]))
            for key, one in islice(document["conditions"].items(), MAX_ENTRIES)
        )
        recorder = {
            _text(key): _text(value) for key, value in islice(document.get("recorder", {}).items(), MAX_ENTRIES)
        }
        pauses = islice(document.get("paused", {}).items(), MAX_ENTRIES)
        paused = {_text(topic): _text(pause_text(**pause)) for topic, pause in pauses}
    except (AttributeError, KeyError, TypeError):
        return Consumer(name, address, "its answer has another form than ours")
    assigned = document.get("assigned")
    return Consumer(
        name=name,
        address=address,
        ready=document.get("status") == "ready",
        conditions=conditions,
        recorder=recorder,
        assigned=assigned if isinstance(assigned, int) else None,
        ages=ages,
        paused=paused,
    )


def _text(value: object) -> str:
    text = str(value)
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "\N{HORIZONTAL ELLIPSIS}"


def pause_text(reason: str, by: str, since: str) -> str:
    """An operator's pause in words."""
    return f"paused by {by} since {since}: {reason}"


def _ages(text: str) -> dict[tuple[str, int], float]:
    lines = "\n".join(line for line in text.splitlines() if line.startswith(OLDEST))
    return {
        (sample.labels["topic"], int(sample.labels["partition"])): sample.value
        for family in text_string_to_metric_families(lines + "\n")
        for sample in family.samples
        if {"topic", "partition"} <= set(sample.labels)
    }


def _get(place: _Place, path: str) -> bytes:
    host = place.url.hostname or ""
    connection = http.client.HTTPConnection(host, place.port, timeout=TIMEOUT_S)
    sock = socket.create_connection((place.ip, place.port), TIMEOUT_S)
    try:
        if place.url.scheme == "https":
            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host)
        connection.sock = sock
        with _ended_in_time(sock):
            connection.request("GET", place.url.path + path, headers={"Accept": "*/*", "Connection": "close"})
            return connection.getresponse().read(MAX_BYTES)
    finally:
        connection.close()
        sock.close()


@contextmanager
def _ended_in_time(sock: socket.socket) -> Generator[None]:
    """Break the connection when the answer takes too long in all; its own timeout is that of one step."""
    late = threading.Event()

    def end() -> None:
        late.set()
        with suppress(OSError):  # it has ended just now
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # below TLS, which somebody is reading from

    timer = threading.Timer(ANSWER_S, end)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if late.is_set():
            raise TimeoutError


def _unreachable(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    return f"cannot be reached ({type(error).__name__})"
