"""The soak's load: bursts and pauses of records, and at the same time posts."""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Mapping

from confluent_kafka import KafkaError, Message, Producer
from soak_accounts import SoakAccounts
from soak_events import NAME, Events, Made
from soak_posts import Answers, Posts
from soak_world import World

DELIVERY_S = 120.0
"""How long a record may take to be delivered: longer than any outage of the soak."""


class Load:
    """Runs in threads of its own until it is stopped."""

    def __init__(self, world: World, seed: int, records_per_s: float, posts_per_s: float) -> None:
        keyed, answers = deque[Made](maxlen=200), Answers()
        self.accounts = SoakAccounts(world.topics, world.database.instance, answers)
        self._records = Records(
            world.broker.bootstrap, world.topics.names, _events("kafka", seed, keyed), records_per_s
        )
        self._stop = threading.Event()
        roads = ("http1", "http2")
        posts = [Posts(world.port, _events(road, seed, keyed), answers, posts_per_s / len(roads)) for road in roads]
        self._threads = [
            threading.Thread(target=run, args=(self._stop,), daemon=True)
            for run in (self._records.run, *(one.run for one in posts))
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send nothing new, and wait until all that was sent is settled."""
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def problems(self) -> list[str]:
        """What the load has met that it should not."""
        return [*self._records.failed, *self.accounts.answers.wrong]


def _events(road: str, seed: int, keyed: deque[Made]) -> Events:
    return Events(road, random.Random(f"{seed} {road}"), keyed)  # noqa: S311 # repeatable, not secret


class Records:
    """Produces records; what is in the log then is the truth, whatever the producer has been told."""

    def __init__(self, bootstrap: str, lanes: Mapping[str, int], events: Events, per_s: float) -> None:
        self._lanes = [(topic, partition) for topic, count in lanes.items() for partition in range(count)]
        self._events, self._per_s = events, per_s
        self.failed: list[str] = []
        # One request at a time keeps the order of two events under one key. A record whose answer was lost is in the
        # log twice: two records, and to be recorded as such.
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "max.in.flight": 1,
                "message.timeout.ms": int(DELIVERY_S * 1000),
                "reconnect.backoff.max.ms": 500,
                "linger.ms": 5,
                "log_level": 0,
            }
        )

    def run(self, stop: threading.Event) -> None:
        chance = self._events.chance
        while not stop.is_set():
            count = int(chance.expovariate(1 / 40)) + 1
            for _ in range(count):
                topic, partition = chance.choice(self._lanes)
                for made in self._events.make():
                    headers: list[tuple[str, str | bytes | None]] = [(NAME, made.name)]
                    self._producer.produce(topic, made.body, b"key", partition, self._delivered, headers=headers)
            self._producer.poll(0)
            stop.wait(chance.uniform(0, 2 * count / self._per_s))
        left = self._producer.flush(DELIVERY_S)
        if left:
            self.failed.append(f"{left} records were not delivered")

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self.failed.append(f"a record was not delivered: {error.name()}")
