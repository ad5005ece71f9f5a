"""Hold the ledger against Kafka's committed offsets and the ends of the logs: what would the next start do?

The rules are those by which a consumer begins (`positions.py`). Consumers may be running meanwhile: the ledger is read
before Kafka is asked and after it, and what lies between the two readings is no drift.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asset_consumer.commits import LEDGER_MARK
from asset_consumer.offsets import PartitionOffsets, show_offsets
from asset_consumer.positions import in_ledger

if TYPE_CHECKING:
    from asset_consumer.options import StartPolicy
    from asset_consumer.settings import Settings
    from asset_reporting.recorder import GroupId, Positions


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said about one Kafka partition, or about a row of the ledger that belongs to none (`offsets`)."""

    name: str
    next_start: str
    """What a consumer will do that begins now."""
    to_do: str = ""
    """What an operator should look at; empty where all is well."""
    records: int = 0
    """How many records it is about, at most: offsets may be missing in a log."""

    @property
    def drift(self) -> bool:
        """Whether a person must look."""
        return bool(self.to_do)


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found: each partition with its verdict, and rows of the ledger that belong to none of them."""

    partitions: list[tuple[PartitionOffsets, Verdict]]
    left_over: Positions

    @property
    def drift(self) -> bool:
        """Whether a person must look at any of them."""
        return any(verdict.drift for _, verdict in self.partitions)


def verify_offsets(settings: Settings, ledger: Callable[[GroupId], Positions]) -> Verified:
    """Judge every partition of the input topics, changing nothing; raises what the ledger raises.

    Raises:
        OffsetsError: Kafka does not answer, or a topic is not there.
    """
    asked: list[tuple[GroupId, Positions]] = []

    def read(group: GroupId) -> Positions:
        asked.append((group, ledger(group)))
        return asked[-1][1]

    found = show_offsets(settings, read)
    group, before = asked[0]
    after = read(group)
    policy = settings.kafka.out_of_range
    partitions = [(one, judge(one, before, after, policy)) for one in found]
    here = {(one.log, one.partition) for one in found} | {(one.topic, one.partition) for one in found}
    return Verified(partitions, {key: offset for key, offset in after.items() if key not in here})


def judge(one: PartitionOffsets, before: Positions, after: Positions, policy: StartPolicy) -> Verdict:
    """Judge one partition by the ledger as it was before Kafka was asked, and after."""
    stood, _ = in_ledger(one.log, one.partition, before)
    stands, of_this_log = in_ledger(one.log, one.partition, after)
    committed = one.committed
    kafka_wins = committed is not None and (stands is None or one.mark != LEDGER_MARK)
    lowest, begins = (committed, committed) if kafka_wins else (stood, stands)
    if begins is None:
        return Verdict("new", "begins as kafka.start says: the group has no offset yet")
    if not kafka_wins and not of_this_log:
        text = "the topic was deleted and made anew: what of the old one was not read is gone"
        return _outside("another log", one, policy, 0, text)
    if begins < one.log_begins:
        lost = one.log_begins - begins
        return _outside("deleted unread", one, policy, lost, f"retention has deleted up to {lost} records unread")
    if (begins if lowest is None else lowest) > one.log_ends:
        text = "the log was cut, or the offset is of another cluster or database"
        return _outside("beyond the end", one, policy, 0, text)
    if kafka_wins and committed is not None:
        return _by_kafka(one, committed, stands if of_this_log else None)
    return _by_ledger(one, begins if stood is None else stood, begins)


def _by_kafka(one: PartitionOffsets, committed: int, ledger: int | None) -> Verdict:
    """The committed offset wins: it is not marked, or the ledger does not know the partition."""
    begins = f"begins at {committed}, as committed"
    if ledger is None and one.mark == LEDGER_MARK:
        to_do = "is DAGSTER_HOME the database that the consumers write to? Or was it restored from before their start?"
        return Verdict("not in ledger", begins, to_do, committed - one.log_begins)
    if ledger is None:
        return Verdict("begins", f"{begins} ({one.set_by})")
    if committed == ledger:
        return Verdict("in step", begins)
    if committed > ledger and one.set_by != "operator":
        return Verdict("went on without ledger", f"{begins}: the ledger follows")
    to_do = f"was it you who reset the group? If not: {_reset(one, ledger)} while the consumers are stopped"
    if committed > ledger:
        return Verdict("skips", f"{begins}: skips {committed - ledger} records", to_do, committed - ledger)
    return Verdict("repeats", f"{begins}: records {ledger - committed} again", to_do, ledger - committed)


def _by_ledger(one: PartitionOffsets, stood: int, ledger: int) -> Verdict:
    """The ledger wins: what is committed in Kafka was committed beside it, or nothing is."""
    begins = f"begins at {ledger}, by the ledger"
    if one.committed is None:
        return Verdict("not committed", begins)
    if one.committed > ledger:
        to_do = (
            "was the database restored? Then start: what the restore has lost is recorded again."
            f" If not, look at DAGSTER_HOME, or {_reset(one, one.committed)} to go on there"
        )
        ahead = one.committed - ledger
        return Verdict("ledger behind", f"{begins}: reads {ahead} again", to_do, ahead)
    if one.committed < stood:  # a batch is between the two, or the consumer died there: nothing is read again
        return Verdict("commit behind", begins, records=ledger - one.committed)
    return Verdict("in step", begins)


def _outside(name: str, one: PartitionOffsets, policy: StartPolicy, records: int, what: str) -> Verdict:
    """The offset that counts lies outside the log."""
    places = {"earliest": f"begins at {one.log_begins}", "latest": f"begins at {one.log_ends}", "error": "stops"}
    to_do = what if policy != "error" else f"{what}; {_reset(one, 'earliest')} (or latest), or set kafka.out_of_range"
    return Verdict(name, f"{places[policy]}: kafka.out_of_range is {policy}", to_do, records)


def _reset(one: PartitionOffsets, to: int | str) -> str:
    return f"asset-bridge offsets reset --topic {one.topic} --partition {one.partition} --to {to} --apply"
