"""Log lines: one per happening on stderr, JSON or text, from whatever library; exceptions without their messages.

Our code logs with `logging.getLogger("asset_bridge")` and its children; fields go in `extra={...}`. An exception's own
message never reaches the log: a database error quotes the row that it refused.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import PurePath
from typing import Literal, TextIO, TypeAlias

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from asset_consumer.one_line import one_line
from asset_consumer.repeats import Repeats

LogFormat: TypeAlias = Literal["text", "json"]
"""JSON for machines, text for people."""

_GUESTS = ("dagster", "uvicorn", "uvicorn.error", "uvicorn.access")
_MAX_FRAMES = 20
_ON_LINES_OF_THEIR_OWN = ("exception", "stack")


def configure_logging(log_format: LogFormat | None, level: str, stream: TextIO | None = None) -> None:
    """Send every log line of this process to one handler.

    Args:
        log_format: `text`, `json`, or None for text on a terminal and JSON elsewhere.
        level: Least level of our own lines; other libraries' lines are shown from WARNING on.
        stream: Where the lines go; stderr when not given.
    """
    lines = sys.stderr if stream is None else stream
    terminal = lines.isatty()
    handler = logging.StreamHandler(lines)
    handler.addFilter(Repeats())
    handler.setFormatter(_formatter(log_format or ("text" if terminal else "json"), colors=terminal))
    logging.root.handlers = [handler]
    logging.root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
    logging.getLogger("asset_bridge").setLevel(level)
    for name in _GUESTS:  # they bring handlers and levels of their own, which would print their lines twice
        guest = logging.getLogger(name)
        guest.handlers, guest.propagate = [], True
        guest.setLevel(logging.NOTSET)
    logging.captureWarnings(capture=True)


def _formatter(log_format: LogFormat, *, colors: bool) -> logging.Formatter:
    renderer: Processor = structlog.processors.JSONRenderer(default=str)
    if log_format == "text":
        renderer = structlog.dev.ConsoleRenderer(colors=colors, sort_keys=False, pad_event_to=0)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder()],
        processors=[
            _describe_exception,
            _shorten_asyncio,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _head_first if log_format == "json" else _printable,
            renderer,
        ],
    )


def _describe_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event.pop("stack_info", None)
    _, error, _ = event.pop("exc_info", None) or (None, None, None)
    if isinstance(error, BaseException):
        event["error"] = " from ".join(f"{type(one).__module__}.{type(one).__qualname__}" for one in _chain(error))
        event["at"] = _frames(error)
    return event


def _shorten_asyncio(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """What asyncio says of a task or callback that failed quotes its arguments, and the exception's message below."""
    if event["_record"].name == "asyncio":
        event["event"] = str(event["event"]).partition("\n")[0].partition("(")[0]
    return event


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _frames(error: BaseException) -> str:
    """Where it was raised, the innermost call first."""
    frames = traceback.extract_tb(error.__traceback__)[-_MAX_FRAMES:]
    return " < ".join(f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))


def _head_first(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    head = {name: event[name] for name in ("timestamp", "level", "logger", "event")}
    return {**head, **event}


def _printable(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape what could break the line or pass for another field; JSON does that by itself."""
    return {_field(name): one_line(_text(value)) for name, value in event.items()}


def _field(name: str) -> str:
    """A field's name without spaces and signs; `stack` and `exception` would be given a line of their own."""
    safe = re.sub(r"[^\w.:/@-]", "_", name)
    return f"{safe}_" if safe in _ON_LINES_OF_THEIR_OWN else safe


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
