"""`asset-bridge` as processes forked from one that has imported everything: a start takes half a second, not four.

Otherwise as in `processes.py`, and with the fault points of `fault_points.py` in them.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import Self

import fault_points
from confluent_kafka import Consumer, TopicPartition
from consuming import eventually
from kept_secrets import look_at
from processes import START_S

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([
    "asset_consumer.commands.consume",
    "asset_consumer.consume",
    "dagster_postgres",
    "dagster._core.storage.root",
    "dagster._core.storage.sqlite_storage",
    "pytest",  # the main script is imported anew in every process, and brings it
])  # fmt: skip

_numbers = itertools.count()


class Forked:
    """One running command; its lines are in files below its DAGSTER_HOME, and it is gone when the `with` block ends."""

    def __init__(self, *arguments: str, home: Path, environment: Mapping[str, str], idle_ms: int | None = None) -> None:
        """Start it; `idle_ms` shortens how long a silent writer may hold the writers' lock."""
        self._folder = home / "processes" / str(next(_numbers))
        self._folder.mkdir(parents=True)
        whole = {"DAGSTER_HOME": str(home), "ASSET_BRIDGE_LOG_FORMAT": "json", **environment}
        self._process = _CONTEXT.Process(target=_run, args=(arguments, self._folder, whole, idle_ms), daemon=True)
        self._process.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.is_alive():
            self._process.kill()
        self._process.join(10)
        self._process.close()
        look_at("what a process has written", self._read("out") + self.err)

    @property
    def err(self) -> str:
        """Standard error so far."""
        return self._read("err")

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process.is_alive()

    def ready(self) -> None:
        """Wait until it says that it is."""
        eventually(lambda: "asset-bridge ready" in self._read("out") or self._runs(), START_S)

    def signal(self, number: Signals = SIGTERM) -> None:
        assert self._process.is_alive()
        os.kill(self.pid, number)

    def wait(self, timeout_s: float = 30) -> int:
        """The exit code, once the process has ended."""
        self._process.join(timeout_s)
        assert self._process.exitcode is not None, f"runs still:\n{self.err}"
        return self._process.exitcode

    def strike(self, step: str, *, how: Signals = SIGKILL, passage: int = 1) -> None:
        """Let it strike itself at a step that it has yet to pass."""
        fault_points.write_order(self._folder / "order", step, how, passage)

    def spare(self) -> None:
        """Take back an order that it has not come to."""
        (self._folder / "order").unlink(missing_ok=True)

    def is_struck(self, step: str) -> bool:
        """Whether it has struck itself at this step; an end of any other kind fails the test."""
        alive, struck = self._process.is_alive(), self.was_struck(step)
        assert alive or struck, f"ended with {self._process.exitcode} before {step}:\n{self.err}"
        return struck

    def was_struck(self, step: str) -> bool:
        """The same of one that may have ended otherwise, and be gone."""
        return f"{fault_points.mark(step)}\n" in self.err

    def killed_at(self, step: str) -> None:
        """Make sure that it died at this step and nowhere else."""
        eventually(lambda: self.is_struck(step))
        assert self.wait() == -SIGKILL

    def stopped_at(self, step: str) -> None:
        """Make sure that it stands still at this step."""
        eventually(lambda: self.is_struck(step) and self.is_stopped)

    @property
    def member(self) -> str:
        """The id that its group knows it by, empty before it has been given one."""
        return self._read("member")

    @property
    def is_stopped(self) -> bool:
        return Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    @property
    def owned(self) -> set[str]:
        """The Kafka partitions that it has, as its log tells."""
        owned: set[str] = set()
        for line in self.err.splitlines():
            entry = json.loads(line) if line.startswith("{") and line.endswith("}") else {}
            if entry.get("happening") == "assigned":
                owned = set(entry["owned"])
            elif entry.get("happening") in {"revoked", "lost"}:
                owned -= set(entry["partitions"])
        return owned

    def _runs(self) -> bool:
        assert self._process.is_alive(), f"ended with {self._process.exitcode}:\n{self.err}"
        return False

    def _read(self, name: str) -> str:
        file = self._folder / name
        return file.read_text() if file.exists() else ""


def _run(arguments: tuple[str, ...], folder: Path, environment: Mapping[str, str], idle_ms: int | None) -> None:
    """What the process does: the ordinary command line, with its fault points."""
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / name, os.O_CREAT | os.O_WRONLY | os.O_APPEND), number)
    for name in [name for name in os.environ if name.startswith("ASSET_BRIDGE_")]:
        del os.environ[name]
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["asset-bridge", *arguments]
    fault_points.install(folder / "order")
    _note_member(folder / "member")
    _reconnect_quickly()
    if idle_ms is not None:
        from asset_reporting import writers_lock

        writers_lock.IDLE_MS = idle_ms
    from asset_consumer.__main__ import main

    main()


def _reconnect_quickly() -> None:
    """As the fixture `quick_reconnects` does."""
    from dagster_postgres import utils

    setattr(utils, "calculate_delay", lambda **_: 0.01)  # noqa: B010 # it is not exported from there


def _note_member(file: Path) -> None:
    """Write down the consumer's member id whenever it is assigned something."""
    from asset_consumer.assignment import Assignment

    on_assign = Assignment._on_assign

    def noting(assignment: Assignment, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        file.write_text(consumer.memberid())
        on_assign(assignment, consumer, partitions)

    Assignment._on_assign = noting  # type: ignore[assignment,method-assign] # of this process alone
