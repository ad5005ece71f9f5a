"""A consumer and the HTTP endpoints on one storage, as `consume` and `serve` have them, and the accounts of both.

What is wrong with a storage is put right in the end: then everything must be there once, in order, with no dead letter.
"""

from __future__ import annotations

import itertools
import json
import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from accounts import Accounts
from broker import Broker
from consuming import RunningConsumer, committed_offsets, eventually
from dagster import DagsterInstance
from http_world import http_client
from mock_cluster import Sent, produce
from starlette.testclient import TestClient

from asset_consumer.dagster_instance import STATEMENT_TIMEOUT_MS
from asset_reporting.app import create_management_app
from asset_reporting.handlers import ReportingContext, reporting_context

PARTITIONS = 2

POST_DEADLINE_S = 2.0


class Moved(logging.Handler):
    """Notes each partition that comes or goes, as the consumer's log tells, until the `with` block ends."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.seen: list[str] = []
        self._log = logging.getLogger("asset_bridge")

    def __enter__(self) -> Self:
        self._level = self._log.level
        self._log.setLevel(logging.INFO)
        self._log.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._log.removeHandler(self)
        self._log.setLevel(self._level)

    def emit(self, record: logging.LogRecord) -> None:
        if record.__dict__.get("happening") in {"assigned", "revoked", "lost"}:
            self.seen.append(record.getMessage())


class BothRoads:
    """Runs until the `with` block ends; `home` leads to the storage as it is, `behind` as the two see it."""

    def __init__(
        self,
        broker: Broker,
        home: Path,
        behind: Path | None = None,
        *,
        statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
        librdkafka: dict[str, str] | None = None,
    ) -> None:
        self._open = ExitStack()
        self.broker, self.home = broker, home
        broker.create_topic(broker.topic, PARTITIONS)
        broker.create_topic(broker.dead_letters, PARTITIONS)
        self._statement_timeout_ms = statement_timeout_ms
        self.instances: list[DagsterInstance] = []
        """That of the consumer, and that of HTTP."""
        posts, records = self._reporting(behind or home), self._reporting(behind or home)
        self.recorder = records.recorder
        self.accounts = Accounts(broker, self._open.enter_context(DagsterInstance.from_config(str(home))), PARTITIONS)
        self.http = self._open.enter_context(
            http_client(self.instances[0], posts, storage_deadline_s=POST_DEADLINE_S, probe_interval_s=0.05)
        )
        self.consumer = RunningConsumer(broker, records.recorder, librdkafka=librdkafka, max_beat_age_s=10)
        self.probes = TestClient(create_management_app(self.consumer.health))
        self._numbers = itertools.count()
        self._moved = Moved()

    def _reporting(self, home: Path) -> ReportingContext:
        """Open the storage as the services do."""
        instance = self._open.enter_context(DagsterInstance.from_config(str(home)))
        instance.optimize_for_webserver(self._statement_timeout_ms, pool_recycle=3600, max_overflow=4)
        self.instances.append(instance)
        return reporting_context(instance)

    def __enter__(self) -> Self:
        """Wait until both roads are at work."""
        self._open.enter_context(self.consumer)
        self.feed(10)
        assert self.post("first").status_code == 200
        self.settled()
        eventually(lambda: self.consumer.health.ready)
        self._open.enter_context(self._moved)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def feed(self, count: int) -> None:
        """Produce events to the partitions in turn."""
        numbers = list(itertools.islice(self._numbers, count))
        sent = [Sent(_event(number), partition=number % PARTITIONS) for number in numbers]
        self.accounts.good.update(produce(self.broker.bootstrap, self.broker.topic, *sent))

    def post(self, key: str) -> Any:
        """Report over HTTP, with an idempotency key, and too large for what room is left in a page of a database."""
        body = {"description": "x" * 10_000}
        return self.http.post(f"/report_asset_observation/{key}", json=body, headers={"Idempotency-Key": key})

    def refuses(self, key: str) -> None:
        """Report over HTTP and be told to try again later."""
        answer = self.post(key)
        assert (answer.status_code, answer.json()["code"]) == (503, "storage.unavailable")
        assert answer.headers["Retry-After"]

    def holds(self, reason: str) -> None:
        """Feed what cannot be recorded now; the consumer keeps it, says why, and is alive and in its group."""
        offsets = committed_offsets(self.broker, PARTITIONS)
        self.feed(20)
        eventually(lambda: reason in self._why(self.probes))
        self.stays(offsets)

    def stays(self, offsets: list[int]) -> None:
        """See that it is held at these offsets, and that nobody would restart either process for it."""
        assert [probes.get("/livez").status_code for probes in (self.probes, self.http)] == [200, 200]
        assert self._why(self.probes)
        assert committed_offsets(self.broker, PARTITIONS) == offsets
        assert self.consumer.owned == PARTITIONS

    def unready(self, reason: str) -> None:
        """Both say that the storage is why they are not ready."""
        eventually(lambda: reason in self._why(self.probes) and reason in self._why(self.http))

    def _why(self, probes: TestClient) -> str:
        """What the readiness document says about the storage, empty when ready."""
        answer = probes.get("/readyz")
        return "" if answer.status_code == 200 else str(answer.json()["conditions"]["storage"]["reason"])

    def settled(self, timeout_s: float = 30) -> None:
        """Wait until Kafka has been told that everything is done."""
        eventually(self.accounts.is_settled, timeout_s)

    def healed(self, *posts: str) -> None:
        """By itself everything is recorded, once, in order and with no dead letter; posts that are sent again, too."""
        self.settled()
        eventually(lambda: all(self.post(key).status_code == 200 for key in posts))
        eventually(lambda: not self._why(self.probes) and not self._why(self.http))
        assert not self._moved.seen, "there was a rebalance"
        self.accounts.close()
        assert sorted(self.accounts.posts) == sorted(["first", *posts])


def _event(number: int) -> bytes:
    return json.dumps({"event_type": "asset_materialization", "asset_key": "a", "metadata": {"n": number}}).encode()
