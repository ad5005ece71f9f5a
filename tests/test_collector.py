"""Python's garbage collector is kept from looking at what stays: counted, not timed (`benchmarks/start_cost.py`)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import python

pytestmark = pytest.mark.heavy

MADE_AT_START = 100_000

LIST_PAUSES = """
import atexit, gc, json, sys
from asset_consumer.__main__ import main
collections = []
gc.callbacks.append(lambda phase, _: collections.append(phase))
atexit.register(lambda: print(json.dumps({"looked": collections.count("start"), "left_out": gc.get_freeze_count()})))
sys.argv = ["asset-bridge", "pauses"]
main()
"""


def test_a_command_is_not_looked_through_while_it_starts_nor_when_it_ends(tmp_path: Path) -> None:
    done = python("-c", LIST_PAUSES, DAGSTER_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["left_out"] > MADE_AT_START
    assert told["looked"] < 100  # 470 with Python's own settings


SERVE = """
import contextlib, gc, json, threading
from asset_consumer.serve import serve
from asset_consumer.settings import Settings
stop = threading.Event()
def ready(_):
    print(json.dumps({"left_out": gc.get_freeze_count(), "collects": gc.isenabled()}))
    stop.set()
serve(Settings(http={"port": 0}), stop, ready)
"""


def test_a_service_leaves_out_what_its_start_has_made_and_goes_on_collecting(tmp_path: Path) -> None:
    done = python("-c", SERVE, DAGSTER_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["left_out"] > MADE_AT_START
    assert told["collects"]
