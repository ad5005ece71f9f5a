"""The flow now, put together from what each source says: what a page shows, in the order of its worth."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from asset_consumer.console.consumers import stopped_partitions
from asset_consumer.console.render import duration
from asset_reporting.recorder import GroupId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asset_consumer.console.consumers import Consumer
    from asset_consumer.console.group_look import GroupLook, Place
    from asset_consumer.offsets import PartitionOffsets
    from asset_reporting.recorder import Positions

SOON_S = 10.0
"""A lag that the rate of now has done with by then is on the way: it is never quite nothing."""

Level: TypeAlias = Literal["good", "note", "bad"]
State: TypeAlias = Literal["flowing", "caught up", "waiting", "paused", "held", "unknown"]
"""`paused`: by an operator. `held`: by the consumer, which tries again, or was stopped."""


@dataclass(frozen=True, slots=True)
class Row:
    """One Kafka partition; `age_s` is for how long its oldest record waits, None where nobody can say."""

    topic: str
    partition: int
    state: State
    reason: str
    lag: int | None
    age_s: float | None
    rate: float | None
    stands: int | None
    ends: int

    @property
    def level(self) -> Level:
        """How much it matters."""
        return "bad" if self.state == "held" else "good" if self.state in {"flowing", "caught up"} else "note"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The whole in one sentence."""

    level: Level
    text: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class Flow:
    """Everything the page of the flow shows of Kafka."""

    rows: tuple[Row, ...]
    consumers: tuple[Consumer, ...]
    verdict: Verdict
    lag: int | None
    age_s: float | None
    rate: float | None

    @property
    def recorder(self) -> Mapping[str, str]:
        """Which recorder the consumers use; empty when none says it."""
        return next((consumer.recorder for consumer in self.consumers if consumer.recorder), dict[str, str]())


@dataclass(frozen=True, slots=True)
class Known:
    """What the sources last answered; None where one never did. `troubles` are what they say now."""

    group: GroupLook | None
    ledger: Positions | None
    consumers: Sequence[Consumer] | None
    oldest: Mapping[Place, float] | None
    rates: Mapping[Place, float] | None
    pauses: Mapping[str, str] | None
    kafka_trouble: str
    storage_trouble: str


def with_ledger(group: GroupLook, ledger: Positions | None) -> list[PartitionOffsets]:
    """Where the group stands, the ledger's word included; it knows a topic by the name of its present log."""
    known = ledger or {}
    return [
        replace(one, ledger=known.get((group.logs.get(one.topic, one.topic), one.partition)))
        for one in group.partitions
    ]


def group_id(group: GroupLook, name: str) -> GroupId:
    """Whose ledger it is."""
    return GroupId(group.cluster_id, name)


def put_together(known: Known) -> Flow:
    """Make the flow of what is known."""
    consumers = tuple(known.consumers or ())
    offsets = with_ledger(known.group, known.ledger) if known.group is not None else []
    stopped = stopped_partitions(consumers)
    rows = tuple(_row(one, known, stopped) for one in offsets)
    lags = [row.lag for row in rows if row.lag is not None]
    ages = [row.age_s for row in rows if row.age_s is not None]
    return Flow(
        rows=rows,
        consumers=consumers,
        verdict=_verdict(known, rows, consumers),
        lag=sum(lags) if lags else None,
        age_s=max(ages) if ages else 0.0 if rows and not sum(lags) else None,
        rate=sum(known.rates.values()) if known.rates is not None else None,
    )


def _row(one: PartitionOffsets, known: Known, stopped: Mapping[Place, str]) -> Row:
    place = one.topic, one.partition
    lag = max(0, one.lag)
    rate = None if known.rates is None else known.rates.get(place, 0.0)
    age_s = _age(place, lag, known)
    paused = _pause(one.topic, known)
    held = stopped.get(place, "")
    return Row(
        topic=one.topic,
        partition=one.partition,
        state="held" if held else "paused" if paused else _state(lag, rate, age_s),
        reason=held or paused,
        lag=lag,
        age_s=age_s,
        rate=rate,
        stands=one.stands,
        ends=one.log_ends,
    )


def _pause(topic: str, known: Known) -> str:
    """Who has paused a topic, by the database; while it does not answer, as consumers last saw it."""
    if known.pauses is not None and not known.storage_trouble:
        return known.pauses.get(topic, "")
    return next((each.paused[topic] for each in known.consumers or () if topic in each.paused), "")


def _state(lag: int, rate: float | None, age_s: float | None) -> State:
    if rate is not None and rate > 0:
        return "flowing"
    if lag == 0:
        return "caught up"
    if rate is None or age_s is None:
        return "unknown"
    return "waiting" if age_s > SOON_S else "flowing"


def _age(place: Place, lag: int, known: Known) -> float | None:
    """From the consumer that has the partition, else by the record's own timestamp."""
    if lag == 0:
        return 0.0
    for consumer in known.consumers or ():
        if place in consumer.ages:
            return consumer.ages[place]
    at = (known.oldest or {}).get(place)
    return None if at is None else max(0.0, time.time() - at)


def _verdict(known: Known, rows: Sequence[Row], consumers: Sequence[Consumer]) -> Verdict:
    return _outage(known) or _hindrance(known, rows, consumers) or _progress(known, rows)


def _outage(known: Known) -> Verdict | None:
    if known.kafka_trouble:
        return Verdict("bad", "Kafka does not answer", known.kafka_trouble)
    if known.storage_trouble:
        return Verdict("bad", "Dagster\N{RIGHT SINGLE QUOTATION MARK}s database does not answer", known.storage_trouble)
    if known.group is not None and known.group.missing:
        missing = "; ".join(f"{topic}: {why}" for topic, why in known.group.missing.items())
        return Verdict("bad", "A topic cannot be looked at", missing)
    return None


def _hindrance(known: Known, rows: Sequence[Row], consumers: Sequence[Consumer]) -> Verdict | None:
    held, paused = ([row for row in rows if row.state == state] for state in ("held", "paused"))
    alive = [consumer for consumer in consumers if not consumer.problem]
    unready = [consumer for consumer in alive if not consumer.ready]
    if held:
        return Verdict("bad", f"{len(held)} of {_partitions(rows)} held", _reasons(held))
    if unready:
        names = sorted({condition.name for consumer in unready for condition in consumer.failing})
        return Verdict("bad", f"{_count(len(unready), 'consumer is', 'consumers are')} not ready", ", ".join(names))
    if known.consumers is not None and not alive:
        return Verdict("note", "No consumer can be reached", "records wait until one takes them")
    if paused:
        return Verdict("note", f"{len(paused)} of {_partitions(rows)} paused by an operator", _reasons(paused))
    return None


def _progress(known: Known, rows: Sequence[Row]) -> Verdict:
    waiting = sum(row.state == "waiting" for row in rows)
    if waiting:
        return Verdict("note", _count(waiting, "partition waits", "partitions wait"), "nothing moves there")
    if known.group is None or known.rates is None:
        return Verdict("note", "Looking for the first time")
    lag, rate = sum(row.lag or 0 for row in rows), sum(known.rates.values())
    if lag > SOON_S * rate and rate > 0:
        return Verdict("good", "Catching up", f"about {duration(lag / rate)} at this rate, if nothing more came")
    return Verdict("good", "Everything flows", "" if lag else "nothing waits")


def _partitions(rows: Sequence[Row]) -> str:
    return _count(len(rows), "partition is", "partitions are")


def _reasons(rows: Sequence[Row]) -> str:
    return "; ".join(dict.fromkeys(row.reason for row in rows))


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
