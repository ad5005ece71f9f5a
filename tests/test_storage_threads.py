from __future__ import annotations

import asyncio
import gc
import logging
import threading
from typing import TYPE_CHECKING

import pytest
from gate import Gate, until_begun

from asset_reporting.storage_threads import (
    WAITING_PER_WORKER,
    StorageBusyError,
    StorageThreads,
    StorageTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


DEADLINE_S = 1.0
"""A deadline that is waited for. What shall begin within it must do so on a busy machine too."""


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


def test_returns_what_the_call_returns_and_runs_it_in_another_thread() -> None:
    threads = StorageThreads(1, 5)

    def add(a: int, *, b: int) -> tuple[int, int]:
        return a + b, threading.get_ident()

    total, ident = asyncio.run(threads.run(add, 2, b=3))

    assert total == 5
    assert ident != threading.get_ident()
    assert threads.close()


def test_raises_what_the_call_raises_and_works_on() -> None:
    threads = StorageThreads(1, 5)

    def fail() -> None:
        raise TimeoutError("the driver's own")  # must not be taken for the deadline

    with pytest.raises(TimeoutError, match="driver"):
        asyncio.run(threads.run(fail))

    assert asyncio.run(threads.run(lambda: "still here")) == "still here"
    assert threads.close()


def test_serves_several_event_loops_one_after_another() -> None:
    threads = StorageThreads(2, 5)

    assert [asyncio.run(threads.run(pow, 2, n)) for n in range(4)] == [1, 2, 4, 8]
    assert threads.close()


def test_never_runs_more_calls_at_a_time_than_it_has_workers(gate: Gate) -> None:
    threads = StorageThreads(3, 5)

    async def scenario() -> list[str]:
        calls = [asyncio.create_task(threads.run(gate.call)) for _ in range(20)]
        for _ in range(3):
            await until_begun(gate)
        assert gate.calls == 3
        gate.open.set()
        return await asyncio.gather(*calls)

    assert asyncio.run(scenario()) == ["done"] * 20
    assert gate.calls == 20
    assert threads.close()


def test_started_call_past_its_deadline_may_still_take_effect(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    threads = StorageThreads(1, DEADLINE_S)
    finished = threading.Event()

    def slow_then_failing() -> None:
        gate.call()
        finished.set()
        raise ValueError("canary-value")

    async def scenario() -> bool:
        with pytest.raises(StorageTimeoutError) as caught:
            await threads.run(slow_then_failing)
        gate.open.set()
        assert await asyncio.to_thread(finished.wait, 10)
        await asyncio.to_thread(threads.close)
        return caught.value.started

    with caplog.at_level(logging.DEBUG):
        started = asyncio.run(scenario())
        gc.collect()  # asyncio reports an exception as never retrieved when the future that holds it is collected

    assert started
    assert "canary-value" not in caplog.text


def test_call_that_has_not_begun_by_its_deadline_never_begins(gate: Gate) -> None:
    threads = StorageThreads(1, DEADLINE_S)
    ran: list[str] = []

    async def scenario() -> StorageTimeoutError:
        blocking = asyncio.create_task(threads.run(gate.call))
        await until_begun(gate)
        with pytest.raises(StorageTimeoutError) as late:
            await threads.run(ran.append, "late")
        with pytest.raises(StorageTimeoutError):
            await blocking
        gate.open.set()
        await threads.run(ran.append, "after")
        return late.value

    timeout = asyncio.run(scenario())

    assert not timeout.started
    assert ran == ["after"]
    assert threads.close()


def test_cancelled_waiter_takes_its_call_back(gate: Gate) -> None:
    threads = StorageThreads(1, 5)
    ran: list[str] = []

    async def scenario() -> None:
        blocking = asyncio.create_task(threads.run(gate.call))
        await until_begun(gate)
        waiting = asyncio.create_task(threads.run(ran.append, "cancelled"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gate.open.set()
        await blocking
        await threads.run(ran.append, "after")

    asyncio.run(scenario())

    assert ran == ["after"]
    assert threads.close()


def test_beyond_the_waiting_room_calls_are_refused_at_once(gate: Gate) -> None:
    threads = StorageThreads(2, 5)
    room = 2 + 2 * WAITING_PER_WORKER

    async def scenario() -> None:
        calls = [asyncio.create_task(threads.run(gate.call)) for _ in range(room)]
        await until_begun(gate)
        await until_begun(gate)
        with pytest.raises(StorageBusyError):  # a call that waits ends as StorageTimeoutError
            await threads.run(gate.call)
        gate.open.set()
        await asyncio.gather(*calls)

    asyncio.run(scenario())
    assert gate.calls == room
    assert threads.close()


def test_expired_calls_make_room_while_every_thread_is_stuck(gate: Gate) -> None:
    threads = StorageThreads(1, DEADLINE_S)

    async def scenario() -> BaseException | str:
        stuck = asyncio.create_task(threads.run(gate.call))
        await until_begun(gate)
        await asyncio.gather(*(threads.run(gate.call) for _ in range(WAITING_PER_WORKER)), return_exceptions=True)
        _, second = await asyncio.gather(stuck, threads.run(gate.call), return_exceptions=True)
        return second

    second = asyncio.run(scenario())

    assert isinstance(second, StorageTimeoutError)  # it could wait, it was not refused as busy
    assert gate.calls == 1


def test_cancelled_calls_make_room_while_every_thread_is_stuck(gate: Gate) -> None:
    threads = StorageThreads(1, DEADLINE_S)

    async def scenario() -> list[BaseException | str]:
        stuck = asyncio.create_task(threads.run(gate.call))
        await until_begun(gate)
        waiting = [asyncio.create_task(threads.run(gate.call)) for _ in range(WAITING_PER_WORKER)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        return await asyncio.gather(stuck, threads.run(gate.call), *waiting, return_exceptions=True)

    _, second, *cancelled = asyncio.run(scenario())

    assert isinstance(second, StorageTimeoutError)
    assert all(isinstance(it, asyncio.CancelledError) for it in cancelled)
    assert gate.calls == 1
