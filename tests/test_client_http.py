"""The client by HTTP, against the real server: recorded once, refused with a reason, or given up in time."""

from __future__ import annotations

import logging
import pickle
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from consuming import FaultyRecorder, eventually
from dagster import AssetCheckEvaluation, AssetKey, AssetMaterialization, AssetObservation, DagsterInstance
from dagster_reading import runless_entries, runless_events
from document_server import KEY, document_server
from http_proxy import HttpProxy
from http_world import http_server
from known_keys import known_keys
from ports import free_port
from reporters import BY_HTTP, MakeReporter

from asset_client import EventRefusedError, NotReportedError, Reported, ReportError, attempts, parts
from asset_client.answers import Answer, NoAnswer, read, retry_after_s
from asset_client.http import HttpReporter
from asset_events import ErrorDetail, MaterializationEvent, TypedMetadata
from asset_reporting import answers
from asset_reporting.handlers import ReportingContext, reporting_context

if TYPE_CHECKING:
    from asset_events import AssetEvent
    from asset_reporting.outcomes import Outcome
    from asset_reporting.recorder import Progress


@dataclass
class Log:
    """What an instance has recorded since the test began; one instance for all, as making one takes seconds."""

    instance: DagsterInstance
    before: int

    @property
    def events(self) -> list[Any]:
        return runless_events(self.instance)[self.before :]

    @property
    def numbers(self) -> list[Any]:
        return [event.metadata["n"].value for event in self.events]


@pytest.fixture
def log(instance: DagsterInstance) -> Log:
    return Log(instance, len(runless_events(instance)))


@pytest.fixture(scope="module")
def url(instance: DagsterInstance) -> Iterator[str]:
    with document_server(instance) as running:
        yield running.requests.base


@pytest.fixture
def key() -> str:
    """An idempotency key of this test's own."""
    return str(uuid.uuid4())


@pytest.fixture(params=BY_HTTP)
def make(request: pytest.FixtureRequest) -> MakeReporter:
    return BY_HTTP[request.param]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(answers, "RETRY_AFTER_S", 0)


class Failing(FaultyRecorder):
    """Answers the calls of these numbers (from 1) as a storage that is down."""

    failing: Sequence[int] = ()
    most: int | None = None

    @property
    def batch_events(self) -> int:
        return self.most or super().batch_events

    def record(self, events: Sequence[AssetEvent], progress: Sequence[Progress] = ()) -> list[Outcome]:
        self.broken = "down" if self.calls + 1 in self.failing else None
        return super().record(events, progress)


@contextmanager
def failing_server(
    instance: DagsterInstance, failing: Sequence[int] = (), most: int | None = None, **settings: Any
) -> Iterator[tuple[str, Failing]]:
    recorder = Failing(reporting_context(instance).recorder)
    recorder.failing, recorder.most = failing, most
    keys = known_keys("examples")
    with http_server(instance, ReportingContext(recorder), api_keys=keys, **settings) as server:
        yield f"http://127.0.0.1:{server.port}", recorder
        recorder.gate.set()


def numbered(number: int, **fields: Any) -> MaterializationEvent:
    return MaterializationEvent(asset_key=("a",), metadata={"n": number}, **fields)


def test_each_kind_of_event_is_recorded_as_it_was_said(make: MakeReporter, log: Log, url: str) -> None:
    with make(url, api_key=KEY) as reporter:
        told = [
            reporter.materialization(
                ["warehouse", "customers"],
                partition="2024-01-15",
                metadata={"rows": 1000, "page": TypedMetadata("url", "https://example.org")},
                event_time=datetime(2024, 1, 15, 10, 30, tzinfo=UTC),
                tags={"team": "data"},
            ),
            reporter.check("orders", "no_nulls", passed=False, severity="WARN"),
            reporter.observation("orders", data_version="v1"),
        ]

    materialization, check, observation = log.events
    assert isinstance(materialization, AssetMaterialization)
    assert materialization.asset_key == AssetKey(["warehouse", "customers"])
    assert materialization.partition == "2024-01-15"
    assert {name: value.value for name, value in materialization.metadata.items()} == {
        "rows": 1000,
        "page": "https://example.org",
    }
    assert runless_entries(log.instance)[log.before].timestamp == datetime(2024, 1, 15, 10, 30, tzinfo=UTC).timestamp()
    assert isinstance(check, AssetCheckEvaluation)
    assert (check.check_name, check.passed, check.severity.value) == ("no_nulls", False, "WARN")
    assert isinstance(observation, AssetObservation)
    newest = log.instance.event_log_storage.get_maximum_record_id()
    assert newest is not None
    assert told == [Reported(str(newest - behind), replayed=False) for behind in (2, 1, 0)]


