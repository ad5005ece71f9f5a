"""Split what a file holds into events, each as the very bytes that it has in the file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

_JSON_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class RawEvent:
    """One event's bytes, and the line of the file where it begins (from 1)."""

    line: int
    value: bytes


def split_events(content: bytes, *, one_document: bool = False) -> Iterator[RawEvent]:
    """The events of a file: of one JSON document (an event, or an array of events), else one event per line.

    Args:
        content: The whole file.
        one_document: Whether to take the file as one document even when it is not valid JSON.
    """
    document = _document(content)
    if document is not None:
        yield from document
    elif one_document:
        yield RawEvent(1, content)
    else:
        for number, line in enumerate(content.split(b"\n"), start=1):
            if line.strip():
                yield RawEvent(number, line.strip(b"\r"))


def _document(content: bytes) -> list[RawEvent] | None:
    """The events of one JSON document, or None when it is not one."""
    try:
        text = content.decode("utf-8")
        array = isinstance(json.loads(text), list)
    except (ValueError, RecursionError):
        return None
    return list(_elements(text)) if array else [RawEvent(_line_of(text, _skip_space(text, 0)), content)]


def _elements(text: str) -> Iterator[RawEvent]:
    """Cut a valid array into its elements instead of parsing and writing them anew: duplicate names must survive."""
    decoder = json.JSONDecoder()
    start = _skip_space(text, text.index("[") + 1)
    while text[start] != "]":
        _, end = decoder.raw_decode(text, start)
        yield RawEvent(_line_of(text, start), text[start:end].encode())
        start = _skip_space(text, end)
        start = _skip_space(text, start + 1) if text[start] == "," else start


def _skip_space(text: str, start: int) -> int:
    while start < len(text) and text[start] in _JSON_SPACE:
        start += 1
    return start


def _line_of(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1
