"""Send events about the assets of definitions.py to Kafka until stopped; asset-bridge refuses each tenth."""

from __future__ import annotations

import argparse
import itertools
import json
import random
import signal
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

ORDERS, CUSTOMERS = ["warehouse", "orders"], ["warehouse", "customers"]
INVALID_EVERY = 10


def valid(number: int) -> dict[str, Any]:
    """A materialization, then a check of it, then an observation of something else."""
    said = {"metadata": {"number": number, "null_ids": 0}, "idempotency_key": f"load/{_STARTED}/{number}"}
    kinds: list[dict[str, Any]] = [
        {"event_type": "asset_materialization", "asset_key": ORDERS, "description": "One more load."},
        {"event_type": "asset_check", "asset_key": ORDERS, "check_name": "no_null_ids", "passed": True},
        {"event_type": "asset_observation", "asset_key": CUSTOMERS, "description": "Columns were added."},
    ]
    return kinds[number % len(kinds)] | said


def invalid(number: int) -> bytes:
    """What senders do get wrong: a field forgotten, a field misspelt, something that is no JSON."""
    kinds = [
        json.dumps({"event_type": "asset_check", "asset_key": ORDERS, "check_name": "no_null_ids"}),
        json.dumps({"event_type": "asset_materialization", "asset_key": ORDERS, "metdata": {"rows": 1}}),
        "orders loaded",
    ]
    return kinds[number % len(kinds)].encode()


def records() -> Iterator[tuple[str, bytes]]:
    """Record key and value, for ever; the key is the asset's, so that its events stay in order."""
    for number in itertools.count(1):
        if number % INVALID_EVERY == 0:
            yield "/".join(ORDERS), invalid(number // INVALID_EVERY)
        else:
            event = valid(number)
            yield "/".join(event["asset_key"]), json.dumps(event).encode()


_STARTED = datetime.now(UTC).isoformat(timespec="seconds")


def send(bootstrap_servers: str, topic: str, pause_s: float, stop: threading.Event) -> None:
    """Send records, at random moments around `pause_s` seconds apart, until `stop` is set."""
    producer = Producer({"bootstrap.servers": bootstrap_servers, "enable.idempotence": True})
    for key, value in records():
        producer.produce(topic, value, key, on_delivery=_say)
        producer.poll(0)
        if stop.wait(random.uniform(0.5, 1.5) * pause_s):  # noqa: S311 # no secret
            break
    producer.flush(10)


def _say(error: KafkaError | None, message: Message) -> None:
    place = f"{message.topic()}/{message.partition()}/{message.offset()}"
    sys.stdout.write(f"not sent: {error}\n" if error else f"sent {place}: {message.value()!r}\n")


def main() -> None:
    """Read the arguments, and send until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap-servers", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--pause-s", type=float, default=5.0)
    given = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    send(given.bootstrap_servers, given.topic, given.pause_s, stop)


if __name__ == "__main__":
    main()
