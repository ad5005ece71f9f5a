"""A broker that is killed and started again while records, letters and offsets are on their way."""

from __future__ import annotations

import pytest
from accounts import Accounts
from brokers import both_group_protocols
from consuming import RunningConsumer, eventually
from real_broker import RealBroker
from striking import strike_at

from asset_consumer.dead_letter_producer import DeadLetterProducer
from asset_reporting.transactional_recorder import TransactionalRecorder

pytestmark = [pytest.mark.kafka, pytest.mark.usefixtures("scaled_backoff")]


@both_group_protocols
@pytest.mark.parametrize(
    "step",
    [
        pytest.param((DeadLetterProducer, "_produce"), id="letters"),
        pytest.param((TransactionalRecorder, "record"), id="records"),
    ],
)
@pytest.mark.fault("broker killed in mid-drain, and started again", "P1", "P2", "P3", "P6", "P7")
def test_a_broker_that_dies_in_mid_drain_costs_nothing(
    kafka: RealBroker, accounts: Accounts, monkeypatch: pytest.MonkeyPatch, step: tuple[type, str]
) -> None:
    struck = strike_at(monkeypatch, *step, passage=5, strike=kafka.broker_down)
    accounts.feed(200)
    with RunningConsumer(kafka, TransactionalRecorder(accounts.instance), batch_max_records=20) as consumer:
        eventually(struck)
        eventually(lambda: consumer.reason("broker") or consumer.reason("partitions"))
        assert consumer.health.alive
        kafka.broker_up()
        accounts.feed(20)
        accounts.settled(60)
        eventually(lambda: consumer.health.ready)
    accounts.close()