def test_an_outage_is_waited_out_and_the_event_recorded_once(make: MakeReporter, log: Log) -> None:
    with failing_server(log.instance, failing=[1, 2]) as (url, recorder), make(url, api_key=KEY) as reporter:
        assert not reporter.materialization("a", metadata={"n": 1}).replayed
        assert recorder.calls == 3
    assert log.numbers == [1]


def test_the_server_says_when_to_come_again(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "RETRY_AFTER_S", 1)
    with failing_server(log.instance, failing=[1]) as (url, _), HttpReporter(url, api_key=KEY) as reporter:
        start = time.monotonic()
        reporter.materialization("a")
        assert time.monotonic() - start >= 1


@pytest.mark.parametrize("value", ["Fri, 31 Dec 2999 23:59:59 GMT", "3"])
def test_a_gateways_date_says_it_too(value: str) -> None:
    assert retry_after_s(Answer(503, {"retry-after": value}, b"")) >= 3


@pytest.mark.parametrize("value", ["", "soon", "Fri, 31 Dec 1999 23:59:59 GMT", "-1"])
def test_what_says_nothing_asks_for_no_wait(value: str) -> None:
    assert retry_after_s(Answer(503, {"retry-after": value}, b"")) == 0


@pytest.mark.parametrize(
    ("status", "content", "said"),
    [
        (200, b"<html>", "the answer is not asset-bridge's; the event may still be recorded"),
        (200, b'{"results": [1]}', "the server failed to process it; the event may still be recorded"),
        (200, b'{"results": []}', "the answer is not asset-bridge's; the event may still be recorded"),
        (302, b"", "http.302 The answer is not asset-bridge's; is the URL right?"),
        (404, b'{"errors": ["no"]}', "http.404 The answer is not asset-bridge's; is the URL right?"),
        (404, b'{"errors": [{"detail": "no"}]}', "http.404 The answer is not asset-bridge's; is the URL right?"),
        (500, b"", "the server answers 500; the event may still be recorded"),
    ],
)
def test_what_is_not_the_bridges_own_answer_ends_it(status: int, content: bytes, said: str) -> None:
    (fate,) = read(Answer(status, {}, content), 1, many=True)
    assert isinstance(fate, ReportError)
    assert str(fate) == said


@pytest.mark.parametrize(("status", "sent"), [(429, False), (502, True), (503, True), (504, True)])
def test_after_a_gateways_answer_it_is_sent_again(status: int, sent: Any) -> None:
    (fate,) = read(Answer(status, {}, b"busy"), 1, many=False)
    assert isinstance(fate, NoAnswer)
    assert fate.sent is sent


@pytest.mark.parametrize("fault", ["lose", "hold", "drip"])
def test_an_event_whose_answer_was_lost_is_recorded_once(make: MakeReporter, log: Log, url: str, fault: Any) -> None:
    with HttpProxy(int(url.rpartition(":")[2])) as proxy, make(proxy.url, api_key=KEY, timeout_s=0.3) as reporter:
        proxy.faults = [fault]
        assert reporter.materialization("a", metadata={"n": 1}).replayed
    assert log.numbers == [1]


