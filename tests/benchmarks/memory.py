"""Drain a long topic with `asset-bridge consume` and watch its memory: flat, however many records come.

    .venv/bin/python tests/benchmarks/memory.py [--records 1000000]

Takes some five minutes a million on PostgreSQL. Fails when memory grows or goes beyond the limit.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))  # before the imports of what is there

from benchmarks.contenders import BRIDGE, PARTITIONS, TOPIC, memory_mb, running  # noqa: E402
from benchmarks.homes import Home, postgresql  # noqa: E402
from benchmarks.sample_events import sample_record  # noqa: E402
from confluent_kafka import Producer  # noqa: E402
from mock_cluster import MockCluster  # noqa: E402

LIMIT_MB, GROWTH_MB = 250, 20
"""The most it may ever take, and the most by which the last tenth may be above the second."""

AHEAD = 100_000
"""How far the producer runs ahead: the mock broker keeps 5 MB of each partition."""

STALL_S = 60


def drain(home: Home, records: int) -> list[float]:
    """Resident memory in MB after each tenth of the records."""
    with MockCluster() as cluster:
        cluster.create_topic(TOPIC, PARTITIONS)
        cluster.create_topic(f"{TOPIC}.dlq", PARTITIONS)
        settings = {
            "ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS": cluster.bootstrap,
            "ASSET_BRIDGE_KAFKA__TOPICS": TOPIC,
            "ASSET_BRIDGE_MANAGEMENT__PORT": "0",
        }
        with running((*BRIDGE, "consume"), home, settings) as pid, _producer(cluster) as producer:
            taken: list[float] = []
            sent = 0
            for tenth in range(1, 11):
                while (recorded := _progress(home)) < tenth * records // 10:
                    sent = _send(producer, sent, min(records, recorded + AHEAD))
                taken.append(memory_mb(pid, "VmRSS"))
                sys.stdout.write(f"{recorded:>9,} records  {taken[-1]:6.1f} MB\n")
                sys.stdout.flush()
            taken.append(memory_mb(pid, "VmHWM"))
            return taken


_seen = (0, 0.0)


def _progress(home: Home) -> int:
    """How many are recorded; gives up when nothing moves."""
    global _seen  # noqa: PLW0603 # one drain a process
    recorded, now = home.recorded(), time.monotonic()
    if recorded > _seen[0] or not _seen[1]:
        _seen = recorded, now
    assert now - _seen[1] < STALL_S, f"nothing moves beyond {recorded}"
    time.sleep(0.2)
    return recorded


def _send(producer: Producer, sent: int, until: int) -> int:
    for number in range(sent, until):
        while True:
            try:
                producer.produce(TOPIC, sample_record(number), partition=number % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.1)
    return max(sent, until)


@contextmanager
def _producer(cluster: MockCluster) -> Iterator[Producer]:
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "compression.type": "lz4", "linger.ms": 20})
    try:
        yield producer
    finally:
        producer.close()


def main() -> None:
    """Drain, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with postgresql() as database:
        *tenths, peak = drain(database.new_home(), arguments.records)
    sys.stdout.write(f"     peak  {peak:6.1f} MB\n")
    assert peak < LIMIT_MB, f"more than {LIMIT_MB} MB"
    assert tenths[-1] - tenths[1] < GROWTH_MB, f"grown by more than {GROWTH_MB} MB"


if __name__ == "__main__":
    main()
