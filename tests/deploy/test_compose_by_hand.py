"""docker-compose.yml without Docker, by its own commands: it becomes healthy, an event causes a run, it stops."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka_jars import cached
from kafka_server import find_java
from missing import missing
from postgres import find_binaries

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(600)]


@pytest.fixture
def scratch() -> Iterator[Path]:
    # Not below pytest's own folder, which is root's alone.
    folder = Path(tempfile.mkdtemp(prefix="asset-bridge-compose-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_it_becomes_healthy_records_causes_a_run_and_stops(scratch: Path) -> None:
    if os.getuid() != 0 or shutil.which("ip") is None or not own_network():
        missing("network", "a network of one's own takes root, and the program `ip`")
    if cached() is None or find_java() is None:
        missing("kafka", "there is no Kafka: `make kafka` fetches it")
    if find_binaries() is None:
        missing("postgres", "there is no PostgreSQL")
    program = Path(__file__).parent.parent / "compose_by_hand.py"
    answer = subprocess.run([sys.executable, program, scratch], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr[-10_000:]
    seen = json.loads(answer.stdout)
    assert seen["posted"] == "success"
    assert "SUCCESS" in seen["runs"]
    assert seen["exceptions"] == []
    assert seen["dead_letters"] != []
    assert seen["stopped"].pop("kafka") == 143  # how a JVM ends at SIGTERM
    assert set(seen["stopped"].values()) == {0}


def own_network() -> bool:
    return subprocess.run(["unshare", "--mount", "--net", "true"], capture_output=True, check=False).returncode == 0
