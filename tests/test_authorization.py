"""Who may report what: every scope on every route, by every way of naming an asset, and on a Kafka topic alike."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from dagster import AssetCheckEvaluation, DagsterInstance
from dagster_reading import event_of, runless_entries
from fake_recorders import FakeRecorder
from http_world import http_app, http_client
from hypothesis import given, settings
from hypothesis import strategies as st
from known_keys import entry_of, key_of, keys_file
from run_events import dataset, run_event
from starlette.applications import Starlette
from starlette.testclient import TestClient

from asset_consumer.classify import classify
from asset_consumer.options import ConsumerOptions
from asset_consumer.record import Record
from asset_reporting.api_keys import ApiKeys
from asset_reporting.handlers import ReportingContext
from asset_reporting.scopes import KINDS, parse_scopes

SCOPES = {
    "all": ["*:*"],
    "none": [],
    "console": ["operator", "viewer"],
    "checks": ["check:*"],
    "made-and-seen": ["materialization:*", "observation:*"],
    "below-a": ["*:a"],
    "below-ab": ["*:a/b"],
    "other-case": ["*:A"],
    "slash": ['*:["a/b"]'],
    "checks-of-ab": ["check:a/b"],
    "each-its-own": ["materialization:a/b", "check:a/bc", "observation:b"],
}
ASSETS = [("a",), ("a", "b"), ("a", "b", "c"), ("a", "bc"), ("a/b",), ("A", "b"), ("b",), ("b", "a", "b")]
MAY_BE: dict[str, set[tuple[str, ...]]] = {
    "below-a": {("a",), ("a", "b"), ("a", "b", "c"), ("a", "bc")},
    "below-ab": {("a", "b"), ("a", "b", "c")},
    "other-case": {("A", "b")},
    "slash": {("a/b",)},
}
CHECK = {"check_name": "c", "passed": True}


def is_allowed(key_id: str, event_type: str, asset: tuple[str, ...]) -> bool:
    """Written out by hand, and not by what it shall judge."""
    match key_id:
        case "all":
            return True
        case "checks":
            return event_type == "asset_check"
        case "made-and-seen":
            return event_type != "asset_check"
        case "checks-of-ab":
            return event_type == "asset_check" and asset in MAY_BE["below-ab"]
        case "each-its-own":
            own: dict[str, set[tuple[str, ...]]] = {
                "asset_materialization": MAY_BE["below-ab"],
                "asset_check": {("a", "bc")},
                "asset_observation": {("b",), ("b", "a", "b")},
            }
            return asset in own[event_type]
        case _:
            return asset in MAY_BE.get(key_id, set())


def event(event_type: str, asset: tuple[str, ...]) -> dict[str, Any]:
    return {"event_type": event_type, "asset_key": list(asset), **(CHECK if event_type == "asset_check" else {})}


def record(value: dict[str, Any]) -> Record:
    return Record("t", 0, 0, None, json.dumps(value).encode(), (), None, "NoTimestampType")


@dataclass
class Posted:
    """A client of the application, and what came through to the recorder."""

    client: TestClient
    recorder: FakeRecorder

    def post(self, path: str, key_id: str, **request: Any) -> tuple[str, list[tuple[str, ...]]]:
        """The code of the answer, and the assets that were recorded by it."""
        before = len(self.recorder.recorded)
        answer = self.client.post(path, headers={"X-API-Key": key_of(key_id), **request.pop("headers", {})}, **request)
        body = answer.json()
        return body.get("code", body["status"]), self.recorder.recorded[before:]


@pytest.fixture(scope="module")
def posted() -> Iterator[Posted]:
    recorder = FakeRecorder()
    keys = ApiKeys([entry_of(key_id, scopes) for key_id, scopes in SCOPES.items()])
    with (
        DagsterInstance.local_temp() as instance,
        http_client(instance, ReportingContext(recorder), api_keys=keys) as client,
    ):
        yield Posted(client, recorder)


def by_body(posted: Posted, key_id: str, event_type: str, asset: tuple[str, ...]) -> Any:
    fields = {name: value for name, value in event(event_type, asset).items() if name != "event_type"}
    return posted.post(f"/report_{event_type}", key_id, json=fields)


def by_query(posted: Posted, key_id: str, event_type: str, asset: tuple[str, ...]) -> Any:
    query = {"asset_key": json.dumps(asset), **({"check_name": "c", "passed": "true"} if "check" in event_type else {})}
    return posted.post(f"/report_{event_type}", key_id, params=query)


def by_path(posted: Posted, key_id: str, event_type: str, asset: tuple[str, ...]) -> Any:
    fields = CHECK if event_type == "asset_check" else {}
    return posted.post(f"/report_{event_type}/{'/'.join(asset)}", key_id, json=fields)


def by_cloud_event(posted: Posted, key_id: str, event_type: str, asset: tuple[str, ...]) -> Any:
    envelope = {"specversion": "1.0", "type": event_type, "source": "/s", "id": "1", "data": event(event_type, asset)}
    headers = {"Content-Type": "application/cloudevents+json"}
    return posted.post("/report_asset_events", key_id, content=json.dumps(envelope), headers=headers)


@pytest.mark.heavy
@pytest.mark.parametrize("way", [by_body, by_query, by_path, by_cloud_event])
@pytest.mark.parametrize("key_id", SCOPES)
def test_an_event_is_recorded_where_a_scope_allows_it_and_nowhere_else(posted: Posted, key_id: str, way: Any) -> None:
    for event_type, asset in product(KINDS.values(), ASSETS):
        if way is by_path and asset == ("a/b",):
            continue  # in a path it is two components
        expected = ("success", [asset]) if is_allowed(key_id, event_type, asset) else ("asset.forbidden", [])
        assert way(posted, key_id, event_type, asset) == expected, (event_type, asset)


@pytest.mark.parametrize("key_id", SCOPES)
def test_of_many_events_each_is_judged_by_itself(posted: Posted, key_id: str) -> None:
    asked = list(product(KINDS.values(), ASSETS))
    answer = posted.client.post(
        "/report_asset_events", headers={"X-API-Key": key_of(key_id)}, json=[event(*one) for one in asked]
    )
    told = [result.get("code", "success") for result in answer.json()["results"]]
    assert told == ["success" if is_allowed(key_id, *one) else "asset.forbidden" for one in asked]


def test_a_key_that_is_taken_back_while_its_request_is_being_sent_records_nothing_more(
    instance: DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken out, with other scopes, or with another key under its id."""
    monkeypatch.setattr("asset_reporting.api_keys.LOOK_EVERY_S", 0.0)
    file, recorder = keys_file(tmp_path / "keys", entry_of("all")), FakeRecorder()
    left = [[], [entry_of("all", ["*:b"])], [entry_of("all").model_copy(update={"sha256": "0" * 64})]]
    with http_app(instance, ReportingContext(recorder), api_keys=ApiKeys.from_file(file)) as app:
        for path, entries in product(("/report_asset_events", "/report_asset_observation", "/api/v1/lineage"), left):
            keys_file(file, entry_of("all"))
            value = run_event(outputs=[dataset()]) if "lineage" in path else event("asset_observation", ("a",))
            answer = asyncio.run(sent_in_two(app, path, json.dumps(value), partial(keys_file, file, *entries)))
            assert b"asset.forbidden" in answer, (path, entries)
    assert recorder.recorded == []


