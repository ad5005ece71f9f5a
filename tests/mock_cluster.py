"""A Kafka cluster inside this process, with faults on demand: librdkafka's own mock brokers, driven through ctypes.

Real sockets and the real wire protocol, up within milliseconds, no container. What it has not: log compaction, topic
configurations (DescribeConfigs), size limits, ACLs, CreateTopics, LogAppendTime. Error codes stand in for those.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import time
from ctypes import c_char_p, c_int, c_int16, c_int32, c_size_t, c_void_p
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

from broker import Broker
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from kept_secrets import look_at
from librdkafka import PRODUCER, VTYPE_END, VTYPE_HEADERS, VTYPE_TOPIC, VTYPE_VALUE, check, librdkafka, new_client

from asset_consumer.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from confluent_kafka import Message

PRODUCE, FETCH, LIST_OFFSETS, METADATA, OFFSET_COMMIT, OFFSET_FETCH = 0, 1, 2, 3, 8, 9
CONSUMER_GROUP_HEARTBEAT = 68
FIND_COORDINATOR, JOIN_GROUP, HEARTBEAT, LEAVE_GROUP, SYNC_GROUP, INIT_PRODUCER_ID = 10, 11, 12, 13, 14, 22

ALL_BROKERS = -1


class MockCluster(Broker):
    """A mock cluster that lives until `close()`; close the clients first, or they log that it went away.

    A topic that nobody created springs up with four partitions when a client asks for it and allows that. Error codes
    are those of `confluent_kafka.KafkaError`; request names are the API keys above.
    """

    session_timeout_ms = 1500  # the mock coordinator lets a rebalance wait this long for members that left

    def __init__(self, brokers: int = 1) -> None:
        """Start brokers 1 to `brokers` on free ports of the loopback interface."""
        self._lib = librdkafka()
        self._owner = new_client(PRODUCER, {"log_level": "0", "client.id": "mock-cluster"})
        self._handle = self._lib.rd_kafka_mock_cluster_new(self._owner, brokers)
        self.bootstrap = self._lib.rd_kafka_mock_cluster_bootstraps(self._handle).decode()
        self.group_initial_rebalance_delay_ms(0)
        self.set_controller(1)

    def __enter__(self) -> Self:
        """Nothing more to start."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close, whatever happened inside."""
        self.close()

    def close(self) -> None:
        """Stop the brokers; a second call does nothing."""
        if self._owner:
            self._lib.rd_kafka_mock_cluster_destroy(self._handle)
            self._lib.rd_kafka_destroy(self._owner)
            self._owner = self._handle = 0

    def quick_group(self) -> dict[str, str]:
        """Let two that start together join together.

        The coordinator lets a rebalance wait a second less than the session timeout, and a client takes up to a second
        to join again.
        """
        self.group_initial_rebalance_delay_ms(500)
        return {"session.timeout.ms": "2200", "heartbeat.interval.ms": "100"}

    def forget_member(self, member: str) -> None:
        self.leave_group(self.group, member)

    def delay_writes(self, topic: str, partitions: int) -> None:
        for partition in range(partitions):
            self.push_partition_errors(topic, partition, PRODUCE, KafkaError.NOT_LEADER_FOR_PARTITION)

    def create_topic(self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:  # noqa: ARG002 # see below
        """Create a topic; one replica per partition, and no configuration, which mock brokers have not."""
        check(self._lib.rd_kafka_mock_topic_create(self._open, name.encode(), partitions, 1))

    def delete_topic(self, name: str) -> None:
        """Delete a topic with its records; clients that know it get UNKNOWN_TOPIC_OR_PART from then on."""
        check(self._lib.rd_kafka_mock_topic_delete(self._open, name.encode()))

    def set_topic_error(self, name: str, code: int) -> None:
        """Answer metadata requests for a topic with an error until it is set to 0; records still go in and out."""
        self._lib.rd_kafka_mock_topic_set_error(self._open, name.encode(), code)

    def push_request_errors(self, api_key: int, *codes: int) -> None:
        """Fail the next requests of one kind, one code each; `KafkaError._TRANSPORT` cuts the connection instead."""
        array = (c_int * len(codes))(*codes)
        self._lib.rd_kafka_mock_push_request_errors_array(self._open, api_key, len(codes), array)

    def clear_request_errors(self, api_key: int) -> None:
        """Forget the errors that no request has met yet."""
        self._lib.rd_kafka_mock_clear_request_errors(self._open, api_key)

    def push_partition_errors(self, topic: str, partition: int, api_key: int, *codes: int) -> None:
        """Fail the next requests that touch one partition, one code each; other partitions are served."""
        push = self._lib.rd_kafka_mock_partition_push_request_errors
        where = (c_void_p(self._open), c_char_p(topic.encode()), c_int32(partition), c_int16(api_key))
        check(push(*where, c_size_t(len(codes)), *(c_int(code) for code in codes)))

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        """Move the log's start to `before_offset`, as retention does."""
        check(self._lib.rd_kafka_mock_partition_delete_records(self._open, topic.encode(), partition, before_offset))

    def set_leader(self, topic: str, partition: int, broker: int) -> None:
        """Move a partition to another broker; -1 leaves it without a leader."""
        check(self._lib.rd_kafka_mock_partition_set_leader(self._open, topic.encode(), partition, broker))

    def broker_down(self, broker: int = ALL_BROKERS) -> None:
        """Cut a broker's connections and take no new ones; leaders and coordinators stay where they are."""
        check(self._lib.rd_kafka_mock_broker_set_down(self._open, broker))

    def broker_up(self, broker: int = ALL_BROKERS) -> None:
        """Take connections again."""
        check(self._lib.rd_kafka_mock_broker_set_up(self._open, broker))

    def set_round_trip_ms(self, delay_ms: int, broker: int = ALL_BROKERS) -> None:
        """Delay every answer; 0 ends it."""
        check(self._lib.rd_kafka_mock_broker_set_rtt(self._open, broker, delay_ms))

    def group_initial_rebalance_delay_ms(self, delay_ms: int) -> None:
        """How long a new group waits for more members; 0 here (a broker's default is 3000), so groups form at once."""
        self._lib.rd_kafka_mock_group_initial_rebalance_delay_ms(self._open, delay_ms)

    def set_controller(self, broker: int) -> None:
        """Name the controller. With one (broker 1 here), what the mock lacks is refused at once, as unsupported.

        Without (0, librdkafka's default, and so that of `test.mock.num.brokers`), admin requests wait for a controller
        until they time out.
        """
        self._lib.rd_kafka_mock_set_controller_id(self._open, broker)

    def coordinator_set(self, group: str, broker: int) -> None:
        """Move a consumer group to another coordinator; it need not be a broker that exists."""
        check(self._lib.rd_kafka_mock_coordinator_set(self._open, b"group", group.encode(), broker))

    def leave_group(self, group: str, member: str) -> None:
        """Say that a member of a group is gone, where a broker would find out by its session timeout.

        The mock coordinator needs this of members that were killed: it goes on electing them leaders, and a group that
        waits for a dead leader throws its other members out. Those come back under their old ids, which are addresses
        in this process and may have been given anew: two members with one id crash the client (librdkafka 2.16).
        """
        names = b"".join(struct.pack(">h", len(name)) + name.encode() for name in (group, member))
        request = struct.pack(">hhih", LEAVE_GROUP, 0, 0, -1) + names  # version 0, no client id
        host, port = self.bootstrap.split(",", maxsplit=1)[0].split(":")
        with socket.create_connection((host, int(port)), timeout=10) as broker:
            broker.sendall(struct.pack(">i", len(request)) + request)
            code = int.from_bytes(broker.makefile("rb").read(10)[8:], signed=True)
        assert code in {KafkaError.NO_ERROR, KafkaError.UNKNOWN_MEMBER_ID}, code

    def track_requests(self) -> None:
        """Note every request from now on, for `requests()`; what was noted before is forgotten."""
        self._lib.rd_kafka_mock_clear_requests(self._open)
        self._lib.rd_kafka_mock_start_request_tracking(self._open)

    def requests(self) -> list[int]:
        """The API keys of the requests since `track_requests()`, in the order of their arrival."""
        count = c_size_t()
        noted = self._lib.rd_kafka_mock_get_requests(self._open, ctypes.byref(count))
        keys = [int(self._lib.rd_kafka_mock_request_api_key(noted[i])) for i in range(count.value)]
        self._lib.rd_kafka_mock_request_destroy_array(noted, count)
        return keys

    @property
    def _open(self) -> int:
        """The cluster's handle: a call after `close()` must raise, since librdkafka would crash the process."""
        if not self._handle:
            raise RuntimeError("the mock cluster is closed")
        return int(self._handle)


@dataclass(frozen=True, slots=True)
class Sent:
    """A record to produce; partition -1 leaves the choice to the key's hash, timestamp 0 is now."""

    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()
    partition: int = -1
    timestamp_ms: int = 0


def produce(bootstrap: str, topic: str, *records: Sent | bytes | None) -> list[tuple[int, int]]:
    """Produce in order to a topic that exists; returns each record's partition and offset once all are acknowledged.

    Raises:
        KafkaException: the first record that was not delivered says why.
    """
    acknowledged: dict[int, tuple[int, int]] = {}
    failed: list[KafkaError] = []

    def on_delivery(index: int, error: KafkaError | None, message: Message) -> None:
        if error is None:
            acknowledged[index] = (message.partition() or 0, message.offset() or 0)
        else:
            failed.append(error)

    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "max.in.flight": 1,  # keeps the order; an idempotent producer would wait 0.5 s for its id
            "allow.auto.create.topics": False,
            "partitioner": "murmur2_random",
            "topic.metadata.propagation.max.ms": 1000,
            "message.timeout.ms": 10_000,
            "message.max.bytes": 100_000_000,  # the topic's own limit decides
            "log_level": 0,
        }
    )
    for index, item in enumerate(records):
        sent = item if isinstance(item, Sent) else Sent(item)
        producer.produce(
            topic, sent.value, sent.key, sent.partition, partial(on_delivery, index),
            timestamp=sent.timestamp_ms, headers=list(sent.headers),
        )  # fmt: skip
        producer.poll(0)
    producer.flush(15)
    producer.close()
    if failed:
        raise KafkaException(failed[0])
    return [acknowledged[index] for index in range(len(records))]


