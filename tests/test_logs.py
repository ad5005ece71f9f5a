"""Log lines: one per happening, from whichever library, with nothing in them that an event's sender wrote unescaped."""

from __future__ import annotations

import io
import json
import logging
import sqlite3
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from asset_consumer.logs import LogFormat, configure_logging

FORMATS: list[LogFormat] = ["json", "text"]
CANARY = "canary-4711"
LOGGERS = ["", "asset_bridge", "dagster", "uvicorn", "uvicorn.error", "uvicorn.access", "py.warnings"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where a test's log lines go; afterwards logging is as it was."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in loggers]
    yield io.StringIO()
    logging.captureWarnings(capture=False)
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def log() -> logging.Logger:
    return logging.getLogger("asset_bridge.consume")


def raise_integrity_error() -> None:
    """What SQLAlchemy raises when a database refuses a row: its message quotes statement, row and driver's words."""
    try:
        raise sqlite3.IntegrityError(f"UNIQUE constraint failed: {CANARY}")
    except sqlite3.IntegrityError as error:
        raise IntegrityError(f"INSERT {CANARY}", {"body": CANARY}, error) from error


def test_json_line_has_time_level_logger_event_and_the_fields(stream: io.StringIO) -> None:
    configure_logging("json", "INFO", stream)
    log().info("batch recorded", extra={"topic": "t", "records": 3, "parts": [0, 1]})
    line = json.loads(stream.getvalue())
    written = datetime.fromisoformat(line.pop("timestamp"))
    assert written.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - written) < timedelta(minutes=1)
    assert line == {
        "level": "info",
        "logger": "asset_bridge.consume",
        "event": "batch recorded",
        "topic": "t",
        "records": 3,
        "parts": [0, 1],
    }


def test_text_line_has_level_event_and_the_fields(stream: io.StringIO) -> None:
    configure_logging("text", "INFO", stream)
    log().warning("partition %s held", 3, extra={"reason": "storage down", "topic": "t"})
    line = stream.getvalue()
    assert all(part in line for part in ("warning", "partition 3 held", "reason='storage down'", "topic=t"))
    assert "\x1b" not in line


@pytest.mark.parametrize("log_format", FORMATS)
@pytest.mark.parametrize("evil", ["a\nb", "a\rb", "a\x1b[2Jb", "a\x00b", "a\u2028b", "a\u202eb", "a\udc80b", "a\x85b"])
def test_nobody_can_write_a_second_line_or_move_the_cursor(
    stream: io.StringIO, log_format: LogFormat, evil: str
) -> None:
    configure_logging(log_format, "INFO", stream)
    log().info("event %s", evil, extra={"topic": evil, "nested": {"list": [evil]}, evil: "x"})
    line = stream.getvalue()
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    assert line.encode("utf-8")


@pytest.mark.parametrize("log_format", FORMATS)
def test_exception_is_named_and_placed_but_its_message_is_not_logged(
    stream: io.StringIO, log_format: LogFormat
) -> None:
    configure_logging(log_format, "DEBUG", stream)
    try:
        raise_integrity_error()
    except IntegrityError:
        log().exception("batch not recorded", extra={"records": 3}, stack_info=True)
    line = stream.getvalue()
    assert line.count("\n") == 1
    assert CANARY not in line
    assert "sqlalchemy.exc.IntegrityError from sqlite3.IntegrityError" in line
    assert "test_logs.py:" in line
    assert "raise_integrity_error" in line


@pytest.mark.parametrize("log_format", FORMATS)
def test_exception_of_another_library_is_logged_without_its_message_too(
    stream: io.StringIO, log_format: LogFormat
) -> None:
    configure_logging(log_format, "INFO", stream)
    try:
        raise_integrity_error()
    except IntegrityError:
        logging.getLogger("sqlalchemy.pool").exception("connection lost")
    assert CANARY not in stream.getvalue()
    assert "connection lost" in stream.getvalue()


def test_only_our_own_lines_follow_the_level_below_warning(stream: io.StringIO) -> None:
    configure_logging("json", "DEBUG", stream)
    for name in ("asset_bridge.x", "dagster", "dagster.daemon", "uvicorn.access", "uvicorn.error", "sqlalchemy"):
        logging.getLogger(name).info("info")
        logging.getLogger(name).warning("warning")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["logger"], line["level"]) for line in lines] == [
        ("asset_bridge.x", "info"),
        ("asset_bridge.x", "warning"),
        ("dagster", "warning"),
        ("dagster.daemon", "warning"),
        ("uvicorn.access", "warning"),
        ("uvicorn.error", "warning"),
        ("sqlalchemy", "warning"),
    ]


def test_level_error_silences_warnings_of_everybody(stream: io.StringIO) -> None:
    configure_logging("json", "ERROR", stream)
    for name in ("asset_bridge", "dagster", "uvicorn.error"):
        logging.getLogger(name).warning("warning")
    assert stream.getvalue() == ""


def test_handlers_that_a_library_brought_print_nothing_twice(stream: io.StringIO) -> None:
    own = io.StringIO()
    logging.getLogger("uvicorn").addHandler(logging.StreamHandler(own))
    configure_logging("json", "INFO", stream)
    logging.getLogger("uvicorn.error").error("cannot bind")
    assert own.getvalue() == ""
    assert len(stream.getvalue().splitlines()) == 1


def test_configuring_twice_still_logs_each_line_once(stream: io.StringIO) -> None:
    configure_logging("json", "INFO", stream)
    configure_logging("json", "INFO", stream)
    log().info("once")
    assert len(stream.getvalue().splitlines()) == 1


def test_python_warning_is_one_line_too(stream: io.StringIO) -> None:
    configure_logging("json", "INFO", stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)  # pytest swaps the hook under us: take it again
        logging.captureWarnings(capture=True)
        warnings.warn("old\nthing", stacklevel=1)
    assert json.loads(stream.getvalue())["logger"] == "py.warnings"


@pytest.mark.parametrize(
    ("log_format", "stream_class", "begins_with"),
    [(None, io.StringIO, "{"), (None, Terminal, "\x1b[2m20"), ("json", Terminal, "{"), ("text", io.StringIO, "20")],
)
def test_text_on_a_terminal_in_colour_and_json_elsewhere_unless_told(
    stream: io.StringIO, log_format: LogFormat | None, stream_class: type[io.StringIO], begins_with: str
) -> None:
    lines = stream_class()
    configure_logging(log_format, "INFO", lines)
    log().info("hello")
    assert lines.getvalue().startswith(begins_with)


def test_value_that_is_no_json_is_logged_as_text(stream: io.StringIO) -> None:
    configure_logging("json", "INFO", stream)
    log().info("odd", extra={"key": b"\xff", "places": {1}})
    assert json.loads(stream.getvalue())["key"] == "b'\\xff'"
