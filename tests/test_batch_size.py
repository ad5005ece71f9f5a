"""Batches are as large as one short transaction takes, and no lane's records keep another's waiting."""

from __future__ import annotations

import pytest

from asset_consumer.lane import Item, Lane, share_out, waiting
from asset_consumer.record import Record
from asset_events import MaterializationEvent
from asset_reporting.batch_size import FIRST_EVENTS, LEAST_EVENTS, MOST_EVENTS, WINDOW_S, adapted, after_failure


@pytest.mark.parametrize("event_s", [0.00001, 0.00006, 0.0002])
def test_batches_come_to_fit_the_window_and_stay(event_s: float) -> None:
    size, sizes = FIRST_EVENTS, list[int]()
    for _ in range(40):
        size = adapted(size, size, window_s=0.004 + size * event_s)
        sizes.append(size)

    assert 0.004 + size * event_s == pytest.approx(WINDOW_S, rel=0.1)
    assert max(sizes[-10:]) - min(sizes[-10:]) <= 0.02 * size


def test_a_small_batch_changes_nothing() -> None:
    assert adapted(1000, 499, window_s=10.0) == 1000
    assert adapted(1000, 0, window_s=0.0) == 1000


@pytest.mark.parametrize("share", [0.5, 0.55, 0.7, 0.9, 0.99])
def test_batches_that_are_not_full_and_over_in_time_make_none_smaller(share: float) -> None:
    size = FIRST_EVENTS
    for _ in range(50):
        size = adapted(size, round(size * share), window_s=WINDOW_S / 10)

    assert size >= FIRST_EVENTS


@pytest.mark.parametrize(("window_s", "end"), [(10.0, LEAST_EVENTS), (0.0, MOST_EVENTS)])
def test_the_size_stays_within_bounds(window_s: float, end: int) -> None:
    size = FIRST_EVENTS
    for _ in range(100):
        size = adapted(size, size, window_s)

    assert size == end


def test_what_failed_late_is_not_tried_again_at_the_same_size_however_small_it_was() -> None:
    assert after_failure(1000, 1000, window_s=15.0) == 500
    assert after_failure(10_000, 90, window_s=15.0) == 45
    assert after_failure(1, 1, window_s=15.0) == 1


def test_what_failed_at_once_or_held_no_events_changes_nothing() -> None:
    assert after_failure(1000, 1000, window_s=WINDOW_S) == 1000
    assert after_failure(1000, 0, window_s=15.0) == 1000


def test_a_size_that_failures_made_tiny_is_soon_what_it_may_be_on_a_slow_database() -> None:
    size, batches = 1, 0
    while size < LEAST_EVENTS:
        size, batches = adapted(size, size, window_s=10.0), batches + 1

    assert (size, batches) == (LEAST_EVENTS, 7)


def lane(partition: int, records: int) -> Lane:
    made = Lane("t", partition)
    made.begin(0)
    for offset in range(records):
        made.add(Item(Record("t", partition, offset, None, b"")))
    return made


def test_a_record_of_many_events_takes_their_room_and_comes_alone_where_it_is_too_large() -> None:
    event = MaterializationEvent(asset_key=("a",))
    made = Lane("t", 0)
    made.begin(0)
    for offset, events in enumerate([3, 0, 6, 2, 50]):
        made.add(Item(Record("t", 0, offset, None, b""), events=(event,) * events))

    assert [item.record.offset for item in made.take(10)] == [0, 1, 2]
    made.advance(4)
    assert [[item.record.offset for item in items] for _, items in share_out([made, lane(1, 9)], 10)] == [[4], [0]]


@pytest.mark.parametrize(
    ("pending", "room", "shares"),
    [
        ([900, 50, 50], 1000, [900, 50, 50]),
        ([900, 300, 50], 600, [275, 275, 50]),
        ([5, 5], 100, [5, 5]),
        ([7, 7, 7], 2, [1, 1, 1]),
        ([0, 7], 5, [0, 5]),
    ],
)
def test_a_batch_is_shared_as_evenly_as_the_lanes_can_fill_it(pending: list[int], room: int, shares: list[int]) -> None:
    lanes = [lane(number, records) for number, records in enumerate(pending)]

    taken = {one.partition: [item.record.offset for item in items] for one, items in share_out(lanes, room)}

    assert [taken.get(number, []) for number in range(len(lanes))] == [list(range(share)) for share in shares]
    assert waiting(lanes) == sum(pending)