def produce_raw(bootstrap: str, topic: str, value: bytes, headers: Sequence[tuple[bytes, bytes | None]]) -> None:
    """Produce a record whose header names are any bytes, which confluent_kafka's own producer cannot do."""
    library, client = librdkafka(), new_client(PRODUCER, {"bootstrap.servers": bootstrap, "log_level": "0"})
    block = library.rd_kafka_headers_new(len(headers))
    for name, content in headers:
        check(library.rd_kafka_header_add(block, name, len(name), content, len(content or b"")))
    to = (c_int(VTYPE_TOPIC), c_char_p(topic.encode()))
    what = (c_int(VTYPE_VALUE), c_char_p(value), c_size_t(len(value)), c_int(VTYPE_HEADERS), c_void_p(block))
    check(library.rd_kafka_producev(c_void_p(client), *to, *what, c_int(VTYPE_END)))
    check(library.rd_kafka_flush(client, 10_000))
    library.rd_kafka_destroy(client)


def consume_all(bootstrap: str, topic: str, count: int, timeout_s: float = 15) -> list[Record]:
    """Every record of a topic once it holds at least `count`: by partition, then offset; more than asked shows.

    Raises:
        TimeoutError: fewer came; says how many.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "consume-all",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
            "log_level": 0,
        }
    )
    records: list[Record] = []
    at_end: set[int] = set()
    deadline = time.monotonic() + timeout_s
    try:
        partitions = consumer.list_topics(topic, timeout=timeout_s).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        while len(records) < count or len(at_end) < len(partitions):
            message = consumer.poll(0.1)
            error = message.error() if message else None
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(records)} of {count} records came out of {topic} within {timeout_s} s")
            if message is None or (error is not None and error.code() != KafkaError._PARTITION_EOF):
                continue
            if error is not None:
                at_end.add(message.partition() or 0)
            else:
                at_end.discard(message.partition() or 0)
                records.append(Record.from_message(message))
    finally:
        consumer.close()
    for record in records:
        look_at("a record", b"".join((record.key or b"", record.value or b"", *(v or b"" for _, v in record.headers))))
    return sorted(records, key=lambda record: (record.partition, record.offset))
