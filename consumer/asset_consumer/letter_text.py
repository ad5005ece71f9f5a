"""One dead letter for human eyes: why it failed, and the record with its value as JSON, as text or as a hex dump."""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING

from asset_consumer.exact_json import read_exactly
from asset_consumer.letter_json import iso
from asset_consumer.letters import text_of, time_of
from asset_consumer.one_line import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asset_consumer.letters import Letter

MAX_SHOWN_BYTES = 16 * 1024
_ROW = 16


def letter_lines(letter: Letter) -> Iterator[str]:
    """Yield the lines; what comes from outside cannot move a cursor or break a line."""
    yield f"letter    {letter.place}  {letter.state}{_fate(letter)}"
    yield f"failed    {one_line(letter.record.identity)}  at {iso(letter.failed_at) or '?'}"
    if letter.id != letter.record.identity or letter.replays:
        yield f"first     {one_line(letter.id)}  replays {letter.replays}"
    attempts = f"{letter.facts['attempts']} attempts" if letter.facts["attempts"] != "1" else "1 attempt"
    where = " ".join(letter.facts[name] for name in ("group", "app") if name in letter.facts)
    yield one_line(f"by        {where}  stage {letter.stage or '?'}, {attempts}")
    for error in letter.errors:
        yield one_line(f"error     {error.code} {error.path or '/'}  {error.message}")
    if not letter.errors:
        yield one_line(f"error     {letter.code}  (the letter had to be made too small to say more)")
    yield f"asset     {one_line(letter.asset or '-')}"
    record = letter.record
    yield f"time      {iso(time_of(record.timestamp_ms or 0)) or '?'}  {record.timestamp_type}"
    yield f"key       {_short(record.key)}"
    for name, value in record.headers:
        yield f"header    {one_line(name)}: {_short(value)}"
    yield from _value(record.value)


def _fate(letter: Letter) -> str:
    fate = letter.fate
    if fate is None:
        return ""
    return one_line(f" by {fate.by}{', patched' if fate.patched else ''}")


def _short(content: bytes | None) -> str:
    if content is None:
        return "null"
    return one_line(text_of(content)) if content else "empty"


def _value(value: bytes | None) -> Iterator[str]:
    if not value:
        yield f"value     {'null' if value is None else 'empty'}"
        return
    yield f"value     {len(value)} bytes"
    shown = value[:MAX_SHOWN_BYTES]
    try:
        text = json.dumps(read_exactly(value), indent=2, ensure_ascii=False)
        lines = [one_line(line) for line in text.split("\n")]
        whole = True
    except (ValueError, RecursionError):
        lines = list(_dump(shown))
        whole = len(shown) == len(value)
    yield from lines
    if not whole:
        yield f"(the first {MAX_SHOWN_BYTES} bytes; --json gives all)"


def _dump(content: bytes) -> Iterator[str]:
    """Text as text; anything else as hexadecimal numbers with what can be read beside them."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(content)  # its last character may have been cut
    except UnicodeDecodeError:
        text = ""
    if text and all(char.isprintable() or char in "\n\t\r" for char in text):
        yield from map(one_line, text.split("\n"))
        return
    for begin in range(0, len(content), _ROW):
        row = content[begin : begin + _ROW]
        readable = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)  # noqa: PLR2004 # printable ASCII
        yield f"{begin:08x}  {row.hex(' '):<{3 * _ROW}} {readable}"
