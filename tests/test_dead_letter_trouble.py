from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException
from dead_letter_samples import RECORD, facts
from dead_letter_sending import eventually_acknowledged, letters, read
from mock_cluster import INIT_PRODUCER_ID, METADATA, PRODUCE

from asset_consumer.dead_letter import restore
from asset_consumer.dead_letter_headers import CONNECT_PREFIX, SMALLEST
from asset_consumer.dead_letter_producer import TOO_LARGE, DeadLetterFatalError

if TYPE_CHECKING:
    from broker import Broker
    from dead_letter_sending import Producers
    from mock_cluster import MockCluster


# Too large


def test_letter_too_large_for_the_broker_loses_its_errors_first(cluster: MockCluster, producers: Producers) -> None:
    cluster.create_topic(cluster.dead_letters, 4)
    too_large = KafkaError.MSG_SIZE_TOO_LARGE
    cluster.push_request_errors(PRODUCE, too_large, too_large)  # refused in its batch, then by itself
    assert producers.open(cluster).send(letters(cluster.dead_letters, RECORD)) == [None]
    [dead] = read(cluster, 1)
    assert "errors" not in facts(dead)
    assert not any(name.startswith(CONNECT_PREFIX) for name, _ in dead.headers)
    assert restore(dead.key, dead.value, dead.headers) == RECORD


def test_letter_still_too_large_keeps_what_identifies_it(cluster: MockCluster, producers: Producers) -> None:
    cluster.create_topic(cluster.dead_letters, 4)
    cluster.push_request_errors(PRODUCE, *[KafkaError.MSG_SIZE_TOO_LARGE] * 3)
    assert producers.open(cluster).send(letters(cluster.dead_letters, RECORD)) == [None]
    [dead] = read(cluster, 1)
    assert tuple(facts(dead)) == SMALLEST
    assert (dead.key, dead.value, dead.headers[:1]) == (RECORD.key, RECORD.value, RECORD.headers)


def test_letter_too_large_at_its_smallest_is_reported_and_nothing_is_written(
    cluster: MockCluster, producers: Producers
) -> None:
    cluster.create_topic(cluster.dead_letters, 4)
    cluster.push_request_errors(PRODUCE, *[KafkaError.MSG_SIZE_TOO_LARGE] * 4)
    producer = producers.open(cluster)
    assert producer.send(letters(cluster.dead_letters, RECORD)) == [TOO_LARGE]
    assert producer.send(letters(cluster.dead_letters, RECORD)) == [None]
    assert len(read(cluster, 1)) == 1


def test_letters_refused_as_a_batch_go_whole_one_by_one(cluster: MockCluster, producers: Producers) -> None:
    cluster.create_topic(cluster.dead_letters, 4)
    producer = producers.open(cluster, linger_ms="200")
    assert producer.send(letters(cluster.dead_letters, RECORD)) == [None]
    cluster.push_request_errors(PRODUCE, KafkaError.RECORD_LIST_TOO_LARGE)
    records = [replace(RECORD, offset=offset) for offset in range(100, 105)]
    assert producer.send(letters(cluster.dead_letters, *records)) == [None] * 5
    found = read(cluster, 6)[1:]
    assert [restore(dead.key, dead.value, dead.headers) for dead in found] == records
    assert all("errors" in facts(dead) for dead in found)


@pytest.mark.fault("dead letter too large for the client", "P1", "P4")
def test_letter_too_large_for_the_client_is_made_smaller_too(broker: Broker, producers: Producers) -> None:
    broker.create_topic(broker.dead_letters, 4)
    producer = producers.open(broker, message_max_bytes="2000")
    fitting, full, beyond = (replace(RECORD, value=b"x" * size) for size in (1300, 1600, 5000))
    assert producer.send(letters(broker.dead_letters, beyond, RECORD, fitting, full)) == [TOO_LARGE, None, None, None]
    found = read(broker, 3)
    assert {len(dead.value or b""): "errors" in facts(dead) for dead in found} == {23: True, 1300: False, 1600: False}
    assert {len(dead.value or b""): "topic" in facts(dead) for dead in found} == {23: True, 1300: True, 1600: False}


# Brokers gone, full queues, fatal errors


@pytest.mark.fault("broker gone while letters are sent", "P1")
def test_dead_broker_fails_every_letter_within_the_time_limit_and_heals(broker: Broker, producers: Producers) -> None:
    broker.create_topic(broker.dead_letters, 4)
    producer = producers.open(broker, message_timeout_ms="2000", reconnect_backoff_max_ms="100")
    assert producer.send(letters(broker.dead_letters, RECORD)) == [None]
    broker.broker_down()
    started = time.monotonic()
    answers = producer.send(letters(broker.dead_letters, RECORD, RECORD))
    assert time.monotonic() - started < 10
    assert [(answer or "").split(":")[0] for answer in answers] == ["dlq.unavailable"] * 2
    broker.broker_up()
    eventually_acknowledged(producer, broker.dead_letters)


def test_broker_that_dies_with_letters_under_way_fails_them_after_the_message_timeout(
    cluster: MockCluster, producers: Producers
) -> None:
    cluster.create_topic(cluster.dead_letters, 4)
    producer = producers.open(cluster, message_timeout_ms="2000")
    assert producer.send(letters(cluster.dead_letters, RECORD)) == [None]
    cluster.push_request_errors(PRODUCE, *[KafkaError._TRANSPORT] * 1000)
    assert producer.send(letters(cluster.dead_letters, RECORD, RECORD)) == ["dlq.unavailable: _MSG_TIMED_OUT"] * 2


