"""Nothing that is written anywhere holds a secret: looked for in whatever a test run brings forth.

A plugin of pytest's. Log records are looked at as they are made, whichever logger and handlers they are for; what
processes, brokers and scrapes give is, where the tests fetch it. The test during which a secret of `kept_secrets.py`
shows up fails; so does the run when that was after its last test.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from typing import Final

import pytest
from kept_secrets import look_at, take_shown

_PLAIN: Final = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__)

_handle = logging.Logger.handle
_formatter = logging.Formatter()


def _looked_at(logger: logging.Logger, record: logging.LogRecord) -> None:
    fields = {name: value for name, value in record.__dict__.items() if name not in _PLAIN}
    look_at(f"a log record of {record.name}", f"{record.getMessage()} {fields}")
    if record.exc_info and record.exc_info[0]:
        look_at(f"a traceback in a log record of {record.name}", _formatter.formatException(record.exc_info))
    _handle(logger, record)


def pytest_configure() -> None:
    logging.Logger.handle = _looked_at  # type: ignore[assignment,method-assign] # before any handler, and with the extra fields


def pytest_unconfigure() -> None:
    logging.Logger.handle = _handle  # type: ignore[method-assign] # as it was


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    for name, text in report.sections:
        if "log" not in name and name.endswith(report.when):  # those records were looked at
            look_at(name, text)
    if shown := take_shown():
        report.outcome = "failed"
        report.longrepr = "\n".join(shown)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    if shown := take_shown():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        session.config.get_terminal_writer().line("\n".join(shown))
