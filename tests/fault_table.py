"""The table of faults in docs/guarantees.md, made from the tests that are marked `fault`.

.venv/bin/python tests/fault_table.py     writes it into the page
"""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "guarantees.md"
BEGIN, END = "<!-- faults: made by tests/fault_table.py -->\n\n", "\n<!-- end of faults -->\n"

PROMISES = re.compile(r"P[1-8]")

PROPER = {"Dagster's", "HTTP", "PostgreSQL", "SIGTERM", "SIGTERM,", "SQLite"}
"""What a fault's name may begin with in capitals."""

KAFKA = {"mock": "in-process", "cluster": "in-process", "kafka": "real", "kafka-consumer-protocol": "real"}
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "postgres": "PostgreSQL"}
"""What a test runs on, by the names of its fixtures and parameters: a test that opens one by itself is not seen."""

ALL_ITEMS = pytest.StashKey[list[pytest.Item]]()
"""Every test there is, also those that this run leaves out; only where all were collected."""


class Collected:
    """A plugin that keeps what is collected."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self.items = list(items)


def collect() -> list[pytest.Item]:
    """Every test of the suite, none of them run."""
    collected = Collected()
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = pytest.main(["--collect-only", "-q", str(ROOT / "tests")], [collected])
    assert code == 0, said.getvalue()
    return collected.items


def needs(item: Any) -> set[str]:
    """What a test asks for: its fixtures, and the parameters of fixtures that are names, as `database`'s are."""
    call = getattr(item, "callspec", None)
    chosen = [value for value in call.params.values() if isinstance(value, str)] if call else []
    return {*getattr(item, "fixturenames", ()), *chosen}


def table(items: Iterable[pytest.Item]) -> str:
    """One row per fault, in the order of their names."""
    marked = [(mark, item) for item in items for mark in item.iter_markers("fault")]
    marked.sort(key=lambda pair: (pair[0].args[0].casefold(), pair[1].nodeid))
    rows = ["| fault | promises | tried on | shown by |", "|---|---|---|---|"]
    for name, pairs in itertools.groupby(marked, key=lambda pair: pair[0].args[0]):
        same = list(pairs)
        rows.append(_row(name, {promise for mark, _ in same for promise in mark.args[1:]}, [item for _, item in same]))
    return "".join(f"{row}\n" for row in rows)


def _row(name: str, promises: set[str], items: Sequence[pytest.Item]) -> str:
    assert promises, f"{name}: which promises does it show?"
    assert all(PROMISES.fullmatch(promise) for promise in promises), f"{name}: {promises}"
    assert name[0].islower() or name.split(maxsplit=1)[0] in PROPER, f"{name}: begins with a small letter"
    tried = sorted({on for item in items if (on := tried_on(needs(item)))}, key=str.casefold)
    cells = [name, ", ".join(sorted(promises)), ", ".join(tried) or "-", ", ".join(_tests(items))]
    return f"| {' | '.join(cells)} |"


def tried_on(needed: set[str]) -> str:
    """The Kafka and the database of one test, `real/SQLite`; empty where it names neither."""
    kinds = [{names[name] for name in needed & {*names}} for names in (KAFKA, DATABASES)]
    assert all(len(kind) < 2 for kind in kinds), f"a test of one fault on two of a kind: {kinds}"
    return "/".join(name for kind in kinds for name in kind)


def _tests(items: Sequence[pytest.Item]) -> list[str]:
    found = {(item.path.relative_to(ROOT), item.nodeid.partition("::")[2].partition("[")[0]) for item in items}
    return [f"[{name.removeprefix('test_').replace('_', ' ')}](../{path})" for path, name in sorted(found)]


def current() -> str:
    """The table that stands in the page."""
    text = PAGE.read_text()
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)]


def main() -> None:
    """Write the table into the page."""
    text = PAGE.read_text()
    head, tail = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    PAGE.write_text(head + table(collect()) + tail)
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}: {current().count(chr(10)) - 2} faults\n")


if __name__ == "__main__":
    main()
