"""Run blocking storage calls off the event loop: so many at a time, so many waiting, and never past a deadline.

The standard library's executor would not do: its threads are joined when the interpreter ends, so that one call stuck
in a dead database would keep a stopped process from leaving.
"""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

WAITING_PER_WORKER = 16
"""How many calls may wait for a thread: at tens of milliseconds a call, all of them are done within a second."""


class StorageThreadsError(Exception):
    """Base of everything `StorageThreads.run` raises by itself."""


class StorageBusyError(StorageThreadsError):
    """Raised when a call is refused at once: too many wait already, or the threads are closed. It did not run."""


class StorageTimeoutError(StorageThreadsError):
    """Raised when a call has no result by its deadline."""

    def __init__(self, *, started: bool) -> None:
        """Say whether the call had begun: then it cannot be stopped, and what it writes may still be recorded."""
        self.started = started
        super().__init__("A storage call missed its deadline.")


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    function: Callable[[], Any]
    result: Future[Any]


class StorageThreads:
    """A bounded pool of daemon threads for blocking calls; `run` may be called from any event loop."""

    def __init__(
        self,
        workers: int,
        deadline_s: float,
        *,
        waiting_per_worker: int = WAITING_PER_WORKER,
        name: str = "asset-bridge-storage",
    ) -> None:
        """Run at most `workers` calls at a time, in threads started when first needed.

        `deadline_s` seconds is how long one call may take, waiting included.
        """
        self._workers = workers
        self._room = workers * waiting_per_worker
        self._deadline_s = deadline_s
        self._name = name
        self._waiting: deque[_Call] = deque()
        self._running: dict[_Call, float] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._threads: list[threading.Thread] = []

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `function` in a thread and return what it returns; what it raises is raised here.

        A call that has not begun by its deadline never will, so that what a client was told has failed is not
        recorded later. Neither will one whose waiting task is cancelled.

        Raises:
            StorageBusyError: Too many calls wait already.
            StorageTimeoutError: No result in time; `started` says whether the call may still take effect.
        """
        call = _Call(functools.partial(function, *args, **kwargs), Future())
        self._submit(call)
        waiting: asyncio.Future[T] = asyncio.wrap_future(call.result)
        try:
            done, _ = await asyncio.wait([waiting], timeout=self._deadline_s)
            if done:
                return waiting.result()
            raise StorageTimeoutError(started=not call.result.cancel())
        finally:
            call.result.cancel()  # this task may be cancelled: then a call that has not begun must not begin
            # A late exception would be reported by asyncio as "never retrieved", message and all.
            waiting.cancel()
            self._withdraw(call)

    @property
    def stuck(self) -> bool:
        """Whether every thread has been in one call for longer than the deadline: nothing is done for anybody."""
        late = time.monotonic() - self._deadline_s
        with self._changed:
            return sum(began < late for began in self._running.values()) == self._workers

    def close(self, timeout_s: float = 2.0) -> bool:
        """Refuse what waits and wait at most `timeout_s` seconds for what runs; False when a call is still running."""
        with self._changed:
            self._closed = True
            refused = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        for call in refused:
            if call.result.set_running_or_notify_cancel():
                call.result.set_exception(StorageBusyError("The storage threads are closed."))
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _submit(self, call: _Call) -> None:
        with self._changed:
            if self._closed:
                raise StorageBusyError("The storage threads are closed.")
            # A call that an idle thread is about to fetch stands in the queue too, but takes no waiting room.
            if len(self._waiting) >= self._workers - len(self._running) + self._room:
                raise StorageBusyError("Too many storage calls wait already.")
            self._waiting.append(call)
            if len(self._threads) < min(self._workers, len(self._running) + len(self._waiting)):
                self._threads.append(self._start_thread())
            self._changed.notify()

    def _start_thread(self) -> threading.Thread:
        thread = threading.Thread(target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True)
        thread.start()
        return thread

    def _withdraw(self, call: _Call) -> None:
        """Make room at once: while every thread is stuck, expired calls must not be what refuses the next one."""
        if call.result.cancelled():
            with self._changed:
                if call in self._waiting:
                    self._waiting.remove(call)

    def _work(self) -> None:
        while (call := self._next()) is not None:
            if call.result.set_running_or_notify_cancel():
                _settle(call)
            with self._changed:
                del self._running[call]
            del call  # an idle thread must not keep the last event in memory

    def _next(self) -> _Call | None:
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            call = self._waiting.popleft()
            self._running[call] = time.monotonic()
            return call


def _settle(call: _Call) -> None:
    try:
        call.result.set_result(call.function())
    except BaseException as error:  # noqa: BLE001 # handed to the waiting task; the thread itself must live on
        call.result.set_exception(error)
