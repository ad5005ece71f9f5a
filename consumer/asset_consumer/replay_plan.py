"""What is to be done with a dead letter: sent again, parked or left, and how its record then looks. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from asset_consumer.dead_letter_headers import PREFIX, redrive_mark
from asset_consumer.letter_patch import PatchError
from asset_consumer.letter_sender import ANY_PARTITION, Outgoing
from asset_consumer.letter_topics import is_parking, parking_topic
from asset_consumer.missing_right import named

if TYPE_CHECKING:
    from collections.abc import Callable

    from asset_consumer.letter_patch import NewValue, Patch
    from asset_consumer.letters import Letter
    from asset_consumer.record import Headers, Record
    from asset_events import ErrorDetail

Action: TypeAlias = Literal["replay", "park", "leave"]

MAX_REPLAYS: Final = 3
"""A record that was sent again so often without success is parked instead."""

PATCHED_BY: Final = f"{PREFIX}patched_by"
"""Header of a record whose value was corrected: by whom. It stands before the mark of a redriven record."""

_CAN_COUNT: Final = 9999


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """How an operator wants letters to be sent again.

    `inputs` are the topics that may be sent to without naming one. `original_time` keeps the record's timestamp, else
    it is that of the sending. `park_failing` parks what cannot be sent, instead of leaving it.
    """

    by: str
    inputs: frozenset[str]
    to_topic: str | None = None
    repartition: bool = False
    patch: Patch | NewValue | None = None
    max_replays: int = MAX_REPLAYS
    original_time: bool = False
    park_failing: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done with one letter; `why` it is parked or left; `outgoing` is None when it is left."""

    letter: Letter
    action: Action
    outgoing: Outgoing | None = None
    code: str | None = None
    why: str | None = None
    patched: bool = False


class ReplayPlan:
    """Decides over letters one by one.

    `partitions` tells how many a topic has, or why it cannot be written to; `refusal` what would be refused again, and
    is None where nobody wants to know.
    """

    def __init__(
        self,
        options: ReplayOptions,
        partitions: Callable[[str], int | str],
        refusal: Callable[[Record], ErrorDetail | None] | None,
    ) -> None:
        """Take how it is wanted, and whom to ask."""
        self._options, self._partitions, self._refusal = options, partitions, refusal

    def replay(self, letter: Letter) -> Step:
        """Plan to send a letter's record again, unless something stands in the way."""
        step = self._replay(letter)
        if step.action != "leave" or not self._options.park_failing:
            return step
        parked = self.park(letter, step.code, step.why)
        return step if parked.action == "leave" else parked

    def _replay(self, letter: Letter) -> Step:
        options = self._options
        if letter.replays >= min(options.max_replays, _CAN_COUNT):
            return self.park(letter, "replays.exceeded", f"It was sent again {letter.replays} times already.")
        topic = letter.record.topic if options.to_topic is None else options.to_topic
        if options.to_topic is None and topic not in options.inputs:
            return _left(letter, "topic.not_input", "The topic it names is no input of these settings; see --to-topic.")
        partition = self._partition(topic, letter.record.partition)
        if isinstance(partition, str):
            return _left(letter, "topic.unusable", partition)
        try:
            value = letter.record.value if options.patch is None else options.patch.apply(letter.record.value)
        except PatchError as error:
            return _left(letter, "patch.failed", f"It cannot be patched: {error}.")
        patched = value != letter.record.value
        headers = replayed_headers(letter, options.by if patched else None)
        record = replace(letter.record, topic=topic, value=value, headers=headers)
        wrong = self._judge(record, letter)
        if wrong is not None:
            return _left(letter, wrong.code, f"It would be refused again: {wrong.path or '/'} {wrong.message}")
        time = (record.timestamp_ms or 0) if options.original_time else 0
        outgoing = Outgoing(topic, partition, record.key, value, headers, max(0, time))
        return Step(letter, "replay", outgoing, patched=patched)

    def park(self, letter: Letter, code: str | None = None, why: str | None = None) -> Step:
        """Plan to copy a letter as it is to the parking topic; one that lies there already stays."""
        if is_parking(letter.topic):
            return _left(letter, code or "parked.already", why or "It is parked already.")
        topic = parking_topic(letter.topic)
        if topic in self._options.inputs:
            return _left(letter, "parking.is_input", f"{topic} is read as input: a parked letter would come back.")
        found = self._partitions(topic)
        if isinstance(found, str):
            return _left(letter, "parking.unusable", f"{topic} cannot be written to: {named(found, 'WRITE', 'it')}.")
        partition = letter.partition if letter.partition < found else ANY_PARTITION
        outgoing = Outgoing(topic, partition, letter.record.key, letter.record.value, letter.headers)
        return Step(letter, "park", outgoing, code, why)

    def _judge(self, record: Record, letter: Letter) -> ErrorDetail | None:
        """By the rules of the topic it goes to; by those it failed under, where that is no input of ours."""
        if self._refusal is None:
            return None
        known = record.topic in self._options.inputs
        return self._refusal(record if known else replace(record, topic=letter.record.topic))

    def _partition(self, topic: str, partition: int) -> int | str:
        found = self._partitions(topic)
        if isinstance(found, str):
            return f"{topic} cannot be written to: {named(found, 'WRITE', 'it')}."
        if self._options.repartition:
            return ANY_PARTITION
        if partition >= found:
            return f"{topic} has no partition {partition}; --repartition chooses by key."
        return partition


def replayed_headers(letter: Letter, patched_by: str | None = None) -> Headers:
    """The headers of the record that is sent again: its own, as they were, and the mark that keeps its identity."""
    headers = letter.record.headers
    own = headers[:-2] if letter.replays else headers  # the mark of the time before
    if patched_by is not None:
        earlier = bool(letter.replays) and bool(own) and own[-1][0] == PATCHED_BY
        own = (*(own[:-1] if earlier else own), (PATCHED_BY, patched_by.encode("utf-8", "replace")))
    return own + redrive_mark(letter.id, letter.replays + 1)


def _left(letter: Letter, code: str, why: str) -> Step:
    return Step(letter, "leave", code=code, why=why)
