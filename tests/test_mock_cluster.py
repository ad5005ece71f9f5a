from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from group_member import group_member, next_value
from mock_cluster import FETCH, HEARTBEAT, METADATA, OFFSET_COMMIT, PRODUCE, MockCluster, Sent, consume_all, produce


def test_clusters_are_apart_and_have_as_many_brokers_as_asked(cluster: MockCluster) -> None:
    with MockCluster(brokers=3) as other:
        other.create_topic("t")
        produce(other.bootstrap, "t", b"1")
        assert len(other.bootstrap.split(",")) == 3
        assert other.bootstrap != cluster.bootstrap
        with pytest.raises(KafkaException, match="UNKNOWN_TOPIC"):
            produce(cluster.bootstrap, "t", b"1")


def test_closed_cluster_refuses_instead_of_crashing(cluster: MockCluster) -> None:
    cluster.close()
    cluster.close()
    with pytest.raises(RuntimeError, match="closed"):
        cluster.create_topic("t")


def test_topic_error_hides_a_topic_until_it_is_cleared(cluster: MockCluster) -> None:
    cluster.create_topic("t")
    cluster.set_topic_error("t", KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaException, match="AUTHORIZATION"):
        produce(cluster.bootstrap, "t", b"1")
    cluster.set_topic_error("t", 0)
    assert produce(cluster.bootstrap, "t", b"2") == [(0, 0)]


def test_request_errors_strike_one_request_each(cluster: MockCluster) -> None:
    cluster.create_topic("t")
    cluster.push_request_errors(PRODUCE, KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.POLICY_VIOLATION)
    for name in ("MSG_SIZE_TOO_LARGE", "POLICY_VIOLATION"):
        with pytest.raises(KafkaException, match=name):
            produce(cluster.bootstrap, "t", b"1")
    assert produce(cluster.bootstrap, "t", b"1") == [(0, 0)]


def test_request_errors_can_be_taken_back(cluster: MockCluster) -> None:
    cluster.create_topic("t")
    cluster.push_request_errors(PRODUCE, KafkaError.MSG_SIZE_TOO_LARGE)
    cluster.clear_request_errors(PRODUCE)
    assert produce(cluster.bootstrap, "t", b"1") == [(0, 0)]


def test_partition_errors_strike_one_partition_only(cluster: MockCluster) -> None:
    cluster.create_topic("t", 2)
    cluster.push_partition_errors("t", 1, PRODUCE, KafkaError.MSG_SIZE_TOO_LARGE)
    assert produce(cluster.bootstrap, "t", Sent(b"0", partition=0)) == [(0, 0)]
    with pytest.raises(KafkaException, match="MSG_SIZE_TOO_LARGE"):
        produce(cluster.bootstrap, "t", Sent(b"1", partition=1))


def test_commit_errors_reach_the_committer(cluster: MockCluster) -> None:
    cluster.create_topic("t")
    produce(cluster.bootstrap, "t", b"1")
    consumer = group_member(cluster, "t")
    next_value(consumer)
    cluster.push_request_errors(OFFSET_COMMIT, KafkaError.UNKNOWN_MEMBER_ID)
    with pytest.raises(KafkaException, match="UNKNOWN_MEMBER_ID"):
        consumer.commit(offsets=[TopicPartition("t", 0, 1)], asynchronous=False)
    consumer.close()


def test_coordinator_can_move_while_a_group_lives() -> None:
    with MockCluster(brokers=2) as cluster:
        cluster.create_topic("t")
        produce(cluster.bootstrap, "t", b"1")
        consumer = group_member(cluster, "t", **{"heartbeat.interval.ms": 50})
        assert next_value(consumer) == b"1"
        for broker in (1, 2):
            cluster.coordinator_set(cluster.group, broker)
            consumer.commit(offsets=[TopicPartition("t", 0, broker)], asynchronous=False)
            assert consumer.committed([TopicPartition("t", 0)], timeout=5)[0].offset == broker
        consumer.close()


def test_partition_leader_can_move() -> None:
    with MockCluster(brokers=2) as cluster:
        cluster.create_topic("t")
        for broker in (1, 2):
            cluster.set_leader("t", 0, broker)
            produce(cluster.bootstrap, "t", str(broker).encode())
        assert [record.value for record in consume_all(cluster.bootstrap, "t", 2)] == [b"1", b"2"]


def test_answers_can_be_slow(cluster: MockCluster) -> None:
    cluster.create_topic("t")
    cluster.set_round_trip_ms(2000)
    with pytest.raises(KafkaException, match=r"_TIMED_OUT|_TRANSPORT"):
        consume_all(cluster.bootstrap, "t", 1, timeout_s=0.3)
    cluster.set_round_trip_ms(0)
    assert produce(cluster.bootstrap, "t", b"1") == [(0, 0)]


def test_requests_are_tracked(cluster: MockCluster) -> None:
    cluster.create_topic("t")
    cluster.track_requests()
    produce(cluster.bootstrap, "t", b"1")
    assert {METADATA, PRODUCE} <= set(cluster.requests())
    cluster.track_requests()
    consume_all(cluster.bootstrap, "t", 1)
    assert FETCH in cluster.requests()
    assert not {PRODUCE, HEARTBEAT, OFFSET_COMMIT} & set(cluster.requests())
