"""A dead-letter topic that an operator changes while letters are written to it."""

from __future__ import annotations

import random

import pytest
from accounts import Accounts
from consuming import RunningConsumer, eventually
from mock_cluster import produce
from real_broker import RealBroker

from asset_reporting.transactional_recorder import TransactionalRecorder

pytestmark = [pytest.mark.kafka, pytest.mark.usefixtures("scaled_backoff")]

LARGE = random.Random(1).randbytes(5000)  # noqa: S311 # repeatable; letters are compressed, and this cannot be


@pytest.mark.fault("dead-letter topic deleted, and made again", "P1", "P2", "P6", "P7")
def test_a_dead_letter_topic_that_is_deleted_holds_the_offset_until_it_is_there_again(
    kafka: RealBroker, accounts: Accounts
) -> None:
    accounts.feed(50)
    with RunningConsumer(kafka, TransactionalRecorder(accounts.instance)) as consumer:
        accounts.settled()
        accounts.deleted.update(accounts.letters)
        kafka.delete_topic(kafka.dead_letters)
        accounts.feed(50)
        eventually(lambda: "dlq.unavailable: UNKNOWN_TOPIC_OR_PART" in consumer.reason("partitions"))
        accounts.check()
        kafka.create_topic(kafka.dead_letters, accounts.partitions)
        accounts.settled()
        eventually(lambda: consumer.health.ready)
    accounts.close()


@pytest.mark.fault("dead-letter topic too small for a letter", "P1", "P2", "P6", "P7")
def test_a_dead_letter_topic_that_is_made_too_small_holds_the_offset_until_it_is_large_enough(
    kafka: RealBroker, accounts: Accounts
) -> None:
    accounts.feed(50)
    with RunningConsumer(kafka, TransactionalRecorder(accounts.instance)) as consumer:
        accounts.settled()
        kafka.configure_topic(kafka.dead_letters, max_message_bytes="3000")
        accounts.bad.update(produce(kafka.bootstrap, kafka.topic, LARGE))
        accounts.feed(50)
        eventually(lambda: "dlq.too_large" in consumer.reason("partitions"))
        accounts.check()
        kafka.configure_topic(kafka.dead_letters, max_message_bytes="10000")
        accounts.settled()
        eventually(lambda: consumer.health.ready)
    accounts.close()