def test_a_lost_answer_about_many_is_asked_for_again(make: MakeReporter, log: Log, url: str) -> None:
    with HttpProxy(int(url.rpartition(":")[2])) as proxy, make(proxy.url, api_key=KEY) as reporter:
        proxy.faults = ["lose"]
        assert [result.replayed for result in reporter.report_many(map(numbered, range(5)))] == [True] * 5
    assert log.numbers == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("fields", "code", "path"),
    [
        ({"metdata": {"n": "canary"}}, "field.unknown", "/metdata"),
        ({"partition": ""}, "schema.invalid", "/partition"),
        ({"tags": {"a": "canary b"}}, "schema.invalid", "/tags/a"),
        ({"event_time": datetime(2024, 1, 15)}, "schema.invalid", "/event_time"),  # noqa: DTZ001 # what is refused
        ({"metadata": {"n": object()}}, "json.malformed", ""),
        ({"description": "canary \ud800"}, "json.malformed", ""),
    ],
)
def test_what_the_server_would_refuse_is_refused_before(fields: dict[str, Any], code: str, path: str) -> None:
    with HttpReporter(f"http://127.0.0.1:{free_port()}") as reporter, pytest.raises(EventRefusedError) as refused:
        reporter.materialization("a", **fields)
    assert (refused.value.code, refused.value.errors[0].path) == (code, path)
    assert "canary" not in repr(refused.value) + str(refused.value)
    assert refused.value.__context__ is None


def test_what_the_server_refuses_is_raised_at_once(make: MakeReporter, log: Log, url: str, key: str) -> None:
    with make(url, api_key=KEY) as reporter:
        reporter.materialization("a", idempotency_key=key, metadata={"n": 1})
        with pytest.raises(EventRefusedError) as refused:
            reporter.materialization("a", idempotency_key=key, metadata={"n": 2})
    assert refused.value.code == "idempotency_key.reused"
    with make(url, api_key="another-key-of-nobody") as reporter, pytest.raises(EventRefusedError) as refused:
        reporter.materialization("a")
    assert refused.value.code == "api_key.invalid"
    assert log.numbers == [1]


def test_a_wrong_address_is_told_as_one(url: str) -> None:
    with HttpReporter(f"{url}/elsewhere", api_key=KEY) as reporter, pytest.raises(EventRefusedError) as refused:
        reporter.materialization("a")
    assert refused.value.code == "route.unknown"


def test_where_nobody_listens_the_event_is_not_recorded() -> None:
    start = time.monotonic()
    with (
        HttpReporter(f"http://127.0.0.1:{free_port()}", deadline_s=0.3) as reporter,
        pytest.raises(NotReportedError) as given_up,
    ):
        reporter.materialization("a")
    assert time.monotonic() - start < 10
    assert not given_up.value.may_be_recorded


def test_where_nobody_answers_the_event_may_be_recorded(make: MakeReporter) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        start = time.monotonic()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with make(url, deadline_s=0.5) as reporter, pytest.raises(NotReportedError) as given_up:
            reporter.materialization("a")
    assert 0.4 < time.monotonic() - start < 10
    assert given_up.value.may_be_recorded


def test_what_may_be_recorded_stays_so_though_nobody_listens_any_more() -> None:
    server = socket.create_server(("127.0.0.1", 0))

    def take_one_and_go() -> None:
        with server, server.accept()[0] as connection:
            connection.recv(65536)

    going = threading.Thread(target=take_one_and_go)
    going.start()
    with HttpReporter(f"http://127.0.0.1:{server.getsockname()[1]}", deadline_s=1) as reporter:
        given_up = _caught(reporter, numbered(1))
    going.join()
    assert "ConnectError" in given_up.reason
    assert given_up.may_be_recorded


@pytest.mark.parametrize("many", [False, True])
def test_a_storage_that_is_too_slow_may_record_it_later(log: Log, many: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "RETRY_AFTER_S", 60)  # beyond the deadline: what the first answer says is all
    with failing_server(log.instance, storage_deadline_s=0.2) as (url, recorder):
        recorder.gate.clear()
        with HttpReporter(url, api_key=KEY, deadline_s=5) as reporter:
            (result,) = reporter.report_many([numbered(1)]) if many else [_caught(reporter, numbered(1))]
        assert isinstance(result, NotReportedError)
        assert result.may_be_recorded
        recorder.gate.set()
        eventually(lambda: log.numbers == [1])


