"""What repeats itself does not fill the log, and nothing else is kept from it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from asset_consumer import repeats
from asset_consumer.logs import configure_logging
from asset_consumer.repeats import BURST, WINDOW_S, Repeats

LOG = logging.getLogger("asset_bridge.test_repeats")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock()


@pytest.fixture
def shown(clock: Clock) -> Iterator[list[logging.LogRecord]]:
    """The records that a handler with the filter lets through."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[assignment,method-assign] # a handler's one job
    handler.addFilter(Repeats(clock=clock))
    LOG.addHandler(handler)
    LOG.setLevel(logging.DEBUG)
    yield records
    LOG.removeHandler(handler)


def held(partition: int = 0, reason: str = "dlq.unavailable") -> None:
    extra = {"topic": "events", "kafka_partition": partition, "reason": reason}
    LOG.warning("Kafka partition %s is held.", partition, extra=extra)


def test_so_many_lines_of_a_kind_are_shown_and_then_how_many_were_not(
    shown: list[logging.LogRecord], clock: Clock
) -> None:
    for _ in range(BURST + 7):
        held()
    assert len(shown) == BURST

    clock.now += WINDOW_S
    held()
    assert [record.__dict__.get("suppressed") for record in shown] == [None] * BURST + [7]
    held()
    assert "suppressed" not in shown[-1].__dict__


def test_another_partition_or_reason_is_another_kind(shown: list[logging.LogRecord]) -> None:
    for _ in range(BURST):
        held()
    held(partition=1)
    held(reason="registry")
    assert len(shown) == BURST + 2


def test_lines_that_report_no_trouble_are_all_shown(shown: list[logging.LogRecord]) -> None:
    for _ in range(3 * BURST):
        LOG.info("A partition goes on.")
    assert len(shown) == 3 * BURST


def test_another_error_of_the_client_is_another_kind(shown: list[logging.LogRecord]) -> None:
    for error in ["_TRANSPORT"] * (BURST + 1) + ["GROUP_AUTHORIZATION_FAILED"]:
        LOG.warning("An offset commit failed: %s.", error, extra={"error": error})
    assert [record.__dict__["error"] for record in shown[BURST:]] == ["GROUP_AUTHORIZATION_FAILED"]


@pytest.mark.parametrize("form", ["%s", "%s [%s] %s"])
def test_libraries_whose_lines_are_all_of_one_form_say_different_things(
    shown: list[logging.LogRecord], form: str
) -> None:
    fields = form.count("%s")
    for _ in range(BURST + 1):
        LOG.warning(form, *["FAIL"] * fields)
    LOG.warning(form, *["MAXPOLL"] * fields)
    assert len(shown) == BURST + 1


def test_what_ends_the_process_is_always_told(shown: list[logging.LogRecord]) -> None:
    for _ in range(2 * BURST):
        LOG.critical("The client can do nothing more.")
    assert len(shown) == 2 * BURST


def test_kinds_without_end_cost_no_memory_without_end(
    monkeypatch: pytest.MonkeyPatch, shown: list[logging.LogRecord]
) -> None:
    monkeypatch.setattr(repeats, "MOST_KINDS", 20)
    for number in range(200):
        held(number)
    (known,) = (one for handler in LOG.handlers for one in handler.filters if isinstance(one, Repeats))
    assert len(shown) == 200
    assert len(known._windows) <= 21


def test_every_process_of_ours_leaves_repeats_out() -> None:
    root, ours = logging.root.handlers, logging.getLogger("asset_bridge").level
    lines = io.StringIO()
    try:
        configure_logging("json", "INFO", lines)
        for _ in range(BURST + 5):
            held()
    finally:
        logging.root.handlers = root
        logging.getLogger("asset_bridge").setLevel(ours)
        logging.captureWarnings(capture=False)
    told: list[dict[str, Any]] = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [(line["topic"], line["kafka_partition"]) for line in told] == [("events", 0)] * BURST
