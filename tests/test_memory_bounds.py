"""Memory stays bounded: with hundreds of large bodies at a time, and with a backlog of records at the size limit."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from broker import Broker
from consuming import committed_offsets, eventually
from mock_cluster import produce
from processes import Process, kafka_environment, two_topics

from asset_events import MAX_EVENT_BYTES
from asset_reporting.body_room import MAX_BODIES_BYTES

pytestmark = [pytest.mark.heavy]

MIB = 1024 * 1024
CONNECTIONS = 500
RECORDS = 200


def peak_mib(pid: int) -> float:
    """The most memory that a process has had at a time (`VmHWM`)."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def of_size(size: int) -> bytes:
    """An event that is too long in one field, and not too large: all of it must be read to find out."""
    head, tail = b'{"asset_key": "a", "description": "', b'"}'
    return head + b"x" * (size - len(head) - len(tail)) + tail


def padded(size: int) -> bytes:
    """An event that is as large as can be, and good: it waits for the database with its body's room."""
    event = b'{"asset_key": "a"}'
    return event + b" " * (size - len(event))


async def post_all(port: int, body: bytes) -> Counter[bytes]:
    """Send all bodies but their last byte, and that once nobody can send more; count the answers."""
    head = b"POST /report_asset_observation HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
    waiting, all_wait = CONNECTIONS, asyncio.Event()

    async def post() -> bytes:
        nonlocal waiting
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answer = asyncio.ensure_future(reader.readline())
        writer.write(head + body[:-1])
        sent = asyncio.ensure_future(writer.drain())
        await asyncio.wait([answer, sent], timeout=15, return_when=asyncio.FIRST_COMPLETED)
        waiting -= 1
        if not waiting:
            all_wait.set()
        await all_wait.wait()
        writer.write(body[-1:])
        try:
            return (await answer).split(b" ")[1] if not answer.done() else answer.result().split(b" ")[1]
        except (ConnectionError, IndexError):
            return b"reset"
        finally:
            sent.cancel()
            writer.close()

    return Counter(await asyncio.gather(*(post() for _ in range(CONNECTIONS))))


@pytest.mark.parametrize("stalled", [False, True], ids=["refused for their content", "good, and the database stalls"])
def test_hundreds_of_large_bodies_at_a_time_are_held_within_bounds(tmp_path: Path, *, stalled: bool) -> None:
    environment = {"ASSET_BRIDGE_HTTP__PORT": "0", "ASSET_BRIDGE_STORAGE__DEADLINE_S": "5"}
    with ExitStack() as stack:
        process = stack.enter_context(Process("serve", home=tmp_path, environment=environment))
        port = urlsplit(process.line("asset-bridge ready").split()[2].rstrip(",")).port
        assert port is not None
        before = peak_mib(process.pid)
        if stalled:
            index = stack.enter_context(closing(sqlite3.connect(tmp_path / "history" / "runs" / "index.db")))
            index.execute("BEGIN IMMEDIATE")
        answers = asyncio.run(post_all(port, (padded if stalled else of_size)(MAX_EVENT_BYTES)))
        grown = peak_mib(process.pid) - before

    sys.stdout.write(f"{answers}, {grown:.0f} MiB more\n")  # shown where it fails
    assert answers[b"503"] > CONNECTIONS // 2
    assert stalled or answers[b"400"] >= MAX_BODIES_BYTES // MAX_EVENT_BYTES // 2
    assert set(answers) <= {b"400", b"503", b"reset"}
    assert grown < MAX_BODIES_BYTES / MIB + 150  # what lies in 500 connections' own buffers, and parsing


def test_a_backlog_of_records_at_the_size_limit_is_worked_off_within_bounds(broker: Broker, tmp_path: Path) -> None:
    topics = two_topics(broker)
    for _ in range(RECORDS // 50):
        produce(topics.bootstrap, topics.topic, *[of_size(MAX_EVENT_BYTES - 48_576)] * 50)
    with Process("consume", home=tmp_path, environment=kafka_environment(topics)) as process:
        process.line("asset-bridge ready")
        before = peak_mib(process.pid)
        eventually(lambda: sum(committed_offsets(topics, 2)) == RECORDS, 100)
        grown = peak_mib(process.pid) - before

    sys.stdout.write(f"{grown:.0f} MiB more\n")
    assert grown < 100
