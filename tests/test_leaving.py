"""A consumer that has nothing open leaves, whether or not the group's coordinator still answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

import pytest
from consuming import RunningConsumer, eventually, happened
from fake_recorders import FakeRecorder
from mock_cluster import MockCluster

from asset_consumer import loop, positions, topic_ids
from asset_consumer.topic_ids import TopicIds

SILENCE_MS = 20_000


@pytest.mark.fault("stopped while the coordinator keeps an answer back", "P1")
def test_who_waits_for_the_coordinator_is_let_go_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A question behind a join that waits for others is not answered either, and `close` waits for its answer."""
    caplog.set_level(logging.INFO, "asset_bridge")
    for module in (positions, topic_ids):
        monkeypatch.setattr(module, "ASK_S", 0.3)
    monkeypatch.setattr(loop, "LEAVE_S", 0.2)
    ask = TopicIds.logs
    with MockCluster() as broker:
        broker.create_topic(broker.topic, 1)
        broker.create_topic(broker.dead_letters, 1)

        def then_silence(self: TopicIds, topics: Iterable[str]) -> dict[str, str]:
            told = ask(self, topics)  # the last question that is answered: what comes next is for the committed offset
            broker.set_round_trip_ms(SILENCE_MS)
            return told

        monkeypatch.setattr(TopicIds, "logs", then_silence)
        patient = {"session.timeout.ms": "45000", "heartbeat.interval.ms": "15000"}  # else the client gives up first
        with RunningConsumer(broker, FakeRecorder(), librdkafka=patient) as consumer:
            eventually(lambda: "client_refused" in happened(caplog.records))
            began = time.monotonic()
            consumer.stop()

    assert time.monotonic() - began < SILENCE_MS / 1000 / 2
    (left,) = [vars(record) for record in caplog.records if vars(record).get("happening") == "left_group"]
    assert (left["in_time"], left["levelname"]) == (False, "WARNING")
