from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys

import pytest
from consuming import eventually
from kafka_server import ThrowAwayKafka
from kafka_server import __file__ as script_path
from missing import missing

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_broker_started_by_hand_ends_with_the_script(
    kafka_server: tuple[str, ThrowAwayKafka | None], end: signal.Signals
) -> None:
    if kafka_server[1] is None or shutil.which("setpriv") is None:
        missing("kafka", "the broker is not one of ours, or cannot be tied to its parent here")
    with subprocess.Popen([sys.executable, script_path], stdout=subprocess.PIPE, text=True) as script:
        assert script.stdout is not None
        bootstrap = script.stdout.readline().strip()
        assert answers(bootstrap)
        script.send_signal(end)
        eventually(lambda: not answers(bootstrap))


def answers(bootstrap: str) -> bool:
    host, port = bootstrap.split(":")
    with socket.socket() as client:
        return client.connect_ex((host, int(port))) == 0
