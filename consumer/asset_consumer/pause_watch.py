"""What operators have paused, as a consumer last saw it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from asset_consumer import happenings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asset_consumer.lane import Lane
    from asset_reporting.pauses import Pauses

LOOK_EVERY_S = 3.0
"""How often the pauses are read: an operator sees one take effect within five seconds, but for a batch under way."""


class PauseWatch:
    """The pauses of a group, kept as they are while they cannot be read; used from the consumer thread only."""

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics = frozenset(topics)
        self._look_at = 0.0
        self._asked_for: set[Lane] = set()
        self._readable = True
        self.known: Pauses = {}

    def due(self, lanes: Iterable[Lane]) -> bool:
        """Whether to read them now: it is time, or a partition has come that may have been paused meanwhile."""
        return time.monotonic() >= self._look_at or not self._asked_for.issuperset(lanes)

    def learn(self, pauses: Pauses, lanes: Iterable[Lane]) -> None:
        """Take what was read, and let each lane know; `lanes` are those that there were before it was read."""
        before, self.known = self.known, {topic: pauses[topic] for topic in self._topics & pauses.keys()}
        for topic in before.keys() - self.known.keys():
            happenings.resumed_by_operator(topic, before[topic])
        for topic, pause in self.known.items():
            if before.get(topic) != pause:
                happenings.paused_by_operator(topic, pause)
        self._readable = True
        self._show(lanes)

    def unreadable(self, reason: str, lanes: Iterable[Lane]) -> None:
        """Go on with what is known where the table denies itself, which no waiting ends."""
        if self._readable:
            happenings.pauses_unreadable(reason)
        self._readable = False
        self._show(lanes)

    def _show(self, lanes: Iterable[Lane]) -> None:
        self._look_at = time.monotonic() + LOOK_EVERY_S
        self._asked_for = set(lanes)
        for lane in self._asked_for:
            lane.operator_pause = self.known.get(lane.topic)
