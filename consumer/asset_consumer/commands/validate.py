"""`asset-bridge validate`: check events in files or on stdin against the contract; record nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import click

from asset_consumer.commands.event_files import RawEvent, split_events
from asset_consumer.one_line import one_line
from asset_events import (
    EVENT_TYPES,
    MAX_EVENT_BYTES,
    ErrorDetail,
    EventType,
    InvalidEventError,
    UnknownFields,
    parse_event,
)

OutputFormat: TypeAlias = Literal["text", "json"]

_HELP = """Check events in FILES (or stdin, `-`) against the contract; nothing is recorded.

    A file that is one JSON document holds one event, or an array of events; any other holds one event per line.
    A file named *.json is always taken as one document.

    Prints `file:line: code /path message` per error, then the counts. Exit code 0: all are valid; 1: some are not.
    """


@dataclass(frozen=True, slots=True)
class _Invalid:
    file: str
    line: int
    errors: Sequence[ErrorDetail]


@click.command(help=_HELP)
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--event-type", type=click.Choice(EVENT_TYPES), help="Type of events that do not say it themselves.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--unknown-fields",
    type=click.Choice(["reject", "ignore"]),
    default="reject",
    show_default=True,
    envvar="ASSET_BRIDGE_UNKNOWN_FIELDS",
    help="What to do with fields that the contract does not know.",
)
@click.option(
    "--max-event-bytes",
    type=click.IntRange(min=1),
    default=MAX_EVENT_BYTES,
    show_default=True,
    envvar="ASSET_BRIDGE_MAX_EVENT_BYTES",
    help="Largest event.",
)
def validate(
    files: Sequence[str],
    event_type: EventType | None,
    output: OutputFormat,
    unknown_fields: UnknownFields,
    max_event_bytes: int,
) -> int:
    """Check every event of every file, print what is wrong, and return the exit code."""
    count = 0
    invalid: list[_Invalid] = []
    for file, event in _events(files):
        count += 1
        try:
            parse_event(event.value, event_type=event_type, unknown_fields=unknown_fields, max_bytes=max_event_bytes)
        except InvalidEventError as error:
            invalid.append(_Invalid(file, event.line, error.errors))
    click.echo(_as_json(count, invalid) if output == "json" else _as_text(count, invalid))
    return 1 if invalid else 0


def _events(files: Sequence[str]) -> Iterator[tuple[str, RawEvent]]:
    for file in files or ["-"]:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        for event in split_events(content, one_document=file.endswith(".json")):
            yield ("<stdin>" if file == "-" else file), event


def _as_text(count: int, invalid: Sequence[_Invalid]) -> str:
    lines = [
        one_line(f"{bad.file}:{bad.line}: {error.code} {error.path or '/'} {error.message}")
        for bad in invalid
        for error in bad.errors
    ]
    events = "event" if count == 1 else "events"
    return "\n".join([*lines, f"{count} {events}: {count - len(invalid)} valid, {len(invalid)} invalid"])


def _as_json(count: int, invalid: Sequence[_Invalid]) -> str:
    found: list[dict[str, Any]] = [
        {"file": bad.file, "line": bad.line, "errors": [error.as_dict() for error in bad.errors]} for bad in invalid
    ]
    summary = {"events": count, "valid": count - len(invalid), "invalid": len(invalid)}
    return json.dumps({**summary, "problems": found})
