"""When to post, how often, and when to give up. Knows no socket: both clients drive it."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from asset_client.answers import Answer, NoAnswer, read, retry_after_s
from asset_client.errors import NotReportedError
from asset_client.parts import Flow, Pause, Sendable, in_parts
from asset_client.reporter import Result
from asset_client.results import Reported
from asset_events import AssetEvent

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a report may take, and how large an event may be."""

    deadline_s: float
    timeout_s: float
    max_event_bytes: int


@dataclass(frozen=True, slots=True)
class Post:
    """A step: post this, and wait no longer than `timeout_s`; to be sent an `Answer` or a `NoAnswer`."""

    path: str
    body: bytes
    timeout_s: float


PostFlow: TypeAlias = Flow[Post | Pause, Reported]


def report_flow(events: Sequence[AssetEvent], limits: Limits, *, many: bool) -> PostFlow:
    """Report events; `many` by the endpoint for many, else the only one by its own."""
    return in_parts(events, limits.max_event_bytes, lambda part: _settle(part, limits, many=many))


def _settle(part: Sequence[Sendable], limits: Limits, *, many: bool) -> PostFlow:
    """Post the events, and again those that an outage kept from being recorded, until the deadline."""
    deadline = time.monotonic() + limits.deadline_s
    results: dict[int, Result[Reported]] = {}
    uncertain: set[int] = set()
    waiting, reason, longest = list(range(len(part))), "no time was left to try", FIRST_PAUSE_S
    while (left := deadline - time.monotonic()) > 0:
        answer = yield _post([part[index] for index in waiting], min(limits.timeout_s, left), many=many)
        for index, fate in zip(waiting, read(answer, len(waiting), many=many), strict=True):
            if isinstance(fate, NoAnswer):
                reason = fate.reason
                uncertain.update([index] if fate.sent else [])
            else:
                results[index] = fate
        waiting = [index for index in waiting if index not in results]
        pause = _pause_s(answer, longest)
        if not waiting or time.monotonic() + pause >= deadline:
            break
        yield Pause(pause)
        longest = min(LONGEST_PAUSE_S, longest * 2)
    for index in waiting:
        results[index] = NotReportedError(reason, may_be_recorded=index in uncertain)
    return [results[index] for index in range(len(part))]


def _post(sendables: Sequence[Sendable], timeout_s: float, *, many: bool) -> Post:
    if many:
        return Post("report_asset_events", b"[%b]" % b",".join(one.value for one in sendables), timeout_s)
    (one,) = sendables
    return Post(f"report_{one.event.event_type}/", one.value, timeout_s)


def _pause_s(answer: Answer | NoAnswer, longest: float) -> float:
    """What the server asks for at least; else any time up to the longest, so that clients do not come back together."""
    return max(retry_after_s(answer), random.uniform(0, longest))  # noqa: S311 # no secret
