"""Idempotency keys: recorded once, by whichever road and however many try at once; a repeat gets the first id."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from dagster import DagsterInstance
from dagster_reading import runless_events
from dagster_tables import all_rows, refuse
from databases import Database
from recorder_events import GROUP, check, event, kinds, progress, recorded_ids

from asset_consumer.dagster_instance import open_reporting
from asset_consumer.settings import Settings, StorageSettings
from asset_events import ERROR_CODES, AssetEvent, MaterializationEvent, TypedMetadata, parse_event, parse_parts
from asset_reporting import idempotency
from asset_reporting.bridge_tables import IDEMPOTENCY_KEYS
from asset_reporting.handlers import report
from asset_reporting.idempotency import RETENTION_S, fingerprint
from asset_reporting.outcomes import Outcome, Recorded, Rejected
from asset_reporting.transactional_recorder import TransactionalRecorder


@pytest.fixture
def recorder(each_database: DagsterInstance) -> TransactionalRecorder:
    return TransactionalRecorder(each_database)


def keyed(key: str = "k", name: str = "a", **fields: Any) -> MaterializationEvent:
    return event(name, idempotency_key=key, **fields)


def replays(outcomes: list[Outcome]) -> list[bool]:
    assert all(isinstance(outcome, Recorded) for outcome in outcomes), outcomes
    return [isinstance(outcome, Recorded) and outcome.replayed for outcome in outcomes]


def keys_kept(instance: DagsterInstance) -> list[str]:
    return sorted(row.key for row in run(instance, IDEMPOTENCY_KEYS.select()))


def run(instance: DagsterInstance, statement: Any) -> list[Any]:
    storage: Any = instance.event_log_storage
    with storage.index_connection() as connection:
        result = connection.execute(statement)
        return list(result) if result.returns_rows else []


def grow_older(instance: DagsterInstance, seconds: float) -> None:
    recorded_at = IDEMPOTENCY_KEYS.c.recorded_at
    run(instance, IDEMPOTENCY_KEYS.update().values(recorded_at=recorded_at - seconds))


def test_a_key_that_comes_again_gets_the_first_id_and_stores_nothing(
    each_database: DagsterInstance, recorder: TransactionalRecorder
) -> None:
    (first,) = recorder.record([keyed(metadata={"n": 1})])
    before = all_rows(each_database)

    (second,) = recorder.record([keyed(metadata={"n": 1})])

    assert isinstance(first, Recorded)
    assert second == Recorded(first.event_id, replayed=True)
    assert all_rows(each_database) == before


def test_a_key_that_comes_several_times_in_one_batch_is_recorded_at_its_first_place(
    each_database: DagsterInstance, recorder: TransactionalRecorder
) -> None:
    batch: list[AssetEvent] = [event("b"), keyed(), keyed(), check(idempotency_key="c"), keyed(), event("b")]

    outcomes = recorder.record(batch)

    assert replays(outcomes) == [False, False, True, False, True, False]
    ids = recorded_ids(outcomes)
    assert ids[1] == ids[2] == ids[4]
    assert ids[0] < ids[1] < ids[3] < ids[5]
    assert len(runless_events(each_database)) == 4


def test_new_and_repeated_keys_meet_in_a_batch_and_its_offsets_move(
    each_database: DagsterInstance, recorder: TransactionalRecorder
) -> None:
    recorder.place(GROUP, {("events", 0): 0}, {})
    (old,) = recorded_ids(recorder.record([keyed("old")], [progress(0, 1)]))

    outcomes = recorder.record([keyed("new"), keyed("old"), event()], [progress(1, 4)])

    assert replays(outcomes) == [False, True, False]
    assert recorded_ids(outcomes)[1] == old
    assert recorder.positions(GROUP) == {("events", 0): 4}
    assert len(runless_events(each_database)) == 3


def test_a_batch_of_repetitions_alone_moves_its_offsets(recorder: TransactionalRecorder) -> None:
    recorder.place(GROUP, {("events", 0): 0}, {})
    recorder.record([keyed()])

    assert replays(recorder.record([keyed(), keyed()], [progress(0, 2)])) == [True, True]
    assert recorder.positions(GROUP) == {("events", 0): 2}


@pytest.mark.parametrize(
    "other", [keyed(name="b"), keyed(metadata={"n": 2}), keyed(partition="p"), keyed(data_version="v")]
)
def test_a_key_that_stands_for_another_event_is_refused_and_nothing_is_stored(
    each_database: DagsterInstance, recorder: TransactionalRecorder, other: AssetEvent
) -> None:
    recorder.place(GROUP, {("events", 0): 0}, {})
    recorder.record([keyed()])
    before = all_rows(each_database)

    outcomes = recorder.record([event(), other, keyed(), keyed("new")], [progress(0, 4)])

    assert kinds(outcomes) == ["Again", "Rejected", "Again", "Again"]
    assert isinstance(outcomes[1], Rejected)
    assert [(error.path, error.code) for error in outcomes[1].errors] == [
        ("/idempotency_key", "idempotency_key.reused")
    ]
    assert all_rows(each_database) == before
    assert keys_kept(each_database) == ["k"]
    assert recorder.positions(GROUP) == {("events", 0): 0}


def test_a_key_that_stands_for_two_events_of_one_batch_is_refused_at_the_second(
    recorder: TransactionalRecorder,
) -> None:
    assert kinds(recorder.record([keyed(), keyed(name="b"), keyed()])) == ["Again", "Rejected", "Again"]


def test_an_event_that_the_storage_refuses_takes_no_key_from_the_next_one_of_its_batch(
    each_database: DagsterInstance, recorder: TransactionalRecorder
) -> None:
    refuse(each_database, "event_logs", "partition", "canary")
    batch: list[AssetEvent] = [event(), keyed(partition="canary"), keyed(name="b")]

    assert kinds(recorder.record(batch)) == ["Again", "Rejected", "Again"]
    assert replays(recorder.record([batch[0], batch[2]])) == [False, False]


def test_a_reused_key_has_its_code_in_the_contract() -> None:
    code = ERROR_CODES["idempotency_key.reused"]
    assert (code.http_status, code.stage) == (409, "record")


def test_a_key_of_a_batch_that_is_refused_is_free_again(
    each_database: DagsterInstance, recorder: TransactionalRecorder
) -> None:
    recorder.place(GROUP, {("events", 0): 5}, {})

    assert kinds(recorder.record([keyed()], [progress(0, 1)])) == ["Fenced"]
    assert keys_kept(each_database) == []
    assert replays(recorder.record([keyed(name="b")])) == [False]


def test_the_same_key_at_once_by_several_writers_is_recorded_once(database: Database) -> None:
    home, rounds, writers = database.new_home(), 10, 4
    recorders = [TransactionalRecorder(database.open(home)) for _ in range(writers)]
    start = threading.Barrier(writers)

    def record(recorder: TransactionalRecorder) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for number in range(rounds):
            start.wait(30)
            outcomes += recorder.record([keyed(f"k{number}", metadata={"n": number})])
        return outcomes

    with ThreadPoolExecutor(writers) as pool:
        answers = [*pool.map(record, recorders)]

    for of_one_round in zip(*answers, strict=True):
        assert sorted(replays([*of_one_round])) == [False] + [True] * (writers - 1)
        assert len(set(recorded_ids(of_one_round))) == 1
    stored = runless_events(database.open(home))
    assert [one.metadata["n"].value for one in stored] == [*range(rounds)]


def test_a_key_may_be_used_for_another_event_when_its_retention_is_over(
    each_database: DagsterInstance, recorder: TransactionalRecorder
) -> None:
    recorder.record([keyed()])
    grow_older(each_database, RETENTION_S - 60)
    assert kinds(recorder.record([keyed(name="b")])) == ["Rejected"]

    grow_older(each_database, 61)

    assert replays(recorder.record([keyed(name="b")])) == [False]
    assert replays(recorder.record([keyed(name="b")])) == [True]
    assert len(runless_events(each_database)) == 2


def test_the_retention_is_what_the_setting_says(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(database.new_home()))
    settings = Settings(storage=StorageSettings(idempotency_retention_days=1))
    with open_reporting(settings, threading.Event()) as (reporting, workspace):
        assert replays(report(reporting, [keyed()])) == [False]
        grow_older(workspace.instance, 24 * 3600 - 60)
        assert replays(report(reporting, [keyed()])) == [True]
        grow_older(workspace.instance, 61)

        assert replays(report(reporting, [keyed()])) == [False]


def test_keys_whose_retention_is_over_are_forgotten_as_new_ones_come_and_never_all_at_once(
    each_database: DagsterInstance, recorder: TransactionalRecorder
) -> None:
    recorder.record([keyed(f"old{n}") for n in range(5)])
    grow_older(each_database, RETENTION_S + 1)

    recorder.record([event()])
    assert len(keys_kept(each_database)) == 5
    recorder.record([keyed("new1")])
    assert len(keys_kept(each_database)) == 4
    recorder.record([keyed("new2"), keyed("new3")])

    assert keys_kept(each_database) == ["new1", "new2", "new3"]


def test_a_key_that_is_used_anew_before_it_is_swept_away_stands_for_the_new_event(
    each_database: DagsterInstance, recorder: TransactionalRecorder
) -> None:
    for number in range(4):  # the oldest are swept first, two for each that comes
        recorder.record([keyed(f"k{number}")])
        grow_older(each_database, 10)
    grow_older(each_database, RETENTION_S + 1)

    assert replays(recorder.record([keyed("k3", name="b")])) == [False]
    assert replays(recorder.record([keyed("k3", name="b")])) == [True]


def test_more_keys_than_the_database_takes_in_one_statement(
    each_database: DagsterInstance, recorder: TransactionalRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "_ASKED_AT_ONCE", 3)
    batch: list[AssetEvent] = [keyed(f"k{n}") for n in range(10)]

    assert replays(recorder.record(batch)) == [False] * 10
    assert replays(recorder.record(batch)) == [True] * 10


def test_the_same_event_by_both_roads_is_the_same_for_its_key() -> None:
    by_kafka = parse_event(
        b'{"event_type": "asset_observation", "asset_key": ["a", "b"], "metadata": {"n": 1, "u": {"type": "url",'
        b' "raw_value": "http://x"}}, "idempotency_key": "k", "event_time": 5}'
    )
    with_provenance = by_kafka.model_copy(update={"metadata": {**by_kafka.metadata, "kafka/record": "events/0/7"}})
    metadata = '{"u": {"raw_value": "http://x", "type": "url"}, "n": 1}'
    query = [("metadata", metadata), ("idempotency_key", "k")]
    by_http = parse_parts("asset_observation", path="a/b", query=query)

    assert fingerprint(with_provenance) == fingerprint(by_http)


@pytest.mark.parametrize(
    ("event_", "digest"),
    [
        (event(partition="p"), "6021a08d542462aa"),
        (check(metadata={"n": 1}, severity="WARN"), "619c8319b47ad691"),
    ],
)
def test_a_digest_stays_the_same_for_as_long_as_keys_are_kept(event_: AssetEvent, digest: str) -> None:
    """A version that computes another one refuses what an older one has recorded, when it is sent again."""
    assert fingerprint(event_)[:16] == digest


def test_a_field_that_a_later_version_adds_changes_no_digest_of_an_event_without_it() -> None:
    class LaterEvent(MaterializationEvent):
        note: str | None = None

    assert fingerprint(LaterEvent(asset_key=("a",))) == fingerprint(event())
    assert fingerprint(LaterEvent(asset_key=("a",), note="n")) != fingerprint(event())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (event(metadata={"n": 1}), event(metadata={"n": 1.0})),
        (event(metadata={"n": 1}), event(metadata={"n": True})),
        (event(metadata={"n": "1"}), event(metadata={"n": 1})),
        (event(metadata={"n": "x"}), event(metadata={"n": TypedMetadata("url", "x")})),
        (event(metadata={"n": TypedMetadata("md", "x")}), event(metadata={"n": TypedMetadata("url", "x")})),
        (check(passed=True), check(passed=False)),
        (check(severity="WARN"), check(severity="INFO")),
        (event(tags={"a": "b"}), event(tags={"a": "c"})),
        (event(), check()),
    ],
)
def test_events_that_differ_at_all_are_told_apart(one: AssetEvent, other: AssetEvent) -> None:
    assert fingerprint(one) != fingerprint(other)
