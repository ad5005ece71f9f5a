"""A throw-away Apache Kafka: brokers in KRaft mode on loopback, from the jars in the cache (`kafka_jars.py`).

A broker is a child of this process and dies with it. By hand, for as long as wanted:

    python tests/kafka_server.py            fetches the jars when need be, prints the bootstrap address; Ctrl-C ends it
    python tests/kafka_server.py --prepare  fetches what the tests start, and lets it be quick to start; as `make kafka`
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Self

from confluent_kafka import Consumer, KafkaException, TopicPartition
from kafka_jars import archive, fetch
from ports import free_ports

START_S = 60.0

_CLUSTER_ID = "asset-bridge-testing--"

_JVM = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=WARN")
"""Quick to start and small: a test's broker lives too briefly for the optimising compiler to pay."""

SETTINGS = {
    "auto.create.topics.enable": "false",
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",  # how long a broker that was killed must wait before it may register again
    "group.initial.rebalance.delay.ms": "0",
    "group.consumer.heartbeat.interval.ms": "100",
    "group.consumer.min.heartbeat.interval.ms": "100",
    "group.consumer.session.timeout.ms": "6000",
    "group.consumer.min.session.timeout.ms": "2000",  # for groups that are told so, as the next is for members that are
    "group.min.session.timeout.ms": "2000",
    "log.cleaner.dedupe.buffer.size": str(2 * 1024 * 1024),  # instead of 128 MB, which is taken at the start
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
}
"""What differs from a broker's defaults: one copy and one partition of what is internal, quick groups and restarts."""

MORE_LISTENERS = "more.listeners"
"""Among the settings of a broker: what is added to `listeners`, whose ports are chosen here."""


class ThrowAwayKafka:
    """A broker with its data in a folder of its own, on ports of its own; may be stopped and started again."""

    def __init__(self, jars: Path, settings: Mapping[str, str] | None = None) -> None:
        """Start one broker, its own controller, and wait until it answers."""
        broker, controller = free_ports(2)
        self._prepare(jars, 1, broker, {1: controller}, settings or {})
        self._format().wait(START_S)
        self.start()

    @classmethod
    def quorum(cls, jars: Path, brokers: int, settings: Mapping[str, str]) -> dict[int, Self]:
        """Brokers by their ids, each of them a controller too: as long as most of them are there, all goes on."""
        ports = free_ports(2 * brokers)
        controllers = dict(enumerate(ports[brokers:], 1))
        nodes = {node: cls.__new__(cls) for node in controllers}
        for (node, one), port in zip(nodes.items(), ports, strict=False):
            one._prepare(jars, node, port, controllers, settings)
        for formatting in [one._format() for one in nodes.values()]:
            formatting.wait(START_S)
        for one in nodes.values():
            one.launch()
        for one in nodes.values():
            one.wait()
        return nodes

    def _prepare(
        self, jars: Path, node: int, port: int, controllers: Mapping[int, int], settings: Mapping[str, str]
    ) -> None:
        self._java = [find_java() or "java", *_JVM, *_loaded_already(jars), "-cp", f"{jars}/*"]
        self._folder = Path(tempfile.mkdtemp(prefix="asset-bridge-kafka-"))
        self.bootstrap = f"127.0.0.1:{port}"
        properties = {
            "process.roles": "broker,controller",
            "node.id": str(node),
            "controller.quorum.voters": ",".join(f"{voter}@127.0.0.1:{at}" for voter, at in controllers.items()),
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://127.0.0.1:{controllers[node]}",
            "log.dirs": str(self._folder / "data"),
            **SETTINGS,
            **settings,
        }
        if more := properties.pop(MORE_LISTENERS, None):
            properties["listeners"] += f",{more}"
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
        self._process: subprocess.Popen[bytes] | None = None

    def _format(self) -> subprocess.Popen[bytes]:
        return self._run("kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(self._properties))

    @property
    def _properties(self) -> Path:
        return self._folder / "server.properties"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the broker and wait until it answers."""
        self.launch()
        self.wait()

    def launch(self, *jvm: str) -> None:
        """Start the broker; `jvm` are more options of its machine."""
        self._process = self._run(*jvm, "kafka.Kafka", str(self._properties))

    def wait(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + START_S
        while not serves_groups(self.bootstrap):
            assert self._process is not None
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline, "Kafka does not answer"

    def ensure_running(self) -> None:
        if self._process is None:
            self.start()

    def stop(self) -> None:
        """Stop at once, as a crash does: connections break, nobody is told."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(START_S)
            self._process = None

    def end(self) -> None:
        """Let the broker end in its own time."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(START_S)
        self._process = None

    def freeze(self) -> None:
        """Stop answering while all connections stay open, as a machine does that hangs."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def _run(self, *arguments: str) -> subprocess.Popen[bytes]:
        dies_with_us = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        with (self._folder / "log").open("ab") as log:
            command = [*dies_with_us, *self._java, *arguments]
            return subprocess.Popen(command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def serves_groups(bootstrap: str) -> bool:
    """Whether a broker answers, and coordinates groups too, for which it makes a topic at the first question."""
    config = {"bootstrap.servers": bootstrap, "group.id": "readiness", "reconnect.backoff.max.ms": 100, "log_level": 0}
    with closing(Consumer(config)) as consumer:
        try:
            consumer.committed([TopicPartition("none", 0)], timeout=2)
        except KafkaException:
            return False
        return True


def archive_classes(jars: Path) -> None:
    """Keep what a broker's Java has loaded and verified, for those to come: they compute for 3.5 s at a start, not 5.5.

    A Java that is another one, or has other options, takes no notice of it.
    """
    if archive(jars).is_file():
        return
    with tempfile.TemporaryDirectory(dir=jars.parent) as scratch, closing(ThrowAwayKafka(jars)) as broker:
        broker.stop()
        made = Path(scratch) / "classes"
        broker.launch(f"-XX:ArchiveClassesAtExit={made}")
        broker.wait()
        broker.end()
        made.replace(archive(jars))


def _loaded_already(jars: Path) -> list[str]:
    return [f"-XX:SharedArchiveFile={archive(jars)}"] if archive(jars).is_file() else []


def find_java() -> str | None:
    """The `java` of JAVA_HOME, else the one on the path."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")


def main() -> None:
    """Run a broker until a signal comes, or until the process that started this one is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with closing(ThrowAwayKafka(fetch())) as server:
        sys.stdout.write(f"{server.bootstrap}\n")
        sys.stdout.flush()
        try:
            signal.pause()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    if sys.argv[1:] == ["--prepare"]:
        archive_classes(fetch())
    else:
        main()
