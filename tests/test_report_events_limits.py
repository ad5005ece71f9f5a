"""Many events in one request: read as they come, within limits, and honest about outages in the middle."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests
from consuming import eventually
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from fake_recorders import Blocking, FakeRecorder
from held_recorder import HeldRecorder
from http_world import http_app, http_client

from asset_consumer.serve import start_http
from asset_consumer.settings_sources import load_settings
from asset_events import AssetEvent
from asset_reporting.event_batch import MAX_BATCH_EVENTS, EventBatch, open_batch
from asset_reporting.group_commit import GROUP_EVENTS
from asset_reporting.handlers import ReportingContext
from asset_reporting.http_reporting import MAX_BATCHES
from asset_reporting.outcomes import Outcome, Recorded, Unavailable

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import Message, Scope

URL = "/report_asset_events"
OUTAGE = Unavailable("down")


def line(number: int) -> bytes:
    return b'{"event_type": "asset_observation", "asset_key": "%d"}\n' % number


def lines(count: int) -> bytes:
    return b"".join(map(line, range(count)))


def array(count: int) -> bytes:
    return b"[" + lines(count).replace(b"\n", b",")[:-1] + b"]"


def results_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(one) for one in text.splitlines()]


def codes_of(results: list[dict[str, Any]]) -> list[str | None]:
    return [result.get("code") for result in results]


def exchange(app: Starlette, receive: Callable[[], Any], sent: list[Message] | None = None) -> list[Message]:
    """Drive the application itself: what it reads, and when it writes, in the test's hands."""
    sent = [] if sent is None else sent

    async def send(message: Message) -> None:
        sent.append(message)

    async def receiving() -> Message:
        message: Any = receive()
        answer: Message = await message if asyncio.iscoroutine(message) else message
        return answer

    scope: Scope = {"type": "http", "method": "POST", "path": URL, "query_string": b"", "headers": []}
    asyncio.run(app(scope, receiving, send))
    return sent