@pytest.mark.fault("dead-letter queue full", "P1")
def test_full_queue_is_waited_out(broker: Broker, producers: Producers) -> None:
    broker.create_topic(broker.dead_letters, 4)
    producer = producers.open(broker, queue_buffering_max_messages="3")
    records = [replace(RECORD, offset=offset) for offset in range(20)]
    assert producer.send(letters(broker.dead_letters, *records)) == [None] * 20
    assert [restore(dead.key, dead.value, dead.headers) for dead in read(broker, 20)] == records


def test_full_queue_that_never_drains_is_reported(cluster: MockCluster, producers: Producers) -> None:
    cluster.create_topic(cluster.dead_letters, 4)
    producer = producers.open(cluster, queue_buffering_max_messages="1", message_timeout_ms="2000")
    assert producer.send(letters(cluster.dead_letters, RECORD)) == [None]
    cluster.push_request_errors(PRODUCE, *[KafkaError._TRANSPORT] * 1000)
    answers = producer.send(letters(cluster.dead_letters, RECORD, RECORD))
    assert None not in answers
    cluster.clear_request_errors(PRODUCE)
    eventually_acknowledged(producer, cluster.dead_letters)


@pytest.mark.fault("dead-letter producer fails fatally", "P1")
def test_fatal_error_is_overcome_by_a_new_producer(cluster: MockCluster, producers: Producers) -> None:
    cluster.create_topic(cluster.dead_letters, 4)
    cluster.push_request_errors(INIT_PRODUCER_ID, KafkaError.PRODUCER_FENCED)
    producer = producers.open(cluster, message_timeout_ms="10000")
    assert producer.send(letters(cluster.dead_letters, RECORD)) == [None]
    assert len(read(cluster, 1)) == 1


def test_second_fatal_error_in_a_row_ends_the_process_by_name(cluster: MockCluster, producers: Producers) -> None:
    cluster.create_topic(cluster.dead_letters, 4)
    cluster.push_request_errors(INIT_PRODUCER_ID, *[KafkaError.PRODUCER_FENCED] * 5)
    producer = producers.open(cluster, message_timeout_ms="10000")
    with pytest.raises(DeadLetterFatalError, match=r"_FENCED|_FATAL"):
        producer.send(letters(cluster.dead_letters, RECORD))


@pytest.mark.fault("right to write refused as the producer starts", "P1")
def test_missing_right_to_write_is_reported_not_raised_and_heals(cluster: MockCluster, producers: Producers) -> None:
    cluster.create_topic(cluster.dead_letters, 4)
    cluster.push_request_errors(INIT_PRODUCER_ID, *[KafkaError.CLUSTER_AUTHORIZATION_FAILED] * 3)
    producer = producers.open(cluster, message_timeout_ms="10000")
    assert producer.send(letters(cluster.dead_letters, RECORD)) == ["dlq.unavailable: CLUSTER_AUTHORIZATION_FAILED"]
    eventually_acknowledged(producer, cluster.dead_letters)


def test_missing_right_is_told_though_the_producer_has_failed_before_it_is_given_a_letter(
    cluster: MockCluster, producers: Producers
) -> None:
    """Its refusal to take the letter says that there was a fatal error, and not which; the next poll does."""
    cluster.create_topic(cluster.dead_letters, 4)
    producer = producers.open(cluster, message_timeout_ms="10000")

    whole = producer._producer

    class Failed:
        def produce(self, *_: object, **__: object) -> None:
            raise KafkaException(KafkaError(KafkaError._FATAL, "", fatal=True))

        def poll(self, _: float) -> None:
            producer._on_error(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED, "", fatal=True))

        def __getattr__(self, name: str) -> Any:
            return getattr(whole, name)

    producer._producer = cast("Any", Failed())
    assert producer.send(letters(cluster.dead_letters, RECORD)) == ["dlq.unavailable: CLUSTER_AUTHORIZATION_FAILED"]
    eventually_acknowledged(producer, cluster.dead_letters)


def test_nothing_to_send_asks_nobody(cluster: MockCluster, producers: Producers) -> None:
    producer = producers.open(cluster)
    cluster.broker_down()
    assert producer.send([]) == []


def test_closing_with_the_broker_gone_is_quick(cluster: MockCluster, producers: Producers) -> None:
    cluster.create_topic(cluster.dead_letters, 4)
    producer = producers.open(cluster, message_timeout_ms="2000")
    producer.send(letters(cluster.dead_letters, RECORD))
    cluster.push_request_errors(METADATA, *[KafkaError._TRANSPORT] * 1000)
    cluster.broker_down()
    producer.send(letters(cluster.dead_letters, RECORD))
    started = time.monotonic()
    producer.close(0.2)
    assert time.monotonic() - started < 2


def test_serving_hands_librdkafkas_log_lines_to_the_logger(
    cluster: MockCluster, producers: Producers, caplog: pytest.LogCaptureFixture
) -> None:
    producer = producers.open(cluster)
    cluster.broker_down()
    deadline = time.monotonic() + 10
    while not any(line.name == "asset_bridge.librdkafka" for line in caplog.records):
        assert time.monotonic() < deadline, "no log line came"
        producer.serve()


def test_it_works_from_a_worker_thread(broker: Broker, producers: Producers) -> None:
    broker.create_topic(broker.dead_letters, 4)
    producer, answers = producers.open(broker), list[str | None]()
    worker = threading.Thread(target=lambda: answers.extend(producer.send(letters(broker.dead_letters, RECORD))))
    worker.start()
    worker.join(30)
    assert answers == [None]
