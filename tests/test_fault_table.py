"""docs/guarantees.md says under which faults the promises were tried: what the tests themselves say."""

from __future__ import annotations

import pytest
from fault_table import ALL_ITEMS, current, table


def test_the_table_of_faults_is_what_the_tests_say(request: pytest.FixtureRequest) -> None:
    items = request.config.stash.get(ALL_ITEMS, None)
    if items is None:  # only some of the tests were asked for
        pytest.skip("needs the whole suite collected")
    assert current() == table(items), "run: .venv/bin/python tests/fault_table.py"
