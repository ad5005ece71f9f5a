"""docs/guarantees.md says under which faults the promises were tried: what the tests themselves say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fault_table import ALL_ITEMS, ROOT, current, table, tried_on


@dataclass
class Marked:
    """As much of a collected test as the table looks at."""

    fault: pytest.Mark
    fixturenames: tuple[str, ...]
    nodeid: str = "test_here.py::test_something"
    path: Path = field(default=ROOT / "tests" / "test_here.py")

    def iter_markers(self, name: str) -> Iterable[pytest.Mark]:
        return [self.fault] if name == self.fault.name else []


def row(name: str, *needed: tuple[str, ...]) -> list[str]:
    """The cells of a fault that was tried by tests with these fixtures."""
    marked = pytest.mark.fault(name, "P1").mark
    last = table(Marked(marked, names) for names in needed).splitlines()[-1]  # type: ignore[misc] # see Marked
    return [cell.strip() for cell in last.split("|")[1:-1]]


def test_the_table_of_faults_is_what_the_tests_say(request: pytest.FixtureRequest) -> None:
    items = request.config.stash.get(ALL_ITEMS, None)
    if items is None:  # only some of the tests were asked for
        pytest.skip("needs the whole suite collected")
    assert current() == table(items), "run: .venv/bin/python tests/fault_table.py"


def test_no_fault_is_tried_where_the_table_does_not_look() -> None:
    files = [*(ROOT / "tests" / "deploy").rglob("test_*.py")]
    assert files
    assert not [path.name for path in files if "mark.fault" in path.read_text("utf-8")]


def test_a_row_tells_the_pairs_that_were_tried_and_no_others() -> None:
    tried = row("a fault", ("cluster", "sqlite"), ("cluster", "postgresql", "postgres"), ("kafka", "sqlite"))[2]
    assert tried == "in-process/PostgreSQL, in-process/SQLite, real/SQLite"


def test_a_row_of_tests_without_broker_or_database_names_none() -> None:
    assert row("a fault", ("tmp_path",))[2] == "-"
    assert row("a fault", ("tmp_path",), ("broker", "mock"), ("postgres",))[2] == "in-process, PostgreSQL"


def test_two_brokers_in_one_test_are_refused() -> None:
    with pytest.raises(AssertionError, match="two of a kind"):
        tried_on({"cluster", "kafka"})


@pytest.mark.parametrize("name", ["A fault", "The storage is down"])
def test_a_name_with_a_capital_is_refused(name: str) -> None:
    with pytest.raises(AssertionError, match="small letter"):
        row(name, ("cluster",))
