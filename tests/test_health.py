from __future__ import annotations

from asset_reporting.health import Health


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_nothing_known_is_not_ready() -> None:
    assert not Health().ready
    assert Health().report() == {"status": "not ready", "conditions": {}}


def test_ready_when_every_condition_holds_and_says_which_does_not() -> None:
    health = Health()
    health.set("storage", ok=True)
    health.set("assignment", ok=False, reason="no partitions yet")

    assert not health.ready
    assert health.report() == {
        "status": "not ready",
        "conditions": {
            "assignment": {"ok": False, "reason": "no partitions yet"},
            "storage": {"ok": True, "reason": ""},
        },
    }

    health.set("assignment", ok=True, reason="no longer of interest")

    assert health.ready
    assert health.report()["status"] == "ready"
    assert health.report()["conditions"]["assignment"] == {"ok": True, "reason": ""}


def test_setting_a_condition_tells_whether_that_is_news() -> None:
    health = Health()

    news = [health.set("storage", ok, "why") for ok in (False, False, True, True, False)]

    assert news == [True, False, True, False, True]


def test_new_reason_for_the_same_failure_is_no_news_but_shown() -> None:
    health = Health()
    health.set("storage", ok=False, reason="first")

    assert not health.set("storage", ok=False, reason="second")
    assert health.report()["conditions"]["storage"]["reason"] == "second"


def test_facts_are_shown_and_are_no_conditions() -> None:
    health = Health()
    health.set("storage", ok=True)
    health.note("recorder", {"name": "public", "guarantee": "at-least-once"})

    assert health.ready
    assert health.report()["recorder"] == {"name": "public", "guarantee": "at-least-once"}


def test_without_a_heartbeat_alive_for_ever() -> None:
    clock = Clock()
    health = Health(clock=clock)
    clock.now += 1_000_000

    assert health.alive
    assert health.liveness() == {"status": "alive"}


def test_stalls_when_the_heartbeat_is_too_old_and_recovers_with_the_next() -> None:
    clock = Clock()
    health = Health(max_beat_age_s=30, clock=clock)
    clock.now += 1000
    assert health.alive  # a database is waited for; the loop has not begun to turn
    health.beat()
    clock.now += 30
    assert health.alive

    clock.now += 0.5
    assert not health.alive
    assert health.liveness() == {"status": "stalled", "heartbeat_age_s": 30.5, "heartbeat_max_age_s": 30}

    health.beat()
    assert health.alive


def test_unready_is_never_dead() -> None:
    health = Health(max_beat_age_s=30)
    health.set("storage", ok=False, reason="down")

    assert health.alive


def test_started_is_what_has_once_been_ready() -> None:
    health = Health()
    health.set("storage", ok=False, reason="waited for")
    assert not health.started
    health.set("storage", ok=True)
    health.set("storage", ok=False, reason="gone again")
    assert health.started
    assert not health.ready
