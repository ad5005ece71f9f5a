"""Those that are measured: stock Dagster, a plain consumer, the bridge by both roads, and the bare inserts."""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.homes import Home
from benchmarks.sample_events import sample_event, sample_record
from confluent_kafka import Producer
from dagster import DagsterInstance
from mock_cluster import MockCluster
from psycopg2.extras import execute_values

from asset_events import parse_event
from asset_reporting.batch_rows import BatchRows, prepare

TOPIC, PARTITIONS, BATCH = "events", 16, 1000
START_S, LOAD_S, DRAIN_S = 60, 30, 600
WARM_UP = 200
"""Requests sent before measuring: connections are opened, statements compiled."""

STOCK = (sys.executable, "-m", "dagster_webserver", "--empty-workspace", "--suppress-warnings")
BRIDGE = (sys.executable, "-m", "asset_consumer")
_HERE = Path(__file__).parent
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run gave; latencies in milliseconds for HTTP only, processor seconds of the process that records."""

    events: int
    took_s: float
    cpu_s: float
    peak_mb: float
    p50_ms: float | None = None
    p99_ms: float | None = None

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.events / self.took_s


def http(home: Home, command: tuple[str, ...], connections: int, requests: int) -> Measured:
    """Post to a server from so many connections at a time."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    own = ("--port", str(port)) if command == STOCK else ("serve",)
    settings = {"ASSET_BRIDGE_HTTP__PORT": str(port), "ASSET_BRIDGE_LOG_LEVEL": "WARNING"}
    with running((*command, *own), home, settings) as pid:
        _await(f"http://127.0.0.1:{port}{'/server_info' if command == STOCK else '/readyz'}")
        _load(port, connections, WARM_UP)
        before_s = cpu_s(pid)
        took_s, latencies_s = _load(port, connections, requests)
        used_s, peak_mb = cpu_s(pid) - before_s, memory_mb(pid, "VmHWM")
    cuts = statistics.quantiles(latencies_s, n=100)
    return Measured(len(latencies_s), took_s, used_s, peak_mb, cuts[49] * 1000, cuts[98] * 1000)


def plain_consumer(home: Home, records: int) -> Measured:
    """Drain a backlog with Dagster's public call."""
    with backlog(records) as bootstrap:
        command = (sys.executable, str(_HERE / "plain_consumer.py"), bootstrap, TOPIC)
        with running(command, home, {}) as pid:
            return _drain(home, pid, records)


def bridge_drain(home: Home, records: int, more: Mapping[str, str] | None = None) -> Measured:
    """Drain a backlog with `asset-bridge consume`; `more` are environment variables."""
    with backlog(records) as bootstrap:
        settings = {
            "ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "ASSET_BRIDGE_KAFKA__TOPICS": TOPIC,
            "ASSET_BRIDGE_MANAGEMENT__PORT": "0",
            "ASSET_BRIDGE_LOG_LEVEL": "WARNING",
            **(more or {}),
        }
        with running((*BRIDGE, "consume"), home, settings) as pid:
            return _drain(home, pid, records)


def floor(home: Home, records: int) -> Measured:
    """Insert log rows alone that were serialised before, in batches of one multi-row statement and one commit each."""
    with DagsterInstance.from_config(str(home.path)) as instance:
        events = [parse_event(json.dumps(sample_event(number)).encode()) for number in range(BATCH)]
        rows = prepare(instance.event_log_storage, events)  # type: ignore[arg-type] # it is one of the SQL storages
    assert isinstance(rows, BatchRows)
    columns = ", ".join(rows.log_rows[0])
    values = [tuple(row.values()) for row in rows.log_rows]
    places = ", ".join("?" * len(values[0]))
    with closing(home.connect()) as connection, closing(connection.cursor()) as cursor:
        began, used = time.perf_counter(), time.process_time()
        for _ in range(records // BATCH):
            if hasattr(cursor, "mogrify"):  # psycopg2's
                execute_values(cursor, f"INSERT INTO event_logs ({columns}) VALUES %s", values, page_size=BATCH)  # noqa: S608
            else:
                cursor.executemany(f"INSERT INTO event_logs ({columns}) VALUES ({places})", values)  # noqa: S608 # fixed
            connection.commit()
        took_s, used_s = time.perf_counter() - began, time.process_time() - used
    return Measured(records, took_s, used_s, memory_mb(os.getpid(), "VmHWM"))


@contextmanager
def backlog(records: int) -> Iterator[str]:
    """A broker with a topic that is full already; each asset's events are in one partition."""
    with MockCluster() as cluster:
        cluster.create_topic(TOPIC, PARTITIONS)
        cluster.create_topic(f"{TOPIC}.dlq", PARTITIONS)
        # The mock broker keeps 5 MB of each partition, and keeps batches as they come: compressed.
        producer = Producer({"bootstrap.servers": cluster.bootstrap, "compression.type": "lz4", "linger.ms": 20})
        for number in range(records):
            while True:
                try:
                    producer.produce(TOPIC, sample_record(number), partition=number % PARTITIONS)
                    break
                except BufferError:
                    producer.poll(0.1)
        assert producer.flush(60) == 0, "the backlog was not taken"
        producer.close()
        yield cluster.bootstrap


def cpu_s(pid: int) -> float:
    """User and system time that a process has used, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def memory_mb(pid: int, name: str) -> float:
    """`VmRSS`: resident memory now; `VmHWM`: the most there ever was."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(name))


def _drain(home: Home, pid: int, records: int) -> Measured:
    """Measure from the first records that are seen in the log to the last: starting up is no part of it."""
    give_up_at = time.monotonic() + DRAIN_S
    while not (first := home.recorded()):
        assert time.monotonic() < give_up_at, "nothing is recorded"
        time.sleep(0.02)
    began, used_before_s = time.perf_counter(), cpu_s(pid)
    while home.recorded() < records:
        assert time.monotonic() < give_up_at, "the drain does not come to an end"
        time.sleep(0.05)
    took_s, used_s = time.perf_counter() - began, cpu_s(pid) - used_before_s
    stored = home.query("SELECT count(*) FROM event_logs")[0][0]
    assert stored == records, f"{stored} events are in the log, {records} were sent"
    return Measured(records - first, took_s, used_s, memory_mb(pid, "VmHWM"))


def _load(port: int, connections: int, requests: int) -> tuple[float, list[float]]:
    values = {"port": port, "connections": connections, "requests": requests, "seconds": LOAD_S}
    arguments = [part for name, value in values.items() for part in (f"--{name}", str(value))]
    command = [sys.executable, str(_HERE / "load.py"), *arguments]
    answer = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=LOAD_S * 4).stdout)
    assert answer["failed"] == 0, f"{answer['failed']} requests were not answered with 200"
    return answer["took_s"], answer["latencies_s"]


@contextmanager
def running(command: tuple[str, ...], home: Home, settings: dict[str, str]) -> Iterator[int]:
    """A process with this DAGSTER_HOME; yields its id, and ends it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ASSET_BRIDGE_")}
    environment = {**inherited, "DAGSTER_HOME": str(home.path), **settings}
    with (home.path / "output").open("wb") as output:
        process = subprocess.Popen(command, env=environment, cwd=home.path, stdout=output, stderr=output)
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


def _await(address: str) -> None:
    """Wait until a server answers with success."""
    give_up_at = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(address, timeout=START_S).close()  # noqa: S310 # http
        except OSError:
            assert time.monotonic() < give_up_at, "the server does not answer"
            time.sleep(0.1)
        else:
            return
