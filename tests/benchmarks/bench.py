"""Measure asset-bridge beside what it stands in for, in one run on this machine, and write `docs/performance.md`.

    .venv/bin/python tests/benchmarks/bench.py [--quick]

Takes some ten minutes, or two with --quick. Real processes, real sockets, real flushes to disk.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))  # before the imports of what is there

from benchmarks.contenders import BRIDGE, STOCK, Measured, bridge_drain, floor, http, plain_consumer  # noqa: E402
from benchmarks.homes import Database, Home, postgresql, sqlite  # noqa: E402
from benchmarks.page import Line, show, write_page  # noqa: E402

Run = Callable[[Home], Measured]


def contenders(scale: int) -> list[tuple[str, Run]]:
    """What to measure, by name; `scale` multiplies the events of each."""
    return [
        ("stock HTTP, 1 connection", lambda home: http(home, STOCK, 1, 100 * scale)),
        ("stock HTTP, 16 connections", lambda home: http(home, STOCK, 16, 150 * scale)),
        ("stock HTTP, 64 connections", lambda home: http(home, STOCK, 64, 150 * scale)),
        ("plain Kafka consumer", lambda home: plain_consumer(home, 150 * scale)),
        ("asset-bridge HTTP, 1 connection", lambda home: http(home, BRIDGE, 1, 200 * scale)),
        ("asset-bridge HTTP, 16 connections", lambda home: http(home, BRIDGE, 16, 1_000 * scale)),
        ("asset-bridge HTTP, 64 connections", lambda home: http(home, BRIDGE, 64, 2_000 * scale)),
        ("asset-bridge Kafka", lambda home: bridge_drain(home, 10_000 * scale)),
        ("bare inserts", lambda home: floor(home, 10_000 * scale)),
    ]


def measure(database: Database, scale: int, only: str) -> list[Line]:
    """Measure all on one database, each on an empty instance of its own."""
    lines: list[Line] = []
    for name, run in contenders(scale):
        if only in name:
            lines.append(Line(database.name, name, run(database.new_home())))
            sys.stderr.write(f"{database.name}, {name}: {lines[-1].measured.rate:,.0f} events/s\n")
    return lines


def main() -> None:
    """Measure, show, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the events")
    parser.add_argument("--only", default="", help="only contenders whose name holds this text; writes no page")
    parser.add_argument("--database", choices=["postgresql", "sqlite"], help="only this one; writes no page")
    arguments = parser.parse_args()
    lines: list[Line] = []
    versions: dict[str, str] = {}
    for make in (postgresql, sqlite):
        if arguments.database in (None, make.__name__):
            with make() as database:
                versions[database.name] = database.version
                lines += measure(database, 1 if arguments.quick else 10, arguments.only)
    show(lines)
    if not arguments.only and arguments.database is None:
        write_page(lines, versions, ROOT / "docs")


if __name__ == "__main__":
    main()
