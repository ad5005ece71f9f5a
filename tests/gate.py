"""A storage call that can be held."""

from __future__ import annotations

import asyncio
import threading


class Gate:
    """A storage call that says when it has begun and ends when let."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.open = threading.Event()
        self.calls = 0

    def call(self) -> str:
        self.calls += 1
        self.begun.release()
        assert self.open.wait(20)
        return "done"


async def until_begun(gate: Gate) -> None:
    assert await asyncio.to_thread(gate.begun.acquire, timeout=10)
