"""Run `asset-bridge` as a process of its own, as an operator does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

from broker import Broker
from kept_secrets import look_at
from ports import free_port

START_S = 60.0
"""How long a start may take: four seconds of computing, beside whatever else this machine does."""


class Process:
    """One running command; its lines are kept as they come, and it is gone when the `with` block ends."""

    def __init__(self, *arguments: str, home: Path, environment: dict[str, str] | None = None) -> None:
        home.mkdir(exist_ok=True)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ASSET_BRIDGE_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "asset_consumer", *arguments],
            env={**inherited, "DAGSTER_HOME": str(home), "PYTHONUNBUFFERED": "1", **(environment or {})},
            cwd=home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [
            threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            for stream, lines in ((self._process.stdout, self.out), (self._process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: object, lines: list[str]) -> None:
        lines.extend(iter(stream.readline, ""))  # type: ignore[attr-defined] # a text stream

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self.wait(10)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()
        look_at("what a process has written", "".join(self.out + self.err))

    @property
    def pid(self) -> int:
        return self._process.pid

    def line(self, beginning: str, timeout_s: float = START_S) -> str:
        """Wait for a line on standard output that begins so."""
        deadline = time.monotonic() + timeout_s
        while True:
            for line in list(self.out):
                if line.startswith(beginning):
                    return line.rstrip("\n")
            ended = self._process.poll()
            assert ended is None, f"ended with {ended}: {self.err}"
            assert time.monotonic() < deadline, f"no line {beginning!r} in {self.out} {self.err}"
            time.sleep(0.02)

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        self._process.send_signal(number)

    def wait(self, timeout_s: float) -> int:
        """The exit code, once the process has ended and all its lines are read."""
        code = self._process.wait(timeout_s)
        for reader in self._readers:
            reader.join(timeout_s)
        return code

    def resident_mb(self) -> float:
        """Memory in use now, in MB."""
        return resident_mb(self.pid)


def resident_mb(pid: int) -> float:
    """Memory that a process has in use now, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def kafka_environment(broker: Broker, **more: str) -> dict[str, str]:
    """Settings to consume the test's topic under its group, with a management port that is free."""
    return {
        "ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
        "ASSET_BRIDGE_KAFKA__GROUP_ID": broker.group,
        "ASSET_BRIDGE_KAFKA__GROUP_PROTOCOL": broker.group_protocol,
        "ASSET_BRIDGE_KAFKA__TOPICS": broker.topic,
        "ASSET_BRIDGE_MANAGEMENT__PORT": str(free_port()),
        **more,
    }


def two_topics(broker: Broker) -> Broker:
    """The test's topic and its dead-letter topic, of two Kafka partitions each."""
    broker.create_topic(broker.topic, 2)
    broker.create_topic(broker.dead_letters, 2, {"max.message.bytes": "1200000"})
    return broker
