"""A game day: bad records in a flood, an outage in the middle of it, and an operator who knows only what we show.

What is in the way is read from `/readyz`, the metrics and the console; what failed is corrected, sent again and parked
with `asset-bridge dlq`. In the end every record that was sent is accounted for, once.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from broker import Broker
from consuming import eventually, holds_for
from databases import Database
from mock_cluster import Sent, consume_all, produce
from numbered import event, numbers
from ports import free_port
from postgres import ThrowAwayServer
from processes import START_S, Process, kafka_environment, two_topics
from prometheus_client.parser import text_string_to_metric_families

FLOOD, EVERY_FIFTH = 400, 5

BAD = {
    "event_type.unknown": lambda good: good.replace(b"asset_materialization", b"asset_materialisation"),
    "json.malformed": lambda good: good[:-1],
    "field.missing": lambda good: good.replace(b'"asset_key": "a", ', b""),
    "field.unknown": lambda good: good.replace(b'"metadata"', b'"metdata"'),
    "schema.invalid": lambda good: good.replace(b'"asset_key": "a"', b'"asset_key": "a", "partition": 7'),
}
"""Five kinds of bad records, by the code for which they are refused."""

PATCH = [
    {"op": "test", "path": "/event_type", "value": "asset_materialisation"},
    {"op": "replace", "path": "/event_type", "value": "asset_materialization"},
]


def flood() -> list[tuple[str | None, bytes]]:
    """Every fifth record is bad, of each kind in turn: the code it is refused for, or None, and its value."""
    codes = list(BAD)
    made: list[tuple[str | None, bytes]] = []
    for number in range(FLOOD):
        code = codes[number // EVERY_FIFTH % len(codes)] if number % EVERY_FIFTH == 0 else None
        made.append((code, event(number) if code is None else BAD[code](event(number))))
    return made


@dataclass
class Bridge:
    """What an operator has: the consumer's management port, the console, and the command line."""

    home: Path
    environment: dict[str, str]
    console: str

    def get(self, path: str) -> requests.Response:
        return requests.get(f"http://127.0.0.1:{self.environment['ASSET_BRIDGE_MANAGEMENT__PORT']}{path}", timeout=10)

    def metrics(self, name: str, label: str) -> dict[str, float]:
        """The samples of one metric, summed by one of its labels."""
        found: Counter[str] = Counter()
        for family in text_string_to_metric_families(self.get("/metrics").text):
            for sample in family.samples:
                if sample.name == f"asset_bridge_{name}":
                    found[sample.labels[label]] += sample.value  # type: ignore[assignment] # whole numbers
        return dict(found)

    def page(self, path: str = "/") -> str:
        """A page of the console, as a reader sees it."""
        text = requests.get(f"{self.console}{path}", timeout=10).text
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))

    def dlq(self, *arguments: str, exits: int = 0) -> list[dict[str, Any]]:
        """What `asset-bridge dlq` says, a line each."""
        with Process("dlq", *arguments, "--json", home=self.home, environment=self.environment) as process:
            assert process.wait(START_S) == exits, (process.out, process.err)
            return [json.loads(line) for line in process.out]


@contextmanager
def bridge(broker: Broker, home: Path) -> Iterator[Bridge]:
    environment = kafka_environment(two_topics(broker), ASSET_BRIDGE_CONSOLE__PORT=str(free_port()))
    management = f"http://127.0.0.1:{environment['ASSET_BRIDGE_MANAGEMENT__PORT']}"
    environment["ASSET_BRIDGE_CONSOLE__MANAGEMENT_URLS"] = management
    broker.create_topic(f"{broker.dead_letters}.parking", 2, {"max.message.bytes": "1200000"})
    with (
        Process("consume", home=home, environment=environment) as consume,
        Process("console", home=home, environment=environment) as console,
    ):
        for process in (consume, console):
            process.line("asset-bridge ready")
        yield Bridge(home, environment, f"http://127.0.0.1:{environment['ASSET_BRIDGE_CONSOLE__PORT']}")
        for process in (consume, console):
            process.signal()
            assert process.wait(30) == 0


@pytest.mark.heavy
@pytest.mark.fault("game day: a flood of bad records, and PostgreSQL down in the middle", "P1", "P2", "P3", "P4", "P7")
def test_an_operator_finds_the_cause_repairs_what_can_be_and_every_record_is_accounted_for(
    broker: Broker, postgresql: Database, stoppable_server: ThrowAwayServer, tmp_path: Path
) -> None:
    home = postgresql.new_home()
    sent = flood()
    half = len(sent) // 2
    bad = Counter(code for code, _ in sent if code)
    with bridge(broker, home) as operator:
        produce(
            broker.bootstrap, broker.topic, *(Sent(value, partition=n % 2) for n, (_, value) in enumerate(sent[:half]))
        )
        eventually(lambda: sum(operator.metrics("dead_letters_total", "code").values()) > 0)

        stoppable_server.stop()
        produce(
            broker.bootstrap, broker.topic, *(Sent(value, partition=n % 2) for n, (_, value) in enumerate(sent[half:]))
        )
        eventually(lambda: operator.get("/readyz").status_code == 503)
        assert not operator.get("/readyz").json()["conditions"]["storage"]["ok"]
        eventually(lambda: operator.metrics("paused_partitions", "reason")["outage"] == 2)
        eventually(lambda: operator.metrics("lag_records", "topic").get(broker.topic, 0) > 0)
        eventually(lambda: "storage" in operator.page().lower() and "Everything flows" not in operator.page())
        letters = operator.metrics("dead_letters_total", "code")
        assert holds_for(2, lambda: operator.get("/livez").status_code == 200)
        assert operator.metrics("dead_letters_total", "code") == letters  # an outage is not poison

        stoppable_server.start()
        eventually(lambda: operator.get("/readyz").status_code == 200, 60)
        eventually(lambda: operator.metrics("lag_records", "topic").get(broker.topic) == 0, 60)
        assert operator.metrics("dead_letters_total", "code") == bad
        eventually(lambda: all(code in operator.page("/letters") for code in BAD))
        eventually(lambda: "Everything flows" in operator.page())

        patch = tmp_path / "patch.json"
        patch.write_text(json.dumps(PATCH))
        correct = ("replay", "--code", "event_type.unknown", "--patch", str(patch))
        foreseen = operator.dlq(*correct)
        assert operator.dlq("list", "--code", "event_type.unknown") != []
        done = operator.dlq(*correct, "--apply")
        assert len(foreseen) == len(done) >= bad["event_type.unknown"]
        operator.dlq("park", "--all", "--apply")
        operator.dlq("list", exits=4)
        eventually(lambda: operator.metrics("lag_records", "topic").get(broker.topic) == 0)

        right = [number for number, (code, _) in enumerate(sent) if code in {None, "event_type.unknown"}]
        eventually(lambda: len(numbers(postgresql.open(home))) >= len(right))
    assert sorted(numbers(postgresql.open(home))) == right
    wrong = [value for code, value in sent if code not in {None, "event_type.unknown"}]
    parked = consume_all(broker.bootstrap, f"{broker.dead_letters}.parking", len(wrong))
    assert Counter(record.value for record in parked) == Counter(wrong)
