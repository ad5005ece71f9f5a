"""The console while no consumer lives and the database goes away: pages come at once, and say what is not known."""

from __future__ import annotations

import time
import urllib.request
from typing import TYPE_CHECKING

import pytest
from console_flow import GOOD
from consuming import eventually
from dead_letter_samples import RECORD, letter
from mock_cluster import MockCluster, Sent, produce
from ports import free_port
from processes import Process, kafka_environment

if TYPE_CHECKING:
    from databases import PostgresDatabases
    from postgres import ThrowAwayServer

pytestmark = pytest.mark.heavy

AT_ONCE_S = 6.0
"""A page waits at most for a letter from Kafka, and three seconds to hear what became of it."""


def test_pages_are_there_at_once_when_the_database_is_not(
    postgres: PostgresDatabases, stoppable_server: ThrowAwayServer
) -> None:
    dead = letter(RECORD)
    with MockCluster() as broker:
        for topic in (broker.topic, broker.dead_letters):
            broker.create_topic(topic, 2)
        produce(broker.bootstrap, broker.topic, *GOOD)
        produce(broker.bootstrap, broker.dead_letters, Sent(dead.value, dead.key, dead.headers, partition=0))
        port = free_port()
        environment = kafka_environment(broker, ASSET_BRIDGE_CONSOLE__PORT=str(port))
        with Process("console", home=postgres.new_home(), environment=environment) as console:
            console.line("asset-bridge ready")

            def page(path: str = "") -> str:
                began = time.monotonic()
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}") as answer:
                    text: str = answer.read().decode()
                assert time.monotonic() - began < AT_ONCE_S
                return text

            eventually(lambda: "No consumer can be reached" in page())
            assert f'<span class="figure">{len(GOOD)}</span> <span class="unit">records' in page()
            eventually(lambda: "Dead letters</dt>" in page() and '<span class="figure">1</span></a>' in page())
            assert "not known now" not in page("letter?at=events.dlq/0/0")

            stoppable_server.stop()
            eventually(lambda: "database does not answer" in page(), 40)
            assert "events/0" in page().replace("<wbr>", "")
            eventually(lambda: "What became of the letters is not known now" in page("letters"), 40)
            assert "not known now" in page("letter?at=events.dlq/0/0")

            stoppable_server.start()
            eventually(lambda: "No consumer can be reached" in page(), 60)
            eventually(lambda: "not known now" not in page("letter?at=events.dlq/0/0"), 40)
