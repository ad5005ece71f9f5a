"""docs/client.md says what is so: its examples run as they stand, its numbers are the code's."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance
from dagster_reading import runless_events
from document_server import KEY, DocumentServer, document_server
from mock_cluster import MockCluster, consume_all

from asset_client import attempts, http, kafka, parts
from asset_consumer.settings import KafkaSettings

PAGE = (Path(__file__).parent.parent / "docs" / "client.md").read_text(encoding="utf-8")
PYTHON: list[str] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SHELL: list[str] = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def running() -> Iterator[DocumentServer]:
    with DagsterInstance.local_temp() as instance, document_server(instance) as running:
        yield running


@pytest.mark.parametrize("example", [*PYTHON, *SHELL])
def test_example_reports_an_event(running: DocumentServer, cluster: MockCluster, tmp_path: Path, example: str) -> None:
    cluster.create_topic(kafka.TOPIC)
    (tmp_path / "nightly.sh").write_text("#!/bin/sh\n")
    (tmp_path / "nightly.sh").chmod(0o755)
    before = len(runless_events(running.instance))
    here = example.replace("http://localhost:3000", running.requests.base).replace('"…"', f'"{KEY}"')
    here = here.replace("localhost:9092", cluster.bootstrap)
    command = [sys.executable, "-c", here] if example in PYTHON else ["bash", "-c", here]
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    environment = {"PATH": path, "ASSET_BRIDGE_API_KEY": KEY}

    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=30, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    if "9092" in example:
        assert len(consume_all(cluster.bootstrap, kafka.TOPIC, 1)) == 1
    else:
        assert len(runless_events(running.instance)) > before


@pytest.mark.parametrize(
    "said",
    [
        f"`deadline_s` ({http.DEADLINE_S:g}) is over; each answer is awaited for `timeout_s` ({http.TIMEOUT_S:g})",
        f"up to {attempts.FIRST_PAUSE_S:g} s, 1 s … {attempts.LONGEST_PAUSE_S:g} s",
        f"at most {parts.MAX_PART_EVENTS} events and {parts.MAX_PART_BYTES // 2**20} MiB",
        f"`deadline_s` ({kafka.DEADLINE_S:g}): half of it",
    ],
)
def test_number_is_the_codes(said: str) -> None:
    assert said in PAGE


def test_the_clients_topic_is_the_one_that_consume_reads() -> None:
    assert [topic.name for topic in KafkaSettings().topics] == [kafka.TOPIC]
