"""Many events go in parts, each small enough for one request and one deadline; one result comes back for each."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from asset_client.errors import EventRefusedError, NotReportedError
from asset_client.fields import encode, named
from asset_client.reporter import Done, Result
from asset_events import AssetEvent

MAX_PART_EVENTS: Final = 1000
"""Most events in one part: as many as the server records in one transaction."""

MAX_PART_BYTES: Final = 4 * 1024 * 1024
"""Largest part of more than one event: well below the server's limit for a request (16 MiB)."""

Step = TypeVar("Step")

Flow: TypeAlias = Generator[Step, Any, list[Result[Done]]]
"""Yields what is to be done next and is sent what came of it, so that it runs blocking or on an event loop alike."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A step: wait so long before going on."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Sendable:
    """An event with its idempotency key, and as it is written."""

    event: AssetEvent
    value: bytes


def in_parts(
    events: Sequence[AssetEvent], max_event_bytes: int, send: Callable[[Sequence[Sendable]], Flow[Step, Done]]
) -> Flow[Step, Done]:
    """Send part after part, until one has an event that could not be reported: no part behind it is tried."""
    results: dict[int, Result[Done]] = {}
    sound: dict[int, Sendable] = {}
    for index, event in enumerate(events):
        try:
            event_with_key = named(event)
            sound[index] = Sendable(event_with_key, encode(event_with_key, max_event_bytes))
        except EventRefusedError as error:
            results[index] = error
    outage = False
    for part in _parts(sound):
        told: Sequence[Result[Done]] = [_behind() for _ in part]
        if not outage:
            told = yield from send([sound[index] for index in part])
        outage = outage or any(isinstance(one, NotReportedError) for one in told)
        results.update(zip(part, told, strict=True))
    return [results[index] for index in range(len(events))]


def _behind() -> NotReportedError:
    return NotReportedError("not tried, as one before it could not be reported", may_be_recorded=False)


def _parts(sound: dict[int, Sendable]) -> Iterator[list[int]]:
    part: list[int] = []
    size = 0
    for index, one in sound.items():
        if part and (len(part) == MAX_PART_EVENTS or size + len(one.value) > MAX_PART_BYTES):
            yield part
            part, size = [], 0
        part.append(index)
        size += len(one.value) + 1
    if part:
        yield part
