"""What a group does on a real broker with a member that hangs, stands still, or waits for its storage."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from accounts import Accounts
from brokers import both_group_protocols
from consuming import FaultyRecorder, RunningConsumer, eventually, happened, holds_for
from real_broker import RealBroker

from asset_reporting.transactional_recorder import TransactionalRecorder

pytestmark = [pytest.mark.kafka, pytest.mark.usefixtures("scaled_backoff")]

LIMIT_S = 3.0
"""How long a member may go without polling."""


def limits(kafka: RealBroker) -> dict[str, str]:
    """A group that knows soon who is gone; a poll interval may not be shorter than a session."""
    return {**kafka.quick_group(), "max.poll.interval.ms": str(int(LIMIT_S * 1000))}


@pytest.fixture
def hanging(accounts: Accounts) -> Iterator[FaultyRecorder]:
    """A storage that does not come to an end until its gate is opened."""
    recorder = FaultyRecorder(TransactionalRecorder(accounts.instance))
    recorder.gate.clear()
    yield recorder
    recorder.gate.set()


@pytest.mark.fault("storage hangs for longer than max.poll.interval.ms", "P1", "P2", "P3", "P7")
@both_group_protocols
def test_a_storage_that_hangs_for_longer_than_the_poll_interval_costs_no_partition(
    kafka: RealBroker, accounts: Accounts, hanging: FaultyRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "asset_bridge")
    accounts.feed(20)
    with RunningConsumer(kafka, hanging, librdkafka=limits(kafka), max_beat_age_s=3) as consumer:
        eventually(hanging.entered.is_set)
        assert holds_for(LIMIT_S + 2, lambda: consumer.health.alive)
        hanging.gate.set()
        accounts.settled()
        assert not {"lost", "revoked"} & happened(caplog.records)
    accounts.close()


@pytest.mark.fault("consumer stands still for longer than max.poll.interval.ms, a batch in flight", "P1", "P2", "P6")
@both_group_protocols
def test_who_stands_still_for_longer_than_the_poll_interval_is_fenced_and_joins_again(
    kafka: RealBroker,
    accounts: Accounts,
    hanging: FaultyRecorder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    accounts.feed(60)
    goes_on = threading.Event()
    with RunningConsumer(kafka, hanging, librdkafka=limits(kafka)) as still:
        eventually(hanging.entered.is_set)
        monkeypatch.setattr(still.health, "beat", goes_on.wait)  # the next turn of its loop does not end
        with RunningConsumer(kafka, TransactionalRecorder(accounts.instance), librdkafka=limits(kafka)) as other:
            accounts.settled(60)
            assert other.owned == accounts.partitions
            hanging.gate.set()
            goes_on.set()
            eventually(lambda: (still.owned, other.owned) == (1, 1), timeout_s=60)
            accounts.feed(20)
            accounts.settled()
    accounts.close()
    assert {"lost", "fenced"} <= happened(caplog.records)


@pytest.mark.fault("rebalance while partitions are paused for a storage outage", "P1", "P2", "P3", "P6", "P7")
@both_group_protocols
def test_partitions_that_move_while_they_are_paused_are_resumed_wherever_they_are(
    kafka: RealBroker, accounts: Accounts
) -> None:
    recorder = FaultyRecorder(TransactionalRecorder(accounts.instance))
    with RunningConsumer(kafka, recorder) as first:
        accounts.feed(20)
        accounts.settled()
        recorder.broken = "the database is down"
        accounts.feed(20)
        eventually(lambda: first.reason("storage"))
        with RunningConsumer(kafka, recorder) as second:
            eventually(lambda: (first.owned, second.owned) == (1, 1), timeout_s=60)
            eventually(lambda: second.reason("storage") == recorder.broken)  # `partitions` may be mere positioning
            accounts.feed(20)
        eventually(lambda: first.owned == accounts.partitions, timeout_s=60)
        accounts.check()
        recorder.broken = None
        accounts.settled()
        eventually(lambda: first.health.ready)
    accounts.close()
