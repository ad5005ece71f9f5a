"""One idempotency key, by whatever way it comes: HTTP header, query or body, Kafka header or value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from broker import Broker
from consuming import TOPIC, RunningConsumer, eventually
from dagster import DagsterInstance
from dagster_reading import runless_entries, runless_events
from http_world import http_client, http_server
from mock_cluster import Sent, consume_all, produce
from starlette.testclient import TestClient

from asset_consumer.decode import decode
from asset_consumer.record import Record
from asset_events import InvalidEventError
from asset_events.limits import MAX_IDEMPOTENCY_KEY_CHARS
from asset_reporting.transactional_recorder import TransactionalRecorder

OBS = "/report_asset_observation"
REPLAYED = "Idempotent-Replayed"


@pytest.fixture(scope="module")
def url(instance: DagsterInstance) -> Iterator[str]:
    """A server: the test client writes header values anew, and so cannot send bytes that are no text."""
    with http_server(instance) as server:
        yield f"http://127.0.0.1:{server.port}"


def header(key: str | bytes) -> dict[str, Any]:
    return {"headers": {"Idempotency-Key": key}}


def query(key: str) -> dict[str, Any]:
    return {"params": {"idempotency_key": key}}


def body(key: str) -> dict[str, Any]:
    return {"json": {"idempotency_key": key}}


# By HTTP


def test_repeated_post_is_answered_with_the_first_id_and_recorded_once(
    client: TestClient, instance: DagsterInstance
) -> None:
    before = len(runless_entries(instance))
    first, second, third = (client.post(f"{OBS}/a?description=d", **header("repeated")) for _ in range(3))

    assert [answer.status_code for answer in (first, second, third)] == [200, 200, 200]
    assert first.json() == second.json() == third.json()
    assert [answer.headers.get(REPLAYED) for answer in (first, second, third)] == [None, "true", "true"]
    assert len(runless_entries(instance)) == before + 1


@pytest.mark.parametrize("second", [header, query, body])
@pytest.mark.parametrize("first", [header, query, body])
def test_key_is_the_same_wherever_it_stands(client: TestClient, first: Any, second: Any) -> None:
    key = f"{first.__name__} {second.__name__}"
    answers = [client.post(f"{OBS}/a", **way(key)) for way in (first, second)]

    assert answers[0].json()["event_id"] == answers[1].json()["event_id"]
    assert [answer.headers.get(REPLAYED) for answer in answers] == [None, "true"]


def test_key_for_another_event_is_refused_with_409(client: TestClient, instance: DagsterInstance) -> None:
    assert client.post(f"{OBS}/a", **header("reused")).status_code == 200
    before = len(runless_entries(instance))

    for url in (f"{OBS}/b", f"{OBS}/a?description=other", "/report_asset_materialization/a"):
        answer = client.post(url, **header("reused"))
        assert answer.status_code == 409
        (error,) = answer.json()["errors"]
        assert (error["code"], error["path"]) == ("idempotency_key.reused", "/idempotency_key")
        assert REPLAYED not in answer.headers
    assert len(runless_entries(instance)) == before


def test_key_may_stand_twice_but_not_differ(client: TestClient) -> None:
    same = client.post(f"{OBS}/a", **header("twice"), **query("twice"))
    null = client.post(f"{OBS}/a", **header("null"), json={"idempotency_key": None})
    again = client.post(f"{OBS}/a", **body("null"))
    differs = [client.post(f"{OBS}/a", **header("one"), **way("other")) for way in (query, body)]

    assert same.status_code == null.status_code == 200
    assert again.headers[REPLAYED] == "true"
    for answer in differs:
        assert answer.status_code == 400
        assert answer.json()["errors"] == [
            {
                "path": "/idempotency_key",
                "code": "schema.invalid",
                "message": "idempotency_key must be the same in the header and in the event",
            }
        ]


def test_of_several_headers_the_last_counts(client: TestClient) -> None:
    headers = [("Idempotency-Key", "one"), ("idempotency-key", "the last")]
    assert client.post(f"{OBS}/a", headers=headers).status_code == 200
    assert client.post(f"{OBS}/a", **body("the last")).headers[REPLAYED] == "true"


def test_key_is_utf_8_in_a_header_too(client: TestClient, url: str) -> None:
    assert requests.post(f"{url}{OBS}/a", **header("schlüssel 🔑".encode()), timeout=20).status_code == 200
    assert client.post(f"{OBS}/a", **body("schlüssel 🔑")).headers[REPLAYED] == "true"


def test_request_without_a_key_is_recorded_each_time(client: TestClient) -> None:
    answers = [client.post(f"{OBS}/a") for _ in range(2)]
    assert answers[0].json()["event_id"] != answers[1].json()["event_id"]
    assert [answer.headers.get(REPLAYED) for answer in answers] == [None, None]


# Both roads


LONG = "CANARY" * 43  # 258 characters


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (b"", {}, "must not be empty"),
        (LONG.encode(), {}, f"must not be longer than {MAX_IDEMPOTENCY_KEY_CHARS} characters"),
        (b"CANARY\xff", {}, "must be UTF-8 text in the header"),
        (b"\xed\xa0\x80", {}, "must be UTF-8 text in the header"),
        (b"CANARY", {"idempotency_key": "CANARY2"}, "must be the same in the header and in the event"),
        (b"7", {"idempotency_key": 7}, "must be a string"),
    ],
)
def test_both_roads_refuse_the_same_keys_in_the_same_words(
    url: str, key: bytes, value: dict[str, Any], message: str
) -> None:
    event = {"event_type": "asset_observation", "asset_key": "a", **value}
    record = Record(TOPIC, 0, 0, None, json.dumps(event).encode(), (("idempotency-key", key),))
    with pytest.raises(InvalidEventError) as by_kafka:
        decode(record)
    by_http = requests.post(url + OBS, json=event, **header(key), timeout=20)

    assert by_http.status_code == 400
    assert by_http.json()["errors"] == [detail.as_dict() for detail in by_kafka.value.errors]
    (detail,) = by_kafka.value.errors
    assert (detail.path, detail.code) == ("/idempotency_key", "schema.invalid")
    assert detail.message == f"idempotency_key {message}"
    assert "CANARY" not in by_http.text


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ((("idempotency-key", b"k"),), "k"),
        ((("Idempotency-Key", b"a"), ("IDEMPOTENCY-KEY", b"k"), ("other", b"x")), "k"),
        ((("idempotency-key", "\N{KEY}".encode()),), "\N{KEY}"),
        ((("idempotency-key", b"k"), ("idempotency-key", None)), None),
        ((("idempotency-key", None),), None),
        ((), None),
    ],
)
def test_kafka_header_gives_the_key(headers: tuple[tuple[str, bytes | None], ...], key: str | None) -> None:
    value = b'{"event_type": "asset_observation", "asset_key": "a"}'
    assert decode(Record(TOPIC, 0, 0, None, value, headers)).idempotency_key == key


@pytest.mark.fault("the same idempotency keys by both roads at once", "P2")
def test_same_keys_by_http_and_kafka_at_once_are_recorded_once(broker: Broker, tmp_path: Path) -> None:
    broker.create_topic(broker.topic, 1)
    broker.create_topic(broker.dead_letters, 1)
    keys = [f"key-{number}" for number in range(40)]
    with (
        DagsterInstance.local_temp(str(tmp_path)) as instance,
        http_client(instance) as client,  # with a recorder of its own, as another process has
        RunningConsumer(broker, TransactionalRecorder(instance), batch_max_records=5) as consumer,
        ThreadPoolExecutor(8) as clients,
    ):
        eventually(lambda: consumer.owned == 1)
        posts = [clients.submit(client.post, f"{OBS}/{key}", **header(key)) for key in keys]
        # From the other end, so that the two roads meet in the middle.
        records = [sent(key, in_header=number % 2 == 0) for number, key in enumerate(reversed(keys))]
        produce(broker.bootstrap, broker.topic, *records)
        answers = [post.result() for post in posts]
        eventually(lambda: settled(consumer) == len(keys), timeout_s=60)
        answers += list(clients.map(lambda key: client.post(f"{OBS}/{key}", **header(key)), keys))
        stored = runless_events(instance)

    assert {answer.status_code for answer in answers} == {200}
    assert sorted(one.asset_key.to_user_string() for one in stored) == sorted(keys)
    ids = [answer.json()["event_id"] for answer in answers]
    assert ids[: len(keys)] == ids[len(keys) :]
    assert len(set(ids)) == len(keys)
    by_kafka = sum("kafka/record" in one.metadata for one in stored)
    assert sum(REPLAYED in answer.headers for answer in answers[: len(keys)]) == by_kafka
    assert consume_all(broker.bootstrap, broker.dead_letters, 0) == []


@pytest.mark.fault("the same idempotency key again by the other road", "P2", "P5")
def test_record_repeats_a_post_and_a_post_repeats_a_record(broker: Broker, tmp_path: Path) -> None:
    broker.create_topic(broker.topic, 1)
    broker.create_topic(broker.dead_letters, 1)
    with DagsterInstance.local_temp(str(tmp_path)) as instance, http_client(instance) as client:
        posted = client.post(f"{OBS}/posted", **header("posted"))
        produce(broker.bootstrap, broker.topic, sent("posted", in_header=True), sent("produced", in_header=True))
        produce(broker.bootstrap, broker.topic, Sent(sent("other", in_header=False).value, headers=KEYED_AS_POSTED))
        with RunningConsumer(broker, TransactionalRecorder(instance)) as consumer:
            eventually(lambda: settled(consumer) == 3, timeout_s=60)
        repeated = client.post(f"{OBS}/produced", **header("produced"))
        stored = runless_events(instance)

    assert posted.status_code == repeated.status_code == 200
    assert repeated.headers[REPLAYED] == "true"
    assert [one.asset_key.to_user_string() for one in stored] == ["posted", "produced"]
    (letter,) = consume_all(broker.bootstrap, broker.dead_letters, 1)
    headers = dict(letter.headers)
    assert headers["asset-bridge.dlq.code"] == b"schema.invalid"  # its header and its value give two keys
    assert headers["idempotency-key"] == b"posted"


def settled(consumer: RunningConsumer) -> int:
    """How many records lie below the committed positions."""
    return sum(lane.committed or 0 for lane in list(consumer._loop._assignment.lanes.values()))


KEYED_AS_POSTED = (("idempotency-key", b"posted"),)


def sent(key: str, *, in_header: bool) -> Sent:
    """The same event as a post to the asset of the key's name."""
    event = {"event_type": "asset_observation", "asset_key": [key]}
    if in_header:
        return Sent(json.dumps(event).encode(), headers=[("Idempotency-Key", key.encode())])
    return Sent(json.dumps({**event, "idempotency_key": key}).encode())
