"""The one loop of the consumer: poll, settle, commit; hold on an outage, and go on alone when it is over.

One thread owns the Kafka client. Whatever may wait on a database or on the dead-letter topic runs on one worker
thread, while this one keeps polling with its partitions paused: a consumer that does not poll for
`max.poll.interval.ms` is thrown out of its group, and its work begins again elsewhere.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from confluent_kafka import KafkaException

from asset_consumer import happenings
from asset_consumer.assignment import Assignment
from asset_consumer.backoff import Backoff
from asset_consumer.commits import Commits, commit_metadata
from asset_consumer.holds import hold_or_release
from asset_consumer.in_band import BrokerWatch
from asset_consumer.intake import Intake
from asset_consumer.kafka_clients import Consumer
from asset_consumer.lane import Lane, share_out
from asset_consumer.lane_metrics import LaneMetrics
from asset_consumer.log_ends import LogEnds
from asset_consumer.outage import Outage
from asset_consumer.pause_watch import PauseWatch
from asset_consumer.positions import ASK_S, LedgerAccess, leave_old_logs, position
from asset_consumer.readiness import show_readiness
from asset_consumer.settle import Road, Settlement, Work, settle
from asset_consumer.statistics import Statistics
from asset_consumer.topic_ids import TopicIds
from asset_reporting import metrics
from asset_reporting.recorder import GroupId

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from asset_reporting.health import Health

T = TypeVar("T")

POLL_S = 0.2
"""Longest wait for a record: also how quickly the loop notices a stop or a retry that is due."""

PATIENCE_S = 1.0
"""How long work may take before the loop pauses its partitions and polls while waiting: pausing throws away what was
prefetched, and librdkafka takes up to a second to fetch again after a resume (measured with 2.16)."""

LOOK_EVERY_S = 5.0
"""How often storage and dead-letter topics are looked at at rest: readiness must not wait for an event to find out."""

SILENCE_S = 15.0
"""How long work may take before readiness says so: as long as Dagster lets a statement run (15 s)."""

LEAVE_S = 5.0
"""How long leaving the group may take once everything is settled and committed."""

REVOKE_WAIT_S = 10.0
"""How long a revocation waits for the batch under way (kafka: a third of the session timeout, 10 s at most)."""


class ConsumerLoop:
    """Consumes until told to stop; build it, then call `run` in the thread that shall own the Kafka client."""

    def __init__(self, config: Mapping[str, Any], road: Road, health: Health) -> None:
        """Take the librdkafka configuration of `client.consumer_config`; its callbacks are set here."""
        self._road, self._health = road, health
        self._commits = Commits(self._find, commit_metadata(road.reporting.recorder))
        self._brokers = BrokerWatch()
        self._statistics = Statistics()
        callbacks = {
            "on_commit": self._commits.on_commit,
            "error_cb": self._brokers.on_error,
            "stats_cb": self._statistics.on_statistics,
        }
        self._consumer = Consumer({**config, **callbacks})
        self._topic_ids = TopicIds(config)
        self._log_ends = LogEnds(self._topic_ids.admin)
        self._revoke_wait_s = min(REVOKE_WAIT_S, float(config.get("session.timeout.ms", 45_000)) / 3000)
        self._assignment = Assignment(self._consumer, self._before_revoke)
        self._intake = Intake(self._consumer, self._assignment, self._brokers, road.options)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="settle")
        self._under_way: Future[Settlement] | None = None
        self._outage = Outage()
        self._group: GroupId | None = None
        self._pauses = PauseWatch(road, health, self._on_worker)
        self._look_at = 0.0
        self._unusable: dict[str, str] = {}

    def run(self, stop: threading.Event) -> None:
        """Consume until `stop` is set, then leave the group; raises what ends the process."""
        told = LaneMetrics(self._assignment.lanes, self._log_ends, self._statistics, self._outage)
        metrics.LIVE.add(told)
        try:
            self._assignment.subscribe(list(self._road.options.topics))
            while not stop.is_set():
                self._turn()
        finally:
            metrics.LIVE.remove(told)
            self._close()

    def _find(self, topic: str | None, partition: int | None) -> Lane | None:
        return self._assignment.find(topic, partition)

    def _turn(self) -> None:
        self._health.beat()
        self._poll(0 if not self._outage.on and self._collect() else POLL_S)
        logs = self._brokers.without_missing(self._topic_ids.seen_on_the_way(self._road.options.topics))
        leave_old_logs(self._assignment.lanes.values(), logs)
        self._position()
        self._work()
        self._assignment.pause_where(self._waits)
        self._commits.commit(self._consumer, self._assignment.lanes.values())
        self._road.dead_letters.serve()
        self._brokers.look(self._consumer)
        self._log_ends.look(self._assignment.lanes.values())
        show_readiness(self._health, self._assignment, self._outage.current, self._brokers, self._unusable)

    def _poll(self, timeout_s: float) -> None:
        self._intake.poll(timeout_s, self._batch_records)

    def _position(self) -> None:
        recorder = self._road.reporting.recorder
        if all(lane.positioned for lane in self._assignment.lanes.values()):
            return
        try:
            group = self._group_id()
        except KafkaException as error:
            happenings.client_refused("position", error)
            return
        ledger = LedgerAccess(
            group,
            read=lambda: self._on_worker(lambda: recorder.positions(group)),
            place=lambda offsets, stood: self._on_worker(lambda: recorder.place(group, offsets, stood)),
            mark=commit_metadata(recorder),
        )
        position(self._consumer, self._assignment.lanes.values(), self._road.options, ledger, self._topic_ids)

    def _group_id(self) -> GroupId:
        """Whose offsets the ledger keeps; asked of the broker once, as a group of that name may exist on another."""
        if self._group is None:
            cluster_id = self._consumer.list_topics(next(iter(self._road.options.topics)), timeout=ASK_S).cluster_id
            self._group = GroupId(cluster_id or "", self._road.options.group_id)
        return self._group

    def _work(self) -> None:
        """Settle what is ready; during an outage one probe asks for all partitions, and then the batch is tried."""
        outage = self._outage.current
        if outage is not None and not (outage.due and self._storage_answers(outage)):
            return
        if not self._pauses.look(self._assignment.lanes.values(), self._outage.note):
            return
        work = self._collect()
        if not work or self._unusable:  # while a backlog is worked off there is always something to do
            self._look_around()
        if not work:
            return
        began = time.perf_counter()
        self._under_way = self._worker.submit(settle, self._road, self._group_id(), work)
        try:
            settlement = self._wait(self._under_way)
        finally:
            self._under_way = None
        happenings.settled(sum(len(items) for _, items in work), time.perf_counter() - began)
        self._conclude(work, settlement)

    def _collect(self) -> Work:
        return share_out(self._assignment.lanes.values(), self._batch_records)

    @property
    def _batch_records(self) -> int:
        return min(self._road.options.batch_max_records, self._road.reporting.recorder.batch_events)

    def _look_around(self) -> None:
        """Now and then: does the storage answer, and could a dead letter be written?"""
        if not self._outage.on and time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_EVERY_S
        self._outage.note(self._on_worker(self._road.reporting.recorder.probe))
        topics = set(self._road.options.dead_letter_topics.values())
        self._unusable = self._on_worker(lambda: self._road.dead_letters.unusable(topics))

    def _storage_answers(self, outage: Backoff) -> bool:
        if (reason := self._on_worker(self._road.reporting.recorder.probe)) is not None:
            outage.again(reason)
        return reason is None

    def _on_worker(self, call: Callable[[], T]) -> T:
        return self._wait(self._worker.submit(call))

    def _wait(self, future: Future[T]) -> T:
        """Wait for the worker; if it takes long, pause everything and keep polling so that the group keeps us."""
        if not wait([future], timeout=PATIENCE_S).done:
            self._assignment.pause_where(lambda _: True)
            began = time.monotonic()
            while not wait([future], timeout=0).done:
                self._health.beat()
                self._poll(POLL_S)
                self._log_ends.look(self._assignment.lanes.values())
                if time.monotonic() - began > SILENCE_S:
                    self._health.set("storage", ok=False, reason="the work under way has not come to an end for long")
        return future.result()

    def _conclude(self, work: Work, settlement: Settlement) -> None:
        """Move the positions, and remember what is in the way."""
        self._outage.note(settlement.outage)
        if settlement.fenced:
            happenings.fenced([lane.name for lane, _ in work])
        settlement.advance()
        for lane, _ in work:
            if settlement.fenced:
                lane.restart()
            else:
                hold_or_release(lane, settlement.obstacles.get(lane))

    def _waits(self, lane: Lane) -> bool:
        """Whether no more records of this lane are wanted now."""
        return lane.waits or self._outage.on or len(lane.pending) >= self._road.options.batch_max_records

    def _before_revoke(self, lanes: list[Lane]) -> None:
        """Give the batch under way a bounded time, so that the next owner need not repeat it, then commit."""
        if self._under_way is not None:
            for batch in wait([self._under_way], timeout=self._revoke_wait_s).done:
                if batch.exception() is None:
                    batch.result().advance()
        self._commits.commit_and_wait(self._consumer, lanes)

    def _close(self) -> None:
        """Leave the group; the caller bounds how long the last commit may take, since a dead broker makes it wait."""
        self._before_revoke(list(self._assignment.lanes.values()))
        self._worker.shutdown(wait=False, cancel_futures=True)
        # A coordinator that keeps a join waiting, as it does while others are late for a rebalance, or that is gone,
        # keeps the client waiting too; by now that is all for nothing but courtesy.
        leaving = threading.Thread(target=self._consumer.close, name="leave-group", daemon=True)
        leaving.start()
        leaving.join(LEAVE_S)
        happenings.left_group(in_time=not leaving.is_alive())