def piece(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


# Read as a stream


def test_lines_are_recorded_as_they_come_and_answered_when_all_have_come(instance: DagsterInstance) -> None:
    recorder = HeldRecorder()
    pieces = iter([lines(GROUP_EVENTS), lines(GROUP_EVENTS // 2), lines(GROUP_EVENTS // 2), b""])
    seen: list[tuple[int, int]] = []
    sent: list[Message] = []

    def receive() -> Message:
        seen.append((len(recorder.recorded), len(sent)))
        body = next(pieces)
        return piece(body, more=bool(body))

    with http_app(instance, ReportingContext(recorder)) as app:
        exchange(app, receive, sent)

    # Recorded and sent so far, each time more of the body is asked for.
    assert seen == [(0, 0), (GROUP_EVENTS, 0), (GROUP_EVENTS, 0), (2 * GROUP_EVENTS, 0)]
    assert sent[0]["status"] == 200
    assert [len(call) for call in recorder.calls] == [GROUP_EVENTS, GROUP_EVENTS]
    assert len(results_of(sent[1]["body"].decode())) == 2 * GROUP_EVENTS


def opened(pieces: list[bytes], max_event_bytes: int = 100) -> tuple[bool, list[bytes]]:
    async def stream() -> AsyncGenerator[bytes]:
        for one in pieces:
            yield one

    async def read() -> tuple[bool, list[bytes]]:
        batch: EventBatch = await open_batch(stream(), max_event_bytes)
        return batch.lines, [one async for one in batch.events]

    return asyncio.run(read())


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_pieces_may_be_cut_anywhere(size: int) -> None:
    body = b'\xef\xbb\xbf\n{"a": 1}\r\n\n{"b": "\xc3\xa4"}\n  {"c": 3}'
    expected = [b'{"a": 1}\r', b'{"b": "\xc3\xa4"}', b'  {"c": 3}']
    assert opened([body[at : at + size] for at in range(0, len(body), size)]) == (True, expected)

    body = b' [ {"a": [1, "]"]} ,\n"\xc3\xa4,", 1e5,[] ] '
    expected = [b'{"a": [1, "]"]}', b'"\xc3\xa4,"', b"1e5", b"[]"]
    assert opened([body[at : at + size] for at in range(0, len(body), size)]) == (False, expected)


def test_over_long_line_is_kept_only_as_far_as_it_takes_to_refuse_it() -> None:
    long = [b"x" * 40] * 1000
    assert opened([b"{}\n", *long, b"\n{}\n", *long], max_event_bytes=100) == (
        True,
        [b"{}", b"x" * 101, b"{}", b"x" * 101],
    )


# Limits


@pytest.mark.parametrize("many", [lines, array])
def test_event_beyond_its_own_limit_is_refused_by_itself(instance: DagsterInstance, many: Any) -> None:
    recorder = FakeRecorder()
    body = many(3).replace(b'"1"', b'"' + b"1" * 200 + b'"')
    with http_client(instance, ReportingContext(recorder), max_body_bytes=100) as client:
        answer = client.post(URL, content=body)

    results = results_of(answer.text) if many is lines else answer.json()["results"]
    assert codes_of(results) == [None, "event.too_large", None]
    assert recorder.recorded == [("0",), ("2",)]


@pytest.mark.parametrize("many", [lines, array])
def test_declared_body_beyond_the_limit_is_refused_unread(instance: DagsterInstance, many: Any) -> None:
    recorder = FakeRecorder()
    with http_client(instance, ReportingContext(recorder), max_batch_bytes=2000) as client:
        answer = client.post(URL, content=many(100))

    assert (answer.status_code, answer.json()["code"]) == (413, "event.too_large")
    assert "2000 bytes" in answer.json()["error"]
    assert recorder.recorded == []


@pytest.mark.parametrize("many", [lines, array])
def test_streamed_body_beyond_the_limit_is_refused_when_nothing_of_it_is_recorded(
    instance: DagsterInstance, many: Any
) -> None:
    recorder = FakeRecorder(guarantee="exactly-once")
    body = many(100)
    messages = iter([piece(body[:1500]), piece(body[1500:])])
    with http_app(instance, ReportingContext(recorder), max_batch_bytes=2000) as app:
        sent = exchange(app, lambda: next(messages))

    assert sent[0]["status"] == 413
    assert json.loads(sent[1]["body"])["code"] == "event.too_large"
    assert recorder.recorded == []


def test_what_is_recorded_before_a_limit_is_told_and_the_limit_comes_last(instance: DagsterInstance) -> None:
    recorder = FakeRecorder(guarantee="exactly-once")
    first, second = lines(GROUP_EVENTS), lines(10)
    messages = iter([piece(first), piece(second)])  # a third call would fail: nothing is read beyond the limit
    with http_app(instance, ReportingContext(recorder), max_batch_bytes=len(first) + 100) as app:
        sent = exchange(app, lambda: next(messages))

    assert sent[0]["status"] == 200
    assert codes_of(results_of(sent[1]["body"].decode())) == [None] * GROUP_EVENTS + ["event.too_large"]
    assert len(recorder.recorded) == GROUP_EVENTS


def test_serve_takes_the_limit_from_its_setting(instance: DagsterInstance) -> None:
    settings = load_settings(None, {"ASSET_BRIDGE_HTTP__MAX_BATCH_BYTES": "1024", "ASSET_BRIDGE_HTTP__PORT": "0"})
    with WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as workspace:
        server = start_http(settings, ReportingContext(FakeRecorder()), workspace, None)
        url = f"http://127.0.0.1:{server.port}{URL}"
        answers = [requests.post(url, data=lines(count), timeout=20) for count in (5, 50)]
        assert server.stop()

    assert [answer.status_code for answer in answers] == [200, 413]


def test_array_of_too_many_events_is_refused_whole(instance: DagsterInstance) -> None:
    recorder = FakeRecorder(guarantee="exactly-once")
    with http_client(instance, ReportingContext(recorder)) as client:
        answer = client.post(URL, content=array(MAX_BATCH_EVENTS + 1))

    assert (answer.status_code, answer.json()["code"]) == (413, "event.too_large")
    assert str(MAX_BATCH_EVENTS) in answer.json()["error"]
    assert recorder.recorded == []


def test_too_many_lines_end_with_the_limit(instance: DagsterInstance) -> None:
    recorder = FakeRecorder(guarantee="exactly-once")
    with http_client(instance, ReportingContext(recorder)) as client:
        full = client.post(URL, content=lines(MAX_BATCH_EVENTS))
        answer = client.post(URL, content=lines(MAX_BATCH_EVENTS + 2))

    assert codes_of(results_of(full.text)) == [None] * MAX_BATCH_EVENTS
    assert codes_of(results_of(answer.text)) == [None] * MAX_BATCH_EVENTS + ["event.too_large"]
    assert len(recorder.recorded) == 2 * MAX_BATCH_EVENTS


def test_beyond_so_many_batches_at_a_time_one_is_refused_and_single_posts_are_not(instance: DagsterInstance) -> None:
    blocking = Blocking()
    stuck = b'[{"event_type": "asset_observation", "asset_key": "stuck"}]'
    with (
        http_client(instance, ReportingContext(FakeRecorder(blocking)), storage_workers=MAX_BATCHES + 1) as client,
        ThreadPoolExecutor(MAX_BATCHES) as clients,
    ):
        posts = [clients.submit(client.post, URL, content=stuck) for _ in range(MAX_BATCHES)]
        for _ in posts:
            assert blocking.held.acquire(timeout=10)
        refused = client.post(URL, content=stuck)
        single = client.post("/report_asset_observation/a")
        blocking.let_go.set()
        assert [post.result().status_code for post in posts] == [200] * MAX_BATCHES
        again = client.post(URL, content=stuck)

    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert refused.json()["code"] == "storage.unavailable"
    assert single.status_code == again.status_code == 200


# Clients that go away


def with_one_batch(app: Starlette, idle_s: float) -> asyncio.Semaphore:
    app.state.reporting = dataclasses.replace(
        app.state.reporting, body_idle_s=idle_s, batches=(batches := asyncio.Semaphore(1))
    )
    return batches


def test_client_that_falls_silent_keeps_no_place(instance: DagsterInstance) -> None:
    recorder = FakeRecorder()
    pieces = iter([lines(3)])

    def receive() -> Any:
        body = next(pieces, None)
        return piece(body) if body is not None else asyncio.sleep(60)

    with http_app(instance, ReportingContext(recorder)) as app:
        batches = with_one_batch(app, idle_s=0.05)
        sent = exchange(app, receive)

    assert sent[0]["status"] == 400
    assert not batches.locked()
    assert recorder.recorded == []


def test_client_that_goes_away_keeps_no_place(instance: DagsterInstance) -> None:
    messages = iter([piece(lines(3)), {"type": "http.disconnect"}])
    with http_app(instance, ReportingContext(FakeRecorder())) as app:
        batches = with_one_batch(app, idle_s=20)
        exchange(app, lambda: next(messages))

    assert not batches.locked()


# Outages


def down_from(number: int) -> Callable[[AssetEvent], Outcome]:
    return lambda event: OUTAGE if int(event.asset_key[0]) >= number else Recorded(int(event.asset_key[0]))


@pytest.mark.parametrize("many", [lines, array])
def test_outage_in_the_middle_leaves_everything_after_it(instance: DagsterInstance, many: Any) -> None:
    asked: list[int] = []

    def answer(event: AssetEvent) -> Outcome:
        asked.append(int(event.asset_key[0]))
        return down_from(GROUP_EVENTS)(event)

    recorder = FakeRecorder(answer, guarantee="exactly-once")
    with http_client(instance, ReportingContext(recorder)) as client:
        answer_ = client.post(URL, content=many(2 * GROUP_EVENTS + 10))

    assert answer_.status_code == 200
    results = results_of(answer_.text) if many is lines else answer_.json()["results"]
    assert codes_of(results) == [None] * GROUP_EVENTS + ["storage.unavailable"] * (GROUP_EVENTS + 10)
    assert "one before it was not" in results[-1]["error"]
    assert max(asked) == 2 * GROUP_EVENTS - 1
    if many is array:
        assert answer_.json()["status"] == "partial"


@pytest.mark.parametrize("many", [lines, array])
def test_outage_from_the_beginning_is_503_as_for_a_single_event(instance: DagsterInstance, many: Any) -> None:
    with http_client(instance, ReportingContext(FakeRecorder(down_from(0), guarantee="exactly-once"))) as client:
        answer = client.post(URL, content=many(5))
        single = client.post("/report_asset_observation/0")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json() == single.json()


def test_exception_in_the_recorder_leaves_what_was_recorded_before_it_told(
    instance: DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(event: AssetEvent) -> Outcome:
        if event.asset_key == (str(GROUP_EVENTS),):
            raise ValueError("CANARY")
        return Recorded(1)

    with http_client(instance, ReportingContext(FakeRecorder(answer, guarantee="exactly-once"))) as client:
        got = client.post(URL, content=lines(2 * GROUP_EVENTS + 1))

    expected = [None] * GROUP_EVENTS + ["internal"] * GROUP_EVENTS + [None]
    assert codes_of(results_of(got.text)) == expected
    assert "CANARY" not in got.text + caplog.text
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.parametrize("guarantee", ["exactly-once", "at-least-once"])
def test_stuck_storage_is_answered_within_the_deadline(instance: DagsterInstance, guarantee: str) -> None:
    blocking = Blocking()
    recorder = FakeRecorder(blocking, guarantee=guarantee)
    stuck = b'{"event_type": "asset_observation", "asset_key": "stuck"}\n'
    with http_client(instance, ReportingContext(recorder), storage_deadline_s=1.0, storage_workers=1) as client:
        begun = client.post(URL, content=stuck + line(1))
        waiting = client.post(URL, content=line(2))
        blocking.let_go.set()
        eventually(lambda: len(recorder.recorded) == 2)

    assert begun.status_code == waiting.status_code == 503
    assert begun.json()["error"] == "Dagster's database did not answer in time; the event may still be recorded."
    assert waiting.json()["error"] == "Dagster's database did not answer in time; the event was not recorded."
    assert recorder.recorded == [("stuck",), ("1",)]
