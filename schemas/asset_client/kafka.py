"""Report by Kafka, to the topic that `asset-bridge consume` reads.

    with KafkaReporter("broker:9092") as reporter:
        reporter.materialization(["warehouse", "customers"], partition="2024-01-15", metadata={"rows": 1000})

A report returns once all in-sync replicas have the record. What was not acknowledged by the deadline is given up, and
is not sent later.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import wait
from typing import Any, Final

from asset_client.deliveries import Deliveries, Until
from asset_client.parts import Pause, in_parts
from asset_client.reporter import AsyncReporter, Reporter, Result
from asset_client.results import Delivered
from asset_events import MAX_EVENT_BYTES, AssetEvent

TOPIC: Final = "dagster.asset-events"  # what `consume` reads by default
DEADLINE_S: Final = 30.0


class KafkaReporter(Reporter[Delivered]):
    """Reports over Kafka, and waits until the record is acknowledged; the bridge records it from there."""

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        topic: str = TOPIC,
        deadline_s: float = DEADLINE_S,
        max_event_bytes: int = MAX_EVENT_BYTES,
        librdkafka: Mapping[str, Any] | None = None,
    ) -> None:
        """Take the brokers to ask first, `host:port`, comma separated; connects in the background.

        Args:
            bootstrap_servers: The brokers.
            topic: A topic that exists.
            deadline_s: Seconds in which an event, or a part of many, is acknowledged: half of them to find the topic,
                half to write to it. At least 3.
            max_event_bytes: Largest event, as the bridge has it.
            librdkafka: Any property of librdkafka, as for TLS and logins, but those that this promise rests on.

        Raises:
            ValueError: A property is not taken; says which, never its value.
        """
        self._deliveries = Deliveries(bootstrap_servers, topic, deadline_s, librdkafka or {})
        self._max_event_bytes = max_event_bytes

    def close(self) -> None:
        """Give up what nobody waits for any more, and let go of the connections; a second call does nothing."""
        self._deliveries.close()

    def __repr__(self) -> str:
        """Where it reports to."""
        return f"KafkaReporter({self._deliveries})"

    def _report(self, events: list[AssetEvent], *, many: bool) -> list[Result[Delivered]]:  # noqa: ARG002 # one way for both
        flow = in_parts(events, self._max_event_bytes, self._deliveries.send)
        while True:
            try:
                step = next(flow)
            except StopIteration as done:
                results: list[Result[Delivered]] = done.value
                return results
            if isinstance(step, Pause):
                time.sleep(step.seconds)
            else:
                wait([step.future], step.left_s)


class AsyncKafkaReporter(AsyncReporter[Delivered]):
    """Reports over Kafka on asyncio, and waits until the record is acknowledged."""

    # confluent-kafka's own AIOProducer cannot send headers, and waits for a batch to fill.

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        topic: str = TOPIC,
        deadline_s: float = DEADLINE_S,
        max_event_bytes: int = MAX_EVENT_BYTES,
        librdkafka: Mapping[str, Any] | None = None,
    ) -> None:
        """Take what `KafkaReporter` takes; raises as it does."""
        self._deliveries = Deliveries(bootstrap_servers, topic, deadline_s, librdkafka or {})
        self._max_event_bytes = max_event_bytes

    async def close(self) -> None:
        """Give up what nobody waits for any more, and let go of the connections; a second call does nothing."""
        await asyncio.to_thread(self._deliveries.close)

    def __repr__(self) -> str:
        """Where it reports to."""
        return f"AsyncKafkaReporter({self._deliveries})"

    async def _report(self, events: list[AssetEvent], *, many: bool) -> list[Result[Delivered]]:  # noqa: ARG002 # one way for both
        flow = in_parts(events, self._max_event_bytes, self._deliveries.send)
        while True:
            try:
                step: Pause | Until = next(flow)
            except StopIteration as done:
                results: list[Result[Delivered]] = done.value
                return results
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            else:
                await asyncio.wait([asyncio.wrap_future(step.future)], timeout=step.left_s)
