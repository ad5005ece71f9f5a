"""The tables of `asset-bridge dlq list` and `stats`; nothing is cut that somebody may want to copy."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from asset_consumer.one_line import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asset_consumer.letter_stats import LetterCount
    from asset_consumer.letters import Letter

NONE: Final = "No letter matches.\n"

_WIDE = 1000
"""Columns where there is no terminal: whoever takes the lines on wants them whole."""


def list_text(letters: Sequence[Letter], total: int) -> str:
    """One line per letter: its error is cut where the terminal ends, its place never."""
    if not letters:
        return NONE
    table = Table(box=None, pad_edge=False)
    table.add_column("failed", no_wrap=True, min_width=14)
    table.add_column("letter", no_wrap=True, min_width=max(len(letter.place) for letter in letters))
    for name in ("state", "code", "asset", "error"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for letter in letters:
        at, error = letter.failed_at, letter.errors[0] if letter.errors else None
        failed = "-" if at is None else at.strftime("%m-%d %H:%M:%S")
        why = f"{error.path} {error.message}".strip() if error else "-"
        _add(table, failed, letter.place, letter.state, letter.code, letter.asset or "-", why)
    more = f"{len(letters)} of {total} letters, the newest; --limit or --json shows more.\n"
    return _drawn(table) + (more if total > len(letters) else "")


def counts_text(counts: Sequence[LetterCount], by: Sequence[str]) -> str:
    """One line per kind of letter."""
    if not counts:
        return NONE
    table = Table(*by, "letters", "records", "first", "last", box=None, pad_edge=False)
    for count in counts:
        times = ("-" if at is None else at.strftime("%Y-%m-%d %H:%M:%S") for at in (count.first, count.last))
        _add(table, *count.traits, str(count.letters), str(count.records), *times)
    return _drawn(table)


def _add(table: Table, *cells: str) -> None:
    table.add_row(*(Text(one_line(cell)) for cell in cells))


def _drawn(table: Table) -> str:
    """As text, without spaces at the end of a line."""
    file = io.StringIO()
    width = None if sys.stdout.isatty() else _WIDE
    Console(file=file, width=width).print(table)
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())
