"""Dead letters on a broker, and the command line that works them, in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from broker import Broker
from command_line import without_test_variables
from dead_letter_samples import SCHEMA, letter
from mock_cluster import Sent, consume_all, produce

from asset_consumer.cli import run
from asset_consumer.dead_letter import Reason
from asset_consumer.record import Headers, Record
from asset_events import ErrorDetail

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

GOOD = b'{"event_type": "asset_materialization", "asset_key": ["raw", "orders"]}'
TYPELESS = b'{"asset_key": ["raw", "orders"]}'
CHECK = b'{"event_type": "asset_check", "asset_key": "orders", "check_name": "rows", "passed": true}'
UNKNOWN_ASSET = Reason("target", (ErrorDetail("/asset_key", "asset.unknown", "No code location defines it."),), 1)
TYPE_MISSING = Reason("envelope", (ErrorDetail("/event_type", "event_type.missing", "Nothing says it."),), 1)


def failed(value: bytes | None, offset: int, key: bytes | None = None, headers: Headers = (), at: int = 0) -> Record:
    """A record of the input topic; its topic's name is filled in later."""
    return Record("", at, offset, key, value, headers, 1_705_314_600_000 + offset, "CreateTime")


@dataclass
class LetterWorld:
    """An input topic of two partitions, its dead-letter and parking topics, and an empty Dagster instance."""

    broker: Broker
    capsys: pytest.CaptureFixture[str]
    sent: list[Record] = field(default_factory=list[Record])

    @property
    def parking(self) -> str:
        return f"{self.broker.dead_letters}.parking"

    def write(self, *letters: Record | tuple[Record, Reason], to: str | None = None) -> list[str]:
        """Write the letters of these records; returns their places."""
        pairs = [item if isinstance(item, tuple) else (item, SCHEMA) for item in letters]
        records = [replace(record, topic=record.topic or self.broker.topic) for record, _ in pairs]
        dead = [letter(record, reason) for record, (_, reason) in zip(records, pairs, strict=True)]
        sent = [
            Sent(one.value, one.key, one.headers, record.partition) for one, record in zip(dead, records, strict=True)
        ]
        topic = to or self.broker.dead_letters
        self.sent += records
        return [f"{topic}/{part}/{at}" for part, at in produce(self.broker.bootstrap, topic, *sent)]

    def dlq(self, *arguments: str) -> tuple[int, str, str]:
        """Run `asset-bridge dlq`; returns exit code, stdout and stderr."""
        self.capsys.readouterr()
        code = run(["dlq", *arguments])
        told = self.capsys.readouterr()
        return code, told.out, told.err

    def json(self, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
        """Run it with --json."""
        code, out, _ = self.dlq(*arguments, "--json")
        return code, [json.loads(line) for line in out.splitlines()]

    def places(self, *arguments: str) -> list[str]:
        """What `list` finds."""
        return sorted(found["place"] for found in self.json("list", *arguments)[1])

    def arrived(self, count: int, topic: str | None = None) -> list[Record]:
        """The records that came to the input topic, of which there must be so many."""
        return consume_all(self.broker.bootstrap, topic or self.broker.topic, count)


def open_world(
    broker: Broker,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    input_made: bool = False,
) -> LetterWorld:
    without_test_variables(monkeypatch)
    (home / "dagster.yaml").touch()
    if not input_made:
        broker.create_topic(broker.topic, 2)
    for topic in (broker.dead_letters, f"{broker.dead_letters}.parking"):
        broker.create_topic(topic, 2)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS", broker.bootstrap)
    monkeypatch.setenv("ASSET_BRIDGE_KAFKA__TOPICS", broker.topic)
    monkeypatch.setenv("ASSET_BRIDGE_KAFKA__ADMIN_TIMEOUT_S", "5")
    monkeypatch.setenv("ASSET_BRIDGE_KAFKA__LIBRDKAFKA__MESSAGE_TIMEOUT_MS", "3000")
    monkeypatch.setenv("COLUMNS", "250")
    return LetterWorld(broker, capsys)