async def sent_in_two(app: Starlette, path: str, body: str, meanwhile: Callable[[], object]) -> bytes:
    """The answer's body, where something happens before the end of the request's."""
    pieces, sent = iter([body.encode(), b"\n"]), list[Any]()

    async def receive() -> dict[str, Any]:
        if last := (piece := next(pieces)) == b"\n":
            meanwhile()
        return {"type": "http.request", "body": piece, "more_body": not last}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "headers": [(b"x-api-key", key_of("all").encode())], "http_version": "1.1", "scheme": "http",
    }  # fmt: skip
    await app(scope, receive, send)
    return bytes(sent[1]["body"])


@pytest.mark.parametrize("key_id", SCOPES)
def test_a_topic_with_these_scopes_dead_letters_the_same(key_id: str) -> None:
    options = ConsumerOptions({"t": None}, {"t": "t.dlq"}, scopes={"t": parse_scopes(SCOPES[key_id])})
    for event_type, asset in product(KINDS.values(), ASSETS):
        item = classify(
            options, Record("t", 0, 0, None, json.dumps(event(event_type, asset)).encode(), (), None, "NoTimestampType")
        )
        if is_allowed(key_id, event_type, asset):
            assert [one.asset_key for one in item.events] == [asset]
        else:
            assert item.reason is not None
            assert (item.reason.stage, item.reason.errors[0].code) == ("target", "asset.forbidden")


def test_a_topic_without_scopes_may_report_everything() -> None:
    options = ConsumerOptions({"t": None, "u": None}, {"t": "t.dlq"}, scopes={"u": parse_scopes(["check:x"])})
    record = Record(
        "t", 0, 0, None, json.dumps(event("asset_observation", ("a",))).encode(), (), None, "NoTimestampType"
    )
    assert classify(options, record).events


