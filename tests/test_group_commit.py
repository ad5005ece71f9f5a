"""Group commit: what arrives while a transaction runs shares the next one, and nobody pays for anybody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from pathlib import Path
from typing import Any, TypeVarTuple

import pytest
from consuming import eventually
from dagster import DagsterInstance
from dagster_reading import runless_events
from held_recorder import LONG_S, HeldRecorder, event, run, submitted
from http_world import http_app
from starlette.testclient import TestClient

from asset_events import AssetEvent, ErrorDetail, MaterializationEvent
from asset_reporting.group_commit import GROUP_EVENTS, GroupCommit
from asset_reporting.handlers import ReportingContext
from asset_reporting.outcomes import Again, Outcome, Recorded, Rejected
from asset_reporting.transactional_recorder import TransactionalRecorder

Ts = TypeVarTuple("Ts")

REFUSED = Rejected((ErrorDetail("", "storage.rejected", "Refused."),))


@pytest.fixture
def recorder() -> Iterator[HeldRecorder]:
    recorder = HeldRecorder()
    yield recorder
    recorder.let_all()


def id_by_key(one: AssetEvent) -> Outcome:
    """An id that tells whose event it is."""
    return Recorded(int(one.asset_key[0]))


def test_posts_that_arrive_while_a_transaction_runs_share_the_next_one(recorder: HeldRecorder) -> None:
    recorder.answer = id_by_key
    recorder.hold()

    async def scenario(group: GroupCommit) -> list[list[Outcome]]:
        first = await submitted([group.report([event("0")])])
        await recorder.until_begun()
        others = await submitted([group.report([event(str(number))]) for number in range(1, 21)])
        recorder.let_all()
        return await asyncio.gather(*first, *others)

    outcomes = run(recorder, scenario)

    assert recorder.calls == [["0"], [str(number) for number in range(1, 21)]]
    assert outcomes == [[Recorded(number)] for number in range(21)]


def test_each_post_gets_its_own_outcomes_in_the_order_of_its_events(recorder: HeldRecorder) -> None:
    recorder.answer = id_by_key
    recorder.hold()

    async def scenario(group: GroupCommit) -> list[list[Outcome]]:
        await submitted([group.report([event("0")])])
        await recorder.until_begun()
        posts = await submitted([group.report([event(key) for key in keys]) for keys in ("123", "4", "56")])
        recorder.let_all()
        return await asyncio.gather(*posts)

    outcomes = run(recorder, scenario)

    assert recorder.calls == [["0"], ["1", "2", "3", "4", "5", "6"]]
    assert outcomes == [[Recorded(1), Recorded(2), Recorded(3)], [Recorded(4)], [Recorded(5), Recorded(6)]]


class TimersNoted(asyncio.SelectorEventLoop):
    """An event loop that notes for how long each timer was set."""

    def __init__(self) -> None:
        super().__init__()
        self.timers: list[float] = []

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self.timers.append(delay)
        return super().call_later(delay, callback, *args, context=context)


def test_idle_writer_takes_a_post_at_once_and_sets_no_timer_but_the_deadline(recorder: HeldRecorder) -> None:
    group = GroupCommit(ReportingContext(recorder), 20.0)

    async def scenario() -> None:
        for key in "abc":
            await group.report([event(key)])

    with asyncio.Runner(loop_factory=TimersNoted) as runner:
        loop = runner.get_loop()
        runner.run(scenario())
        assert isinstance(loop, TimersNoted)
        assert loop.timers == [20.0, 20.0, 20.0]

    assert recorder.calls == [["a"], ["b"], ["c"]]
    assert group.close()


def test_transaction_is_bounded_and_posts_are_never_divided(recorder: HeldRecorder) -> None:
    recorder.hold()
    sizes = (600, 600, 300, GROUP_EVENTS, 1)

    async def scenario(group: GroupCommit) -> list[list[Outcome]]:
        await submitted([group.report([event("first")])])
        await recorder.until_begun()
        posts = await submitted([group.report([event("x")] * size) for size in sizes])
        recorder.let_all()
        return await asyncio.gather(*posts)

    outcomes = run(recorder, scenario)

    assert [len(call) for call in recorder.calls] == [1, 600, 900, GROUP_EVENTS, 1]
    assert [len(one) for one in outcomes] == [*sizes]


def test_refused_event_touches_nobody_else_and_the_rest_goes_again_in_order(recorder: HeldRecorder) -> None:
    recorder.refuse = lambda one: REFUSED if one.asset_key[0].startswith("bad") else None
    recorder.hold()

    async def scenario(group: GroupCommit) -> list[list[Outcome]]:
        await submitted([group.report([event("first")])])
        await recorder.until_begun()
        posts = [["a"], ["bad1"], ["b", "bad2", "c"], ["d"]]
        tasks = await submitted([group.report([event(key) for key in keys]) for keys in posts])
        recorder.let_all()
        return await asyncio.gather(*tasks)

    outcomes = run(recorder, scenario)

    good = Recorded(1)
    assert recorder.calls == [["first"], ["a", "bad1", "b", "bad2", "c", "d"], ["a", "b", "c", "d"]]
    assert outcomes == [[good], [REFUSED], [good, REFUSED, good], [good]]


def test_post_that_makes_the_recorder_raise_fails_alone(recorder: HeldRecorder) -> None:
    def answer(one: AssetEvent) -> Outcome:
        if one.asset_key == ("broken",):
            raise ValueError("a defect")
        return Recorded(1)

    recorder.answer = answer
    recorder.hold()

    async def scenario(group: GroupCommit) -> list[list[Outcome] | BaseException]:
        await submitted([group.report([event("first")])])
        await recorder.until_begun()
        tasks = await submitted([group.report([event(key)]) for key in ("a", "broken", "b")])
        recorder.let_all()
        return await asyncio.gather(*tasks, return_exceptions=True)

    before, broken, after = run(recorder, scenario)

    assert before == after == [Recorded(1)]
    assert isinstance(broken, ValueError)


def test_recorder_that_settles_nothing_is_not_asked_for_ever(recorder: HeldRecorder) -> None:
    recorder.answer = lambda _: Again()

    assert run(recorder, lambda group: group.report([event("a"), event("b")])) == [Again(), Again()]
    assert len(recorder.calls) == 1


def test_reused_key_of_one_post_does_not_fail_the_others_of_its_transaction(tmp_path: Path) -> None:
    """The real recorder: a refused post rolls the shared transaction back, and the others are recorded at once."""

    class Held(TransactionalRecorder):
        def __init__(self, instance: DagsterInstance) -> None:
            super().__init__(instance)
            self.gate = HeldRecorder()

        def record(self, events: Any, progress: Any = ()) -> list[Outcome]:
            self.gate.record(events)
            return super().record(events, progress)

    def keyed(key: str, description: str) -> MaterializationEvent:
        return MaterializationEvent(asset_key=("a",), idempotency_key=key, description=description)

    async def scenario(group: GroupCommit, gate: HeldRecorder) -> list[list[Outcome]]:
        (first,) = await submitted([group.report([keyed("k1", "first")])])
        await gate.until_begun()
        posts: list[list[AssetEvent]] = [
            [keyed("k2", "second")],
            [keyed("k1", "another body")],
            [keyed("k1", "first")],
            [keyed("k2", "second")],
        ]
        tasks = await submitted([group.report(post) for post in posts])
        gate.let_all()
        return await asyncio.gather(first, *tasks)

    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        recorder = Held(instance)
        recorder.gate.hold()
        group = GroupCommit(ReportingContext(recorder), LONG_S)
        first, second, reused, repeated, twin = asyncio.run(scenario(group, recorder.gate))
        assert group.close(10)
        stored = [one.description for one in runless_events(instance)]

    assert stored == ["first", "second"]
    assert isinstance(reused[0], Rejected)
    assert reused[0].errors[0].code == "idempotency_key.reused"
    assert [type(one[0]) for one in (first, second, repeated, twin)] == [Recorded] * 4
    assert [one[0].replayed for one in (first, second, repeated, twin) if isinstance(one[0], Recorded)] == [
        False, False, True, True,
    ]  # fmt: skip
    assert [len(call) for call in recorder.gate.calls] == [1, 4, 3]


def test_requests_over_http_share_a_transaction(recorder: HeldRecorder, tmp_path: Path) -> None:
    recorder.answer = id_by_key
    recorder.hold()
    url = "/report_asset_observation/{}"
    with (
        DagsterInstance.local_temp(str(tmp_path)) as instance,
        http_app(instance, ReportingContext(recorder)) as app,
        TestClient(app) as client,
        ThreadPoolExecutor(20) as clients,
    ):
        first = clients.submit(client.post, url.format(0))
        assert recorder.begun.acquire(timeout=10)
        others = [clients.submit(client.post, url.format(number)) for number in range(1, 11)]
        waiting = app.state.reporting.reporter._waiting
        eventually(lambda: len(waiting) == 10)
        recorder.let_all()
        answers = [post.result() for post in (first, *others)]

    assert [answer.json()["event_id"] for answer in answers] == [str(number) for number in range(11)]
    assert [len(call) for call in recorder.calls] == [1, 10]
