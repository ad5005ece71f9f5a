"""Kill consumers again and again while they drain a topic, and count: nothing lost, nothing twice.

The suite runs a short round (`test_kill.py`); a long one is run by hand:

    .venv/bin/python tests/kills.py --kills 50 --records 20000 --home DAGSTER_HOME
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from consuming import committed_offsets, eventually
from dagster import DagsterInstance
from dagster_reading import runless_events
from mock_cluster import MockCluster, Sent, consume_all, produce
from processes import Process

TOPIC, DEAD_LETTERS, PARTITIONS = "events", "events.dlq", 4
BAD = b'{"event_type": "asset_check", "asset_key": "a"}'


def kill_round(home: Path, *, kills: int, records: int, seed: int, batch: int = 100) -> dict[str, int]:
    """Drain `records` with two consumers of which one is killed every now and then; returns what was counted.

    Raises:
        AssertionError: A record was lost or recorded twice, or a dead letter is missing.
    """
    chance = random.Random(seed)  # noqa: S311 # repeatable, not secret
    bad_offsets = {number for number in range(records) if chance.random() < 0.01}
    open_instance(home).dispose()  # Dagster's own first start on an empty SQLite folder is none for two at once
    with MockCluster() as cluster:
        cluster.create_topic(TOPIC, PARTITIONS)
        cluster.create_topic(DEAD_LETTERS, PARTITIONS)
        sent = [Sent(value(number, number in bad_offsets), partition=number % PARTITIONS) for number in range(records)]
        running = [start(cluster, home, batch) for _ in range(2)]
        places: list[tuple[int, int]] = []
        for kill in range(kills):
            for process in running:
                process.line("asset-bridge ready")
            places += produce(cluster.bootstrap, TOPIC, *sent[kill * records // kills : (kill + 1) * records // kills])
            time.sleep(chance.uniform(0.0, 0.3))  # the moment of a kill is the one thing that shall be random
            victim = chance.randrange(2)
            running[victim].signal(signal.SIGKILL)
            running[victim].__exit__()
            running[victim] = start(cluster, home, batch)
        eventually(
            lambda: sum(max(0, offset) for offset in committed_offsets(cluster, PARTITIONS)) == records, timeout_s=600
        )
        for process in running:
            process.signal()
            process.wait(30)
            process.__exit__()
        letters = consume_all(cluster.bootstrap, DEAD_LETTERS, 0)
    produced = {f"{TOPIC}/{partition}/{offset}" for partition, offset in places}
    dead = Counter((dict(letter.headers)["asset-bridge.dlq.id"] or b"").decode() for letter in letters)
    with open_instance(home) as instance:
        stored = Counter(str(event.metadata["kafka/record"].value) for event in runless_events(instance))
    twice = [place for place, count in stored.items() if count > 1]
    assert twice == [], f"recorded twice: {twice[:5]} and {len(twice)} in all"
    assert set(stored) | set(dead) == produced, f"lost: {sorted(produced - set(stored) - set(dead))[:5]}"
    assert not set(stored) & set(dead)
    return {"kills": kills, "recorded": len(stored), "dead": len(dead), "letters": dead.total()}


def value(number: int, bad: bool) -> bytes:  # noqa: FBT001 # reads as it is
    good = b'{"event_type": "asset_materialization", "asset_key": ["a", "%d"], "metadata": {"n": %d}}'
    return BAD if bad else good % (number % 20, number)


def start(cluster: MockCluster, home: Path, batch: int) -> Process:
    """One more consumer of the group, with a management port of its own."""
    environment = {
        "ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS": cluster.bootstrap,
        "ASSET_BRIDGE_KAFKA__GROUP_ID": "bridge",
        "ASSET_BRIDGE_KAFKA__TOPICS": TOPIC,
        "ASSET_BRIDGE_KAFKA__BATCH_MAX_RECORDS": str(batch),
        "ASSET_BRIDGE_KAFKA__LIBRDKAFKA__SESSION_TIMEOUT_MS": "2000",
        "ASSET_BRIDGE_KAFKA__LIBRDKAFKA__HEARTBEAT_INTERVAL_MS": "200",
        "ASSET_BRIDGE_MANAGEMENT__PORT": "0",
    }
    return Process("consume", home=home, environment=environment)


def open_instance(home: Path) -> DagsterInstance:
    """The instance that the killed consumers wrote to."""
    return (
        DagsterInstance.from_config(str(home))
        if (home / "dagster.yaml").exists()
        else DagsterInstance.local_temp(str(home))
    )


def main() -> None:
    """Run one long round and print what was counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--home", type=Path, help="a DAGSTER_HOME with an empty event log; default: a fresh SQLite one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counted = kill_round(
            arguments.home or Path(folder),
            kills=arguments.kills,
            records=arguments.records,
            seed=arguments.seed,
            batch=arguments.batch,
        )
    sys.stdout.write(f"{counted}\n")


if __name__ == "__main__":
    main()