def test_a_storage_that_is_down_records_nothing(log: Log) -> None:
    with (
        failing_server(log.instance, failing=range(100)) as (url, _),
        HttpReporter(url, api_key=KEY, deadline_s=4) as reporter,
    ):
        result = _caught(reporter, numbered(1))
    assert isinstance(result, NotReportedError)
    assert not result.may_be_recorded
    assert log.numbers == []


def _caught(reporter: Any, event: MaterializationEvent) -> Any:
    with pytest.raises(NotReportedError) as given_up:
        reporter.report(event)
    return given_up.value


def test_many_are_recorded_in_order_each_with_its_result(
    make: MakeReporter, log: Log, url: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MAX_PART_EVENTS", 3)
    events = [numbered(number) for number in range(7)]
    events[2:2] = [numbered(100, description="x" * 400), numbered(0, idempotency_key=key)]
    events.append(numbered(1, idempotency_key=key))
    with make(url, api_key=KEY, max_event_bytes=300) as reporter:
        results = reporter.report_many(iter(events))
    assert [type(result) for result in results] == [
        *[Reported] * 2,
        EventRefusedError,
        *[Reported] * 6,
        EventRefusedError,
    ]
    assert [results[place].code for place in (2, 9)] == ["event.too_large", "idempotency_key.reused"]
    assert log.numbers == [0, 1, 0, 2, 3, 4, 5, 6]


def test_only_those_that_an_outage_kept_back_are_sent_again(make: MakeReporter, log: Log) -> None:
    with failing_server(log.instance, failing=[2], most=2) as (url, recorder), make(url, api_key=KEY) as reporter:
        results = reporter.report_many(map(numbered, range(6)))
    assert [result.replayed for result in results] == [False] * 6
    assert recorder.handed == 8
    assert log.numbers == [0, 1, 2, 3, 4, 5]


def test_nothing_behind_an_event_that_was_given_up_is_tried(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MAX_PART_EVENTS", 2)
    monkeypatch.setattr(answers, "RETRY_AFTER_S", 60)  # beyond the deadline
    with (
        failing_server(log.instance, failing=[2]) as (url, _),
        HttpReporter(url, api_key=KEY, deadline_s=5) as reporter,
    ):
        results = reporter.report_many(map(numbered, range(6)))
    assert [type(result) for result in results] == [*[Reported] * 2, *[NotReportedError] * 4]
    assert log.numbers == [0, 1]


def test_no_event_is_no_request() -> None:
    with HttpReporter(f"http://127.0.0.1:{free_port()}") as reporter:
        assert reporter.report_many([]) == []


def test_the_key_is_in_no_repr_log_or_exception(make: MakeReporter, url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with make(url, api_key=KEY) as reporter:
        assert url in repr(reporter)
        reporter.materialization("a", metadata={"n": "canary"})
        assert KEY not in repr(reporter)
    assert KEY not in caplog.text
    assert "canary" not in caplog.text
    for bad in ("", "not\nthis", "nor this", "nor-thïs"):
        with pytest.raises(ValueError, match="API key must be") as refused:
            make(url, api_key=bad)
        assert not bad or bad not in str(refused.value)


@pytest.mark.parametrize("bad", ["localhost:3000", "ftp://a", "http://", "http://user:secret@a", "http://a?key=secret"])
def test_an_address_that_cannot_work_is_refused_and_not_repeated(bad: str) -> None:
    with pytest.raises(ValueError, match="The URL must") as refused:
        HttpReporter(bad)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "error",
    [
        EventRefusedError([ErrorDetail("/a", "schema.invalid", "a must")]),
        NotReportedError("no answer", may_be_recorded=True),
    ],
)
def test_an_error_survives_the_way_between_processes(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 # our own
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))