@pytest.mark.parametrize(("key_id", "code"), [("all", "success"), ("below-a", "asset.forbidden")])
def test_an_openlineage_event_is_recorded_whole_or_refused(posted: Posted, key_id: str, code: str) -> None:
    """By the default rules its assets begin with the dataset's namespace; one outside the scopes is enough."""
    body = run_event(dataset("b", "a"), dataset("b", "z"))
    told, recorded = posted.post("/api/v1/lineage", key_id, json=body)
    assert told == code
    assert bool(recorded) == (code == "success")

    options = ConsumerOptions(
        {"t": None}, {"t": "t.dlq"}, run_event_topics=frozenset({"t"}), scopes={"t": parse_scopes(SCOPES[key_id])}
    )
    item = classify(options, record(body))
    assert (item.reason.errors[0].code if item.reason else "success") == code


TRICKS = [
    "a",
    "b",
    "..",
    ".",
    "",
    "%2e%2e",
    "%2E",
    "%2F",
    "%252f",
    "%5c",
    "\\",
    "%00",
    "%0a",
    ";",
    "?x=",
    "#",
    "a%2F..",
    " ",
    "ä",
]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(TRICKS), min_size=1, max_size=5), st.sampled_from(["", "/", "//", "/x/..", "/%2e"]))
def test_no_trick_in_a_path_reaches_an_asset_outside_the_scope(posted: Posted, parts: list[str], before: str) -> None:
    path = f"{before}/report_asset_materialization/a/{'/'.join(parts)}"
    for key_id in ("below-ab", "none", "checks"):
        seen = len(posted.recorder.recorded)
        answer = raw(posted.client, path, key_id)
        assert answer < 500
        fresh = posted.recorder.recorded[seen:]
        assert [key for key in fresh if key[:2] != ("a", "b")] == []
        assert key_id == "below-ab" or fresh == []


def raw(client: TestClient, path: str, key_id: str) -> int:
    """Post to a path as the server takes it from the wire: a client library would tidy it up first."""
    sent: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            sent.append(message["status"])

    wire, _, query = quote(path, safe="/%?=;:@&+$,!*'()~").partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": unquote(wire), "raw_path": wire.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(b"host", b"h"), (b"x-api-key", key_of(key_id).encode())], "client": ("c", 1), "server": ("s", 1),
    }  # fmt: skip
    assert client.portal is not None
    client.portal.call(client.app, scope, receive, send)
    return sent[0]


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp() as instance:
        yield instance


def test_the_name_of_the_key_is_stored_with_each_event(instance: DagsterInstance) -> None:
    keys = ApiKeys([entry_of("k", name="Orders Team")])
    with http_client(instance, api_keys=keys) as client:
        headers = {"Authorization": f"Bearer {key_of('k')}"}
        for kind in KINDS.values():
            fields = {**(CHECK if kind == "asset_check" else {"tags": {"team": "x"}}), "metadata": {"rows": 1}}
            assert client.post(f"/report_{kind}/a", headers=headers, json=fields).status_code == 200
        many = [event(kind, ("a",)) for kind in KINDS.values()]
        assert client.post("/report_asset_events", headers=headers, json=many).json()["status"] == "success"
        assert client.post("/api/v1/lineage", headers=headers, json=run_event(dataset())).status_code == 201

    stored = [event_of(entry) for entry in runless_entries(instance)]
    names = [
        one.metadata["dagster/reporting_user"].value
        if isinstance(one, AssetCheckEvaluation)
        else (one.tags or {})["dagster/reporting_user"]
        for one in stored
    ]
    assert len(names) >= 7
    assert set(names) == {"Orders Team"}


def test_a_sender_cannot_pass_for_another(posted: Posted) -> None:
    for fields in ({"tags": {"dagster/reporting_user": "boss"}}, {"metadata": {"dagster/reporting_user": "boss"}}):
        assert posted.post("/report_asset_observation/a", "all", json=fields) == ("schema.invalid", [])


def test_a_repetition_under_another_key_is_still_one_event(instance: DagsterInstance) -> None:
    keys = ApiKeys([entry_of("old", name="one"), entry_of("new", name="two")])
    with http_client(instance, api_keys=keys) as client:
        answers = [
            client.post(
                f"/report_{kind}/a", headers={"X-API-Key": key_of(key_id)},
                json={**(CHECK if kind == "asset_check" else {}), "idempotency_key": kind},
            )
            for kind in KINDS.values()
            for key_id in ("old", "new")
        ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [200] * 6
    assert len({answer.json()["event_id"] for answer in answers}) == 3
