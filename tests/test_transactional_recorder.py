"""One transaction a batch: all of it and its offsets, or nothing, and which events stand in the way."""

from __future__ import annotations

import random
from typing import Any

import pytest
import sqlalchemy as db
from check_partitions import where_held
from dagster import DagsterInstance
from dagster_reading import runless_events
from dagster_tables import all_rows, refuse
from databases import Database
from recorder_events import GROUP, check, event, kinds, progress, recorded_ids, unchecked, without

from asset_events import AssetEvent
from asset_reporting.outcomes import Failed, Fenced, Rejected
from asset_reporting.recorder import GroupId, Progress
from asset_reporting.transactional_recorder import TransactionalRecorder


@pytest.fixture
def recorder(each_database: DagsterInstance) -> TransactionalRecorder:
    recorder = TransactionalRecorder(each_database)
    recorder.place(GROUP, {("events", 0): 10, ("events", 1): 20}, {})
    return recorder


REFUSALS = {
    "the log": ("event_logs", "partition", "bad", event(partition="bad")),
    "the tags": ("asset_event_tags", "value", "bad", event(data_version="bad")),
    "the catalog": ("asset_keys", "asset_key", '["bad"]', event("bad")),
    "the checks": ("asset_check_executions", "check_name", "bad", check(check_name="bad")),
}
"""A refusal at each step of the transaction: what came before it must go too."""


