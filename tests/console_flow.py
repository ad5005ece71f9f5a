"""A real flow for the console to show: a broker with good and bad events, a consumer and a console as processes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker import Broker
from known_keys import entry_of, key_of, keys_file
from mock_cluster import MockCluster, Sent, produce
from ports import free_port
from processes import Process, kafka_environment

OPERATOR, VIEWER = key_of("o"), key_of("v")

HOSTILE = "<img src=x onerror=alert(1)>\"'&</script><script>alert(2)</script>\u202egnp.exe"
"""What would run, or turn the page around, if it were not escaped."""


TRACED = [("source", b"dbt-runner"), ("trace-id", b"4bf92f3577b34da6")]


def event(**fields: Any) -> bytes:
    return json.dumps({"event_type": "asset_materialization", "asset_key": ["warehouse", "orders"], **fields}).encode()


GOOD = [
    Sent(event(partition="2026-11-26", metadata={"rows": 1250, "source": "s3://lake/orders"}), b"orders", partition=0),
    Sent(event(asset_key=["warehouse", "customers"], metadata={"rows": 310}), b"customers", partition=1),
    Sent(event(event_type="asset_check", check_name="no_null_ids", passed=True), b"orders", partition=0),
    Sent(
        event(event_type="asset_check", check_name="row count", passed=False, severity="WARN"), b"orders", partition=0
    ),
    Sent(event(event_type="asset_observation", asset_key=["lake", "raw events/2026", HOSTILE]), b"lake", partition=1),
]

BAD = [
    Sent(
        event(
            event_type="asset_check",
            check_name="row_count",
            passed="yes",
            metadata={"rows": 12, "schema": {"columns": ["id", "name"], "types": None}},
        ),
        b"orders",
        [*TRACED, ("raw", b"\x00\x01\xff"), ("empty", b""), ("no", None)],
        partition=0,
    ),
    Sent(event(metdata={"rows": 3}), b"orders", partition=0),
    Sent(event(event_type="asset_check", check_name="fresh"), b"orders", partition=0),
    Sent(b'{"event_type": "asset_materialization",\n "asset_key": ["warehouse", "orders"],\n "metadata": {"rows": }}',
         b"orders", partition=1),
    Sent(b"\x00\x00\x00\x00\x07\x02\x0ebinary\xfe\xff" * 9, b"\x00\x01bin", partition=1),
    Sent(None, b"gone", partition=1),
    Sent(
        event(asset_key=[HOSTILE], **{HOSTILE: HOSTILE}), HOSTILE.encode(), [(HOSTILE, HOSTILE.encode())], partition=1
    ),
]  # fmt: skip


@dataclass
class ConsoleFlow:
    """What runs, and where."""

    broker: Broker
    home: Path
    environment: dict[str, str]
    console: Process
    url: str

    def send(self, *records: Sent) -> None:
        produce(self.broker.bootstrap, self.broker.topic, *records)

    def audit(self) -> list[dict[str, Any]]:
        """The audit log's lines so far."""
        lines = [json.loads(line) for line in self.console.err if line.startswith("{")]
        return [line for line in lines if line["logger"] == "asset_bridge.audit"]


@contextlib.contextmanager
def console_flow(folder: Path, broker: Broker | None = None) -> Iterator[ConsoleFlow]:
    """Run it all on SQLite and a mock cluster, or the broker that is given, with some events sent."""
    keys = keys_file(folder / "keys", entry_of("o", ["operator"], name="Grace"), entry_of("v", ["viewer"]))
    management, port = free_port(), free_port()
    with contextlib.ExitStack() as running:
        broker = broker or running.enter_context(MockCluster())
        for topic in (broker.topic, broker.dead_letters, f"{broker.dead_letters}.parking"):
            broker.create_topic(topic, 2, {"max.message.bytes": "1200000"} if topic != broker.topic else None)
        environment = kafka_environment(
            broker,
            ASSET_BRIDGE_MANAGEMENT__PORT=str(management),
            ASSET_BRIDGE_CONSOLE__PORT=str(port),
            ASSET_BRIDGE_CONSOLE__MANAGEMENT_URLS=f"http://localhost:{management},http://127.0.0.1:{free_port()}",
            ASSET_BRIDGE_CONSOLE__DAGSTER_URL="http://localhost:3000",
            ASSET_BRIDGE_CONSOLE__KEYS_FILE=str(keys),
            ASSET_BRIDGE_CONSOLE__ALLOW_ANONYMOUS="true",
            ASSET_BRIDGE_LOG_FORMAT="json",
        )
        home = folder / "home"
        consumer = running.enter_context(Process("consume", home=home, environment=environment))
        console = running.enter_context(Process("console", home=home, environment=environment))
        consumer.line("asset-bridge ready")
        produce(broker.bootstrap, broker.topic, *GOOD, *BAD)
        console.line("asset-bridge ready")
        yield ConsoleFlow(broker, home, environment, console, f"http://127.0.0.1:{port}")
