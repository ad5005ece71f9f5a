"""What operators have paused, as a consumer last saw it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeAlias

from asset_consumer import happenings
from asset_reporting.storage_errors import describe, is_misfit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from asset_consumer.lane import Lane
    from asset_consumer.settle import Road
    from asset_reporting.health import Health
    from asset_reporting.pauses import Pauses

    Answer: TypeAlias = Pauses | Exception

LOOK_EVERY_S = 3.0
"""How often the pauses are read: an operator sees one take effect within five seconds, but for a batch under way."""


class PauseWatch:
    """The pauses of a group, kept as they are while they cannot be read; used from the consumer thread only."""

    def __init__(self, road: Road, health: Health, on_worker: Callable[[Callable[[], Answer]], Answer]) -> None:
        self._road, self._health, self._on_worker = road, health, on_worker
        self._look_at = 0.0
        self._asked_for: set[Lane] = set()
        self._readable = True
        self._known: Pauses = {}

    def look(self, lanes: Iterable[Lane], note_outage: Callable[[str], None]) -> bool:
        """Before a batch: let each lane know what is paused now; False when the storage does not say.

        It is read when it is time, and when a partition has come that may have been paused meanwhile.
        """
        lanes = set(lanes)  # as they are now: more may come while the worker reads
        if time.monotonic() < self._look_at and lanes <= self._asked_for:
            return True
        answer = self._on_worker(self._read)
        if not isinstance(answer, Exception):
            self._learn(answer)
        elif not is_misfit(answer):
            note_outage(describe(answer))
            return False
        elif self._readable:  # no waiting mends that, and nobody may ever have paused anything
            happenings.pauses_unreadable(describe(answer))
        self._readable = not isinstance(answer, Exception)
        self._look_at, self._asked_for = time.monotonic() + LOOK_EVERY_S, lanes
        for lane in lanes:
            lane.operator_pause = self._known.get(lane.topic)
        return True

    def _read(self) -> Answer:
        """On the worker thread; what the storage raises is an answer, what the client raises meanwhile is none."""
        try:
            return self._road.pauses(self._road.options.group_id)
        except Exception as error:  # noqa: BLE001 # whatever it is, the storage does not say
            return error

    def _learn(self, pauses: Pauses) -> None:
        topics = self._road.options.topics.keys() & pauses.keys()
        before, self._known = self._known, {topic: pauses[topic] for topic in topics}
        for topic in before.keys() - topics:
            happenings.resumed_by_operator(topic, before[topic])
        for topic, pause in self._known.items():
            if before.get(topic) != pause:
                happenings.paused_by_operator(topic, pause)
        shown = {topic: pause.as_dict() for topic, pause in sorted(self._known.items())}
        self._health.note("paused", shown)  # no condition: a rollout must not fail because somebody paused