@pytest.mark.fault("the storage refuses an event for its content", "P4")
@pytest.mark.parametrize(("table", "column", "value", "bad"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_a_table_refuses_is_rejected_alone_and_nothing_is_stored(
    each_database: DagsterInstance,
    recorder: TransactionalRecorder,
    table: str,
    column: str,
    value: str,
    bad: AssetEvent,
) -> None:
    refuse(each_database, table, column, value)
    before = all_rows(each_database)
    batch: list[AssetEvent] = [event(data_version="v"), check(), bad, event("b"), check(partition=where_held("p"))]

    outcomes = recorder.record(batch, [progress(10, 15)])

    assert kinds(outcomes) == ["Again", "Again", "Rejected", "Again", "Again"]
    assert all_rows(each_database) == before
    assert recorder.positions(GROUP)["events", 0] == 10


def test_a_rejected_event_says_so_by_code_and_tells_no_values(
    each_database: DagsterInstance, recorder: TransactionalRecorder
) -> None:
    refuse(each_database, "event_logs", "partition", "canary")

    (outcome,) = recorder.record([event(partition="canary")])

    assert isinstance(outcome, Rejected)
    assert [(error.path, error.code) for error in outcome.errors] == [("", "storage.rejected")]
    assert "canary" not in repr(outcome)


@pytest.mark.fault("the storage refuses an event for its content", "P1", "P4")
@pytest.mark.parametrize("places", [[0], [36], [3, 4], [0, 17, 18, 36], list(range(37))])
def test_every_offender_of_a_batch_is_found_and_the_rest_is_recorded_without_them(
    each_database: DagsterInstance, recorder: TransactionalRecorder, places: list[int]
) -> None:
    refuse(each_database, "event_logs", "partition", "bad")
    batch: list[AssetEvent] = [event(metadata={"n": n}, partition="bad" if n in places else "p") for n in range(37)]

    outcomes = recorder.record(batch, [progress(10, 47)])

    assert [place for place, kind in enumerate(kinds(outcomes)) if kind == "Rejected"] == places
    recorded_ids(recorder.record(without(batch, outcomes, "Rejected"), [progress(10, 47)]))
    kept = [n for n in range(37) if n not in places]
    assert [stored.metadata["n"].value for stored in runless_events(each_database)] == kept
    assert recorder.positions(GROUP)["events", 0] == 47


@pytest.mark.parametrize("bad", [{"partition": "\ud800"}, {"data_version": "\ud800"}])
def test_text_that_no_database_can_encode_is_rejected(recorder: TransactionalRecorder, bad: dict[str, str]) -> None:
    assert kinds(recorder.record([event(), unchecked(**bad), event()])) == ["Again", "Rejected", "Again"]


def test_a_transaction_takes_as_many_round_trips_for_many_events_as_for_few(postgresql: Database) -> None:
    """Each would lengthen the time for which the writers' lock is held."""
    instance = postgresql.open()
    recorder = TransactionalRecorder(instance)
    recorder.place(GROUP, {("events", partition): 0 for partition in range(16)}, {})
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.extend([statement] * (len(parameters) if isinstance(parameters, list) else 1))

    db.event.listen(instance.event_log_storage._engine, "before_cursor_execute", note)  # type: ignore[attr-defined] # an SQL storage's

    def round_trips(events: int) -> int:
        batch: list[AssetEvent] = []
        for number in range(events):
            fields = {"idempotency_key": f"{events}/{number}", "partition": f"p{number}"}
            batch.append(event(f"a{number}", data_version="v", **fields))
            batch.append(check(f"a{number}", partition=where_held(f"p{number}")))
        steps = [Progress(GROUP, "events", partition, 0 if events == 1 else 1, events) for partition in range(16)]
        statements.clear()
        recorded_ids(recorder.record(batch, steps))
        return len(statements)

    assert round_trips(1) == round_trips(300) < 15


def test_a_value_that_is_too_long_for_an_index_is_rejected(postgresql: Database) -> None:
    recorder = TransactionalRecorder(postgresql.open())
    noise = random.Random(1).randbytes(4000).hex()  # noqa: S311 # incompressible, not secret

    assert kinds(recorder.record([event(), unchecked(partition=noise)])) == ["Again", "Rejected"]


def test_an_unforeseen_failure_is_the_events_own_and_nothing_is_stored(
    each_database: DagsterInstance, recorder: TransactionalRecorder
) -> None:
    before = all_rows(each_database)

    outcomes = recorder.record([event(), unchecked(metadata={"canary": object()}), event()], [progress(10, 13)])

    assert kinds(outcomes) == ["Again", "Failed", "Again"]
    assert "canary" not in repr(outcomes)
    assert all_rows(each_database) == before
    assert recorder.positions(GROUP)["events", 0] == 10


def test_an_unforeseen_failure_inside_the_transaction_is_found_too(postgresql: Database) -> None:
    instance = postgresql.open()
    recorder = TransactionalRecorder(instance)
    before = all_rows(instance)

    outcomes = recorder.record([event(), event(), unchecked(partition="\0"), event()])  # psycopg2 raises ValueError

    assert kinds(outcomes) == ["Again", "Again", "Failed", "Again"]
    assert isinstance(outcomes[2], Failed)
    assert all_rows(instance) == before


@pytest.mark.fault("the storage refuses a batch and none of its events", "P3")
def test_a_batch_that_is_refused_only_as_a_whole_is_held(
    each_database: DagsterInstance, recorder: TransactionalRecorder
) -> None:
    storage: Any = each_database.event_log_storage
    with storage.index_connection() as connection:
        connection.execute(db.text("CREATE UNIQUE INDEX one_event_an_asset ON event_logs (asset_key)"))
    before = all_rows(each_database)

    assert kinds(recorder.record([event(), event()])) == ["Unavailable", "Unavailable"]
    assert all_rows(each_database) == before


def test_nothing_is_done_for_nothing(recorder: TransactionalRecorder) -> None:
    assert recorder.record([]) == []


def test_the_offsets_move_with_the_events(each_database: DagsterInstance, recorder: TransactionalRecorder) -> None:
    ids = recorded_ids(recorder.record([event(), check(), event("b")], [progress(10, 13), progress(20, 21, 1)]))

    assert ids == sorted(set(ids))
    assert recorder.positions(GROUP) == {("events", 0): 13, ("events", 1): 21}
    assert len(runless_events(each_database)) == 3


@pytest.mark.parametrize("start", [9, 11])
def test_a_batch_that_begins_elsewhere_than_the_ledger_is_fenced_and_nothing_moves(
    each_database: DagsterInstance, recorder: TransactionalRecorder, start: int
) -> None:
    outcomes = recorder.record([event(), event()], [progress(20, 21, 1), progress(start, 12)])

    assert outcomes == [Fenced(), Fenced()]
    assert runless_events(each_database) == []
    assert recorder.positions(GROUP) == {("events", 0): 10, ("events", 1): 20}


def test_a_partition_that_has_no_place_yet_is_fenced(recorder: TransactionalRecorder) -> None:
    assert recorder.record([event()], [progress(0, 1, partition=7)]) == [Fenced()]


def test_the_same_batch_a_second_time_is_fenced_and_recorded_once(
    each_database: DagsterInstance, recorder: TransactionalRecorder
) -> None:
    recorded_ids(recorder.record([event()], [progress(10, 11)]))

    assert recorder.record([event()], [progress(10, 11)]) == [Fenced()]
    assert len(runless_events(each_database)) == 1


def test_the_ledger_moves_alone_when_a_batch_leaves_nothing_to_record(recorder: TransactionalRecorder) -> None:
    assert recorder.move([progress(10, 15), progress(20, 22, 1)]) is None
    assert recorder.move([progress(10, 16)]) == Fenced()

    assert recorder.positions(GROUP) == {("events", 0): 15, ("events", 1): 22}


def test_an_operators_reset_is_followed_in_both_directions(recorder: TransactionalRecorder) -> None:
    assert recorder.place(GROUP, {("events", 0): 3, ("other", 0): 0}, recorder.positions(GROUP))

    assert recorder.positions(GROUP) == {("events", 0): 3, ("events", 1): 20, ("other", 0): 0}
    assert recorder.move([progress(3, 4)]) is None


def test_a_partition_that_has_moved_since_it_was_read_is_not_placed(recorder: TransactionalRecorder) -> None:
    stood = recorder.positions(GROUP)
    assert recorder.move([progress(10, 15)]) is None

    assert not recorder.place(GROUP, {("events", 0): 3, ("events", 1): 3}, stood)
    assert not recorder.place(GROUP, {("events", 0): 3}, {})  # nor one that seemed to stand nowhere yet

    assert recorder.positions(GROUP) == {("events", 0): 15, ("events", 1): 20}


def test_groups_and_clusters_have_their_own_places(recorder: TransactionalRecorder) -> None:
    for other in (GroupId("cluster", "other"), GroupId("other", "group")):
        assert recorder.positions(other) == {}
        recorder.place(other, {("events", 0): 99}, {})

    assert recorder.positions(GROUP)["events", 0] == 10


def test_a_recorder_opened_later_finds_the_ledger_where_it_was(database: Database) -> None:
    home = database.new_home()
    TransactionalRecorder(database.open(home)).place(GROUP, {("events", 0): 5}, {})

    assert TransactionalRecorder(database.open(home)).positions(GROUP) == {("events", 0): 5}
