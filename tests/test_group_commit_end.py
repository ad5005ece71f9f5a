"""How a post ends that is not recorded in time: taken back, or told the truth, and never in the way of others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from held_recorder import HeldRecorder, event, run, submitted

from asset_reporting.group_commit import WAITING_POSTS, GroupCommit
from asset_reporting.outcomes import Outcome, Recorded
from asset_reporting.storage_threads import StorageBusyError, StorageTimeoutError


@pytest.fixture
def recorder() -> Iterator[HeldRecorder]:
    recorder = HeldRecorder()
    yield recorder
    recorder.let_all()


@pytest.mark.fault("the storage hangs under a post", "P2")
def test_post_not_begun_by_its_deadline_is_never_recorded(recorder: HeldRecorder) -> None:
    recorder.hold()

    async def scenario(group: GroupCommit) -> tuple[StorageTimeoutError, StorageTimeoutError]:
        (held,) = await submitted([group.report([event("held")])])
        await recorder.until_begun()
        with pytest.raises(StorageTimeoutError) as late:
            await group.report([event("late")])
        with pytest.raises(StorageTimeoutError) as begun:
            await held
        recorder.let_all()
        await group.report([event("after")])
        return begun.value, late.value

    begun, late = run(recorder, scenario, deadline_s=1.0)

    assert begun.started
    assert not late.started
    assert recorder.calls == [["held"], ["after"]]


def test_post_that_another_has_taken_along_counts_as_begun(recorder: HeldRecorder) -> None:
    recorder.hold()

    async def scenario(group: GroupCommit) -> list[list[Outcome] | BaseException]:
        await submitted([group.report([event("first")])])
        await recorder.until_begun()
        together = await submitted([group.report([event("a")]), group.report([event("b")])])
        recorder.let()  # the first ends, a and b are begun with the call of a
        await recorder.until_begun()
        return await asyncio.gather(*together, return_exceptions=True)

    outcomes = run(recorder, scenario, deadline_s=2.0)

    assert recorder.calls == [["first"], ["a", "b"]]
    assert [type(one) for one in outcomes] == [StorageTimeoutError, StorageTimeoutError]
    assert all(isinstance(one, StorageTimeoutError) and one.started for one in outcomes)


def test_cancelled_post_is_taken_back_and_the_ones_behind_it_go_on(recorder: HeldRecorder) -> None:
    recorder.hold()

    async def scenario(group: GroupCommit) -> list[Outcome]:
        await submitted([group.report([event("first")])])
        await recorder.until_begun()
        gone, stays = await submitted([group.report([event("gone")]), group.report([event("stays")])])
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        recorder.let_all()
        return await stays

    assert run(recorder, scenario) == [Recorded(1)]
    assert recorder.calls == [["first"], ["stays"]]


def test_beyond_the_waiting_room_posts_are_refused_at_once_and_leave_nothing(recorder: HeldRecorder) -> None:
    recorder.hold()

    async def scenario(group: GroupCommit) -> None:
        await submitted([group.report([event("first")])])
        await recorder.until_begun()
        waiting = await submitted([group.report([event("x")]) for _ in range(WAITING_POSTS)])
        with pytest.raises(StorageBusyError):
            await group.report([event("refused")])
        recorder.let_all()
        await asyncio.gather(*waiting)

    run(recorder, scenario)

    assert recorder.calls == [["first"], ["x"] * WAITING_POSTS]


def test_close_refuses_what_waits(recorder: HeldRecorder) -> None:
    recorder.hold()

    async def scenario(group: GroupCommit) -> bool:
        (first,) = await submitted([group.report([event("first")])])
        await recorder.until_begun()
        (waiting,) = await submitted([group.report([event("waiting")])])
        ended = await asyncio.to_thread(group.close, 0.1)
        with pytest.raises(StorageBusyError):
            await waiting
        recorder.let_all()
        assert await first == [Recorded(1)]
        return ended

    assert run(recorder, scenario) is False
    assert recorder.calls == [["first"]]


def test_close_does_not_say_of_a_post_taken_along_that_it_was_not_recorded(recorder: HeldRecorder) -> None:
    recorder.hold()

    async def scenario(group: GroupCommit) -> StorageTimeoutError:
        await submitted([group.report([event("first")])])
        await recorder.until_begun()
        one, other = await submitted([group.report([event("a")]), group.report([event("b")])])
        recorder.let()
        await recorder.until_begun()
        await asyncio.to_thread(group.close, 0.1)
        with pytest.raises(StorageTimeoutError) as told:
            await other
        recorder.let_all()
        assert await one == [Recorded(1)]
        return told.value

    assert run(recorder, scenario).started
    assert recorder.calls == [["first"], ["a", "b"]]
