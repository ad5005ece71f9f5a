"""Where the logs of the owned partitions end: asked on the way, without ever waiting.

librdkafka knows it from its fetches alone, and so has no idea while a partition is paused (its statistics then stand
still, or say -1001): the very time when somebody wants to know the lag.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined] # documented, not declared

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from concurrent.futures import Future

    from confluent_kafka.admin import AdminClient, ListOffsetsResultInfo  # type: ignore[attr-defined] # see above

    from asset_consumer.lane import Lane

LOOK_EVERY_S = 5.0
ASK_S = 5.0
"""How often the question is asked, and how long it may take."""


class LogEnds:
    """Asks for one thread; `latest` may be read from any, as it is replaced and never changed."""

    def __init__(self, admin: AdminClient) -> None:
        """Take a client of the same brokers, with the consumer's rights."""
        self._admin = admin
        self._asked: dict[TopicPartition, Future[ListOffsetsResultInfo]] = {}
        self._asked_at = time.monotonic() - LOOK_EVERY_S
        self.latest: Mapping[tuple[str, int], int] = {}
        """The offset behind the last committed record, by topic and partition; of what is no more owned, too."""

    def look(self, lanes: Iterable[Lane]) -> None:
        """Ask when it is time, take the answers when they are there, and note which lanes are behind."""
        if not self._asked:
            if time.monotonic() - self._asked_at >= LOOK_EVERY_S:
                self._asked, self._asked_at = self._ask(lanes), time.monotonic()
        elif all(future.done() for future in self._asked.values()):
            answered, self._asked = self._asked, {}
            told = {(at.topic, at.partition): _answer(future) for at, future in answered.items()}
            self.latest = {**self.latest, **{where: end for where, end in told.items() if end is not None}}
            for lane in lanes:
                _note_whether_behind(lane, self.latest.get((lane.topic, lane.partition)))

    def _ask(self, lanes: Iterable[Lane]) -> dict[TopicPartition, Future[ListOffsetsResultInfo]]:
        latest = cast("OffsetSpec", OffsetSpec.latest())  # type: ignore[no-untyped-call] # its type is not declared
        ends = {TopicPartition(lane.topic, lane.partition): latest for lane in lanes}
        if not ends:
            return {}
        return cast(
            "dict[TopicPartition, Future[ListOffsetsResultInfo]]",
            self._admin.list_offsets(  # pyright: ignore[reportUnknownMemberType] - an untyped Future
                ends, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=ASK_S
            ),
        )


def _answer(future: Future[ListOffsetsResultInfo]) -> int | None:
    """None where the brokers do not tell now: what is known stays."""
    try:
        return int(future.result(0).offset)
    except KafkaException:
        return None


def _note_whether_behind(lane: Lane, end: int | None) -> None:
    position = lane.position
    if position is None or end is None or not lane.left(end):
        lane.behind = None
    elif lane.behind is None or lane.behind[0] != position:  # a lane that comes forward waits for another record
        lane.behind = (position, time.time())
