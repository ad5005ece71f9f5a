"""What was measured, as a table on the terminal and as `docs/performance.md` with its picture."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.contenders import Measured
from benchmarks.picture import Bar, draw
from rich.console import Console
from rich.table import Table

STOCK, FLOOR = "stock HTTP, 16 connections", "bare inserts"

HEADINGS = ("", "events/s", "÷ stock", "÷ bare inserts", "p50 ms", "p99 ms", "CPU s per 1000", "peak MB")


@dataclass(frozen=True, slots=True)
class Line:
    """One contender on one database."""

    database: str
    name: str
    measured: Measured


def show(lines: Sequence[Line]) -> None:
    """Print the table."""
    for database in dict.fromkeys(line.database for line in lines):
        table = Table(title=database)
        for heading in HEADINGS:
            table.add_column(heading, justify="right" if heading else "left")
        for row in _rows(lines, database):
            table.add_row(*row)
        Console(width=None if sys.stdout.isatty() else 130).print(table)


def write_page(lines: Sequence[Line], versions: Mapping[str, str], folder: Path) -> None:
    """Replace the measured part of `performance.md`, and draw the pictures."""
    page = folder / "performance.md"
    before, begin, rest = page.read_text().partition("<!-- measured: bench.py writes this part -->\n")
    _, end, after = rest.partition("<!-- end -->\n")
    page.write_text("".join((before, begin, "\n", _measured(lines, versions), "\n", end, after)))
    for database in versions:
        bars = [Bar(line.name, line.measured.rate) for line in lines if line.database == database]
        (folder / f"performance-{database.lower()}.svg").write_text(draw(f"Events per second, {database}", bars))


def _measured(lines: Sequence[Line], versions: Mapping[str, str]) -> str:
    parts = [_machine(versions)]
    for database in versions:
        rows = [HEADINGS, ("---", *["---:"] * (len(HEADINGS) - 1)), *_rows(lines, database)]
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        parts.append(f"### {database}\n\n![Events per second](performance-{database.lower()}.svg)\n\n{table}\n")
    return "\n".join(parts)


def _machine(versions: Mapping[str, str]) -> str:
    packages = ", ".join(
        f"{name} {version(package)}"
        for name, package in (
            ("Dagster", "dagster"),
            ("SQLAlchemy", "sqlalchemy"),
            ("confluent-kafka", "confluent-kafka"),
        )
    )
    databases = ", ".join(f"{name} {number}" for name, number in versions.items())
    machine = f"{os.cpu_count()} cores, shared by everything below, Python {platform.python_version()}"
    return f"{machine}, {databases}, {packages}.\n"


def _rows(lines: Sequence[Line], database: str) -> list[tuple[str, ...]]:
    rates = {line.name: line.measured.rate for line in lines if line.database == database}
    return [_row(line, rates) for line in lines if line.database == database]


def _row(line: Line, rates: Mapping[str, float]) -> tuple[str, ...]:
    one = line.measured
    return (
        line.name,
        f"{one.rate:,.0f}",
        _ratio(one.rate, rates.get(STOCK)),
        _ratio(one.rate, rates.get(FLOOR), digits=2),
        "" if one.p50_ms is None else f"{one.p50_ms:,.1f}",
        "" if one.p99_ms is None else f"{one.p99_ms:,.1f}",
        f"{one.cpu_s / one.events * 1000:.2f}",
        f"{one.peak_mb:,.0f}",
    )


def _ratio(rate: float, other: float | None, digits: int = 1) -> str:
    return "" if other is None else f"{rate / other:,.{digits}f}"
