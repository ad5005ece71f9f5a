"""docs/errors.md says of every code what the code says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from asset_events import ERROR_CODES, InvalidEventError, parse_event

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "errors.md").read_text("utf-8")
ROW = re.compile(r"^\| `([a-z_.]+)` \| (\d+) \| (\S+) \| (.*?) \| (.*?) \|$", re.MULTILINE)


def test_table_holds_every_code_as_it_is_in_the_order_of_the_code() -> None:
    documented = [row[:4] for row in ROW.findall(PAGE)]
    assert documented == [
        (entry.code, str(entry.http_status), entry.stage or "–", entry.meaning) for entry in ERROR_CODES.values()
    ]


def test_every_code_says_what_to_do() -> None:
    assert all(row[4].endswith((".", "`.")) for row in ROW.findall(PAGE))
    # No line of the table is passed over by the pattern above: heading and rule come on top.
    assert len(re.findall(r"^\|", PAGE, re.MULTILINE)) == len(ERROR_CODES) + 2


def test_example_answer_is_what_a_sender_gets() -> None:
    example = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    answer = json.loads(example.group(1))
    with pytest.raises(InvalidEventError) as caught:
        parse_event(b'{"asset_key": "a", "passed": true, "metdata": {}}', event_type="asset_check")
    assert answer["errors"] == [detail.as_dict() for detail in caught.value.errors]
    assert (answer["error"], answer["code"]) == (caught.value.errors[0].message, caught.value.code)


def test_the_runbook_has_every_code_with_where_to_look_and_what_to_do() -> None:
    runbook = (DOCS / "operate.md").read_text("utf-8").partition("\n## Error codes\n")[2]
    parts = re.findall(r"^### `([a-z_.]+)`\n\n\* Look here first: (.+)\n\* Do this: (.+)$", runbook, re.MULTILINE)
    assert [code for code, *_ in parts] == list(ERROR_CODES)
    assert all(text.endswith(".") and len(text) > 30 for _, *texts in parts for text in texts)
    assert runbook.count("### ") == len(parts)
