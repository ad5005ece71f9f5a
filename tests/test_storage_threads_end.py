"""How storage threads end: closed within a deadline, and never in the way of a process that leaves."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from gate import Gate, until_begun

from asset_reporting.storage_threads import StorageBusyError, StorageThreads

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


def test_close_refuses_the_waiting_and_does_not_wait_longer_than_told_for_the_running(gate: Gate) -> None:
    threads = StorageThreads(1, 5)

    async def scenario() -> bool:
        running = asyncio.create_task(threads.run(gate.call))
        await until_begun(gate)
        waiting = asyncio.create_task(threads.run(gate.call))
        await asyncio.sleep(0)
        begun = time.monotonic()
        all_ended = await asyncio.to_thread(threads.close, 0.1)
        assert time.monotonic() - begun < 10  # the call takes twenty
        with pytest.raises(StorageBusyError):
            await waiting
        gate.open.set()
        assert await running == "done"
        return all_ended

    assert asyncio.run(scenario()) is False
    with pytest.raises(StorageBusyError):
        asyncio.run(threads.run(gate.call))
    assert threads.close()
    assert gate.calls == 1


def test_stuck_call_does_not_keep_the_interpreter_from_leaving() -> None:
    code = """
import asyncio, threading
from asset_reporting.storage_threads import StorageThreads, StorageTimeoutError
threads = StorageThreads(1, 0.05)
try:
    asyncio.run(threads.run(threading.Event().wait))
except StorageTimeoutError:
    print("timed out")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == "timed out\n"
    assert done.stderr == ""
