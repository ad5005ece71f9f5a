"""The events of `asset-bridge report`: one from the command line's words, or those of a file."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
from pydantic_core import from_json

from asset_client import EventRefusedError
from asset_client.fields import make_event
from asset_consumer.commands.event_files import split_events
from asset_events import AssetEvent, EventType, InvalidEventError, parse_event

KINDS: Final[Mapping[str, EventType]] = {
    "materialization": "asset_materialization",
    "check": "asset_check",
    "observation": "asset_observation",
}
"""The first word, and the event type it stands for."""


@dataclass(frozen=True, slots=True)
class Said:
    """An event, or why it is none, and where a file says so."""

    event: AssetEvent | EventRefusedError
    file: str | None = None
    line: int = 0


def one_event(kind: str, asset_key: str, options: Mapping[str, Any]) -> Said:
    """The event that the arguments describe; options that were not given are None or empty."""
    given = {name: value for name, value in options.items() if value not in (None, ())}
    pairs = {
        "metadata": {name: _json_or_text(text) for name, text in _pairs("--metadata", given.pop("metadata", ()))},
        "tags": dict(_pairs("--tag", given.pop("tag", ()))),
    }
    fields = {"asset_key": _asset_key(asset_key), **given, **{name: said for name, said in pairs.items() if said}}
    try:
        return Said(make_event(KINDS[kind], fields))
    except EventRefusedError as error:
        return Said(error)


def events_of_file(file: str) -> list[Said]:
    """The events of a file, or of stdin for `-`, in their order."""
    content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    name = "<stdin>" if file == "-" else file
    found: list[Said] = []
    for raw in split_events(content, one_document=file.endswith(".json")):
        try:
            found.append(Said(parse_event(raw.value, max_bytes=sys.maxsize), name, raw.line))
        except InvalidEventError as error:
            found.append(Said(EventRefusedError(error.errors), name, raw.line))
    return found


def _pairs(option: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    for text in texts:
        if "=" not in text:
            raise click.UsageError(f"{option} takes NAME=VALUE.")
    return [(name, value) for name, _, value in (text.partition("=") for text in texts)]


def _asset_key(text: str) -> object:
    return _json_or_text(text) if text.startswith("[") else text.split("/")


def _json_or_text(text: str) -> object:
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        return text
