"""Log lines: one per happening, from whichever library, with nothing in them that an event's sender wrote unescaped."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
import re
import sqlite3
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from sqlalchemy.exc import IntegrityError
from starlette.testclient import TestClient

from asset_consumer.logs import LogFormat, configure_logging

FORMATS: list[LogFormat] = ["json", "text"]
CANARY = "canary-4711"
QUOTED = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""")
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
@pytest.mark.parametrize(
    "evil", ["a\nb", "a\rb", "a\x1b[2Jb", "a\x00b", "a\u2028b", "a\u202eb", "a\udc80b", "a\x85b", "\x7f"]
)
def test_nobody_can_write_a_second_line_or_move_the_cursor(
    stream: io.StringIO, log_format: LogFormat, evil: str
) -> None:
    configure_logging(log_format, "INFO", stream)
    log().info("event %s", evil, extra={"topic": evil, "nested": {"list": [evil]}, evil: "x"})
    line = stream.getvalue()
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    assert line.encode("utf-8")


def test_value_cannot_pass_for_another_field(stream: io.StringIO) -> None:
    configure_logging("text", "INFO", stream)
    log().info(
        "said", extra={"where": "/a code=internal", "key": ["x' code=internal \" code=internal"], "by": "code=x"}
    )
    log().info("said", extra={" code=internal b": "x", "stack": "last", "exception": "last"})
    lines = [QUOTED.sub("...", line) for line in stream.getvalue().splitlines()]
    assert [line.partition("] ")[2] for line in lines] == [
        "said [asset_bridge.consume] where=... key=... by=...",
        "said [asset_bridge.consume] _code_internal_b=x stack_=last exception_=last",
    ]


def hostile_requests(client: TestClient) -> int:
    """Send what a hostile sender would like to see in the log, in every place where it may be repeated; how many."""
    evil = "\r\n2026-01-01T00:00:00Z [critical ] all lost code=internal \x1b[2J\u202e"
    path = "/report_asset_observation/" + quote(evil.replace("\n", "\x85"), safe="")  # \n: 404, and no line
    body = {"event_type": "asset_observation", "asset_key": ["a", evil]}
    answers = [
        client.post(path, json={}),
        client.post(path, json={evil: 1}),
        client.post(path, content=b"{" + evil.encode()),
        client.post("/report_asset_observation/b", params={evil: evil, "partition": evil}),
        client.post("/report_asset_observation/b", json={"metadata": {evil: {"type": evil, "raw_value": 1}}}),
        client.post(
            "/report_asset_observation/b", json={}, headers={"X-API-Key": "a\x1b[2J", "Idempotency-Key": "\x1b"}
        ),
        client.post(
            "/report_asset_events", json=[body, {**body, "event_type": evil}, {**body, "idempotency_key": evil}]
        ),
    ]
    assert {answer.status_code for answer in answers} == {200, 400}
    return len(answers)


@pytest.mark.parametrize("log_format", FORMATS)
def test_nobody_who_posts_can_write_a_line_of_the_log(
    stream: io.StringIO, log_format: LogFormat, client: TestClient
) -> None:
    configure_logging(log_format, "DEBUG", stream)
    asked = hostile_requests(client)
    lines = stream.getvalue().removesuffix("\n").split("\n")
    assert len(lines) >= asked
    assert all(line.isprintable() for line in lines)
    assert all(line.startswith('{"timestamp": "20' if log_format == "json" else "20") for line in lines)
    assert not [line for line in lines if re.search(r"\[critical |code=internal", QUOTED.sub("", line))]


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


async def fail_unseen() -> None:
    """A callback and a task of which nobody asks what became: asyncio tells the log."""

    def fail(said: str) -> None:
        raise ValueError(said)

    asyncio.get_running_loop().call_soon(fail, f"{CANARY}\n2026")
    task = asyncio.create_task(asyncio.to_thread(fail, CANARY))
    await asyncio.wait([task])
    del task
    gc.collect()


@pytest.mark.parametrize("log_format", FORMATS)
def test_what_asyncio_tells_of_a_failure_quotes_no_value(stream: io.StringIO, log_format: LogFormat) -> None:
    configure_logging(log_format, "INFO", stream)
    asyncio.run(fail_unseen())
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert "Exception in callback" in lines[0]
    assert "Task exception was never retrieved" in lines[1]
    assert all("ValueError" in line and "test_logs.py:" in line and CANARY not in line for line in lines)


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
