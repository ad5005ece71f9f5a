"""What the console makes of what it reads: payloads, edits, links, rates and the verdict over the flow."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from asset_consumer.commits import LEDGER_MARK
from asset_consumer.console.consumers import Condition, Consumer, stopped_partitions
from asset_consumer.console.edits import difference, editable, edited
from asset_consumer.console.events import RecordedEvent, dagster_link
from asset_consumer.console.flow import Known, put_together
from asset_consumer.console.group_look import GroupLook
from asset_consumer.console.pace import Pace
from asset_consumer.console.payload import MAX_LINES, payload
from asset_consumer.console.render import visible
from asset_consumer.offsets import PartitionOffsets
from asset_events import ErrorDetail


def marked(value: bytes | None, *paths: str, message: str = "wrong") -> list[str]:
    shown = payload(value, [ErrorDetail(path, "schema.invalid", message) for path in paths])
    return [line.text for line in shown.lines if line.errors]


EVENT = {"metadata": {"rows": "x", "a/b": [1, {"c": 2}]}, "passed": 1, "data": {}}


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/passed", '"passed": 1,'),
        ("/metadata/rows", '"rows": "x",'),
        ("/metadata/a~1b/1/c", '"c": 2'),
        ("/metadata", '"metadata": {'),
        ("/check_name", "{"),  # what is missing, is missing there
        ("/metadata/gone", '"metadata": {'),
        ("", "{"),
    ],
)
def test_the_failing_field_is_marked(path: str, line: str) -> None:
    assert marked(json.dumps(EVENT).encode(), path) == [line]


def test_the_event_of_a_cloud_event_is_in_its_data() -> None:
    value = json.dumps({"specversion": "1.0", "source": 5, "data": EVENT | {"tags": {}}}).encode()
    assert marked(value, "/passed") == ['"passed": 1,']
    assert marked(value, "/check_name") == ['"data": {']
    assert marked(value, "/source") == ['"source": 5,']


def test_a_json_error_is_marked_in_its_line() -> None:
    value = b'{"a": 1,\n "b": }'
    assert marked(value, "", message="The event is not valid JSON: Expecting value (line 2, column 7)") == [' "b": }']


def test_json_is_shown_as_it_was_written() -> None:
    value = b'{"n": 1.10, "n": 12345678901234567890, "e": 1e5, "u": "\\u202e\\ud800"}'
    assert [line.text for line in payload(value).lines[1:-1]] == [
        '"n": 1.10,', '"n": 12345678901234567890,', '"e": 1e5,', '"u": "\u202e\ud800"',
    ]  # fmt: skip
    assert visible('"u": "\u202e\ud800"') == r'"u": "\u202e\ud800"'


@pytest.mark.parametrize(
    ("value", "form"),
    [(None, "null"), (b"", "empty"), (b"5", "text"), (b"plain", "text"), (b"\xff\x00", "hex"), (b"a\x00b", "hex"),
     (b"[" * 5000 + b"]" * 5000, "text"), (b"\xef\xbb\xbf{}", "json")],
)  # fmt: skip
def test_every_value_has_a_readable_form(value: bytes | None, form: str) -> None:
    assert payload(value, [ErrorDetail("/x", "c", "line 9, column 1")]).form == form


def test_of_a_long_value_the_beginning_is_shown_and_what_is_marked() -> None:
    value = json.dumps({f"name{number}": number for number in range(5000)}).encode()
    shown = payload(value, [ErrorDetail("/name4000", "c", "wrong")])

    assert MAX_LINES < len(shown.lines) < MAX_LINES + 20
    assert [line.text for line in shown.lines if line.errors] == ['"name4000": 4000,']
    assert sum(line.left_out for line in shown.lines) + shown.left_out + len(shown.lines) == 5002


def new_value(text: str, value: bytes | None) -> bytes:
    found = edited(text, value)
    assert found is not None
    return found.value


def test_an_edit_changes_what_was_edited_and_nothing_else() -> None:
    value = b'{"a":1.10,"b":[1e5,"\xc3\xa9\\u200d"],"c":{}}'
    text = editable(value)
    assert text is not None
    assert edited(text.replace("\n", "\r\n"), value) is None
    changed = new_value(text.replace("1.10", "2"), value)
    assert changed == '{"a":2,"b":[1e5,"é\u200d"],"c":{}}'.encode()
    assert [(line.kind, line.text.strip()) for line in difference(value, changed) if line.kind in {"gone", "new"}] == [
        ("gone", '"a": 1.10,'), ("new", '"a": 2,'),
    ]  # fmt: skip
    assert new_value("no JSON", value) == b"no JSON"
    assert editable(b"\xff") is None


@pytest.mark.parametrize(
    ("text", "value"),
    [('{ "a":1 }', b'{"a":  1}'), ('{"e": "\u00e9"}', b'{"e":"\\u00e9"}'), ("", None), ("a\nb\n", b"a\r\nb\r")],
)
def test_an_edit_that_says_the_same_leaves_every_byte(text: str, value: bytes | None) -> None:
    assert edited(text, value) is None
    assert difference(value, value) == []


def test_a_number_that_becomes_a_text_is_an_edit() -> None:
    assert new_value('{"a": "1"}', b'{"a": 1}') == b'{"a":"1"}'


def test_half_a_surrogate_pair_can_be_edited_and_stays_escaped() -> None:
    text = editable(b'{"a\\udfff":"\\ud800","b":1}')
    assert text is not None
    assert '"a\\udfff": "\\ud800"' in text.encode().decode()
    assert new_value(text.replace("1", "2"), b"{}") == b'{"a\\udfff":"\\ud800","b":2}'


def test_deep_values_do_not_grow_beyond_bounds_by_being_put_in_lines() -> None:
    deep = b"[" * 99 + b",".join([b"1"] * 5000) + b"]" * 99
    assert editable(deep) == deep.decode()
    assert edited(deep.decode(), deep) is None


def test_a_long_difference_is_told_in_time_and_bounds() -> None:
    before = json.dumps([number * number % 120 for number in range(6000)]).encode()
    changed = before.replace(b"[0,", b"[7,", 1)
    assert [line.sign + line.text.strip() for line in difference(before, changed) if line.kind in {"gone", "new"}] == [
        "-0,", "+7,",
    ]  # fmt: skip
    other = difference(before, before.replace(b"1", b"3"))
    assert (len(other), {line.kind for line in other}) == (402, {"gone", "new", "gap"})


def recorded(**fields: Any) -> RecordedEvent:
    at = datetime.fromtimestamp(1705314600.25, UTC)
    return RecordedEvent(1, at, **{"kind": "materialization", "asset_key": ("a b", "c/d"), "partition": None} | fields)


def test_links_have_the_form_of_dagsters_own() -> None:
    assert dagster_link("http://ui", recorded()) == "http://ui/assets/a%20b/c%2Fd?view=events&asOf=1705314600250"
    assert dagster_link("http://ui", recorded(kind="check", check_name="x&y")) == (
        "http://ui/assets/a%20b/c%2Fd?view=checks&checkDetail=x%26y"
    )
    assert dagster_link(None, recorded()) is None
    assert dagster_link("http://ui", recorded(asset_key=("\ud800",))) is not None  # of an event that is not ours


def test_the_rate_is_the_way_between_two_looks() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    assert pace.rates() is None
    for second in range(0, 31, 2):
        now[0] = float(second)
        pace.note({("t", 0): 5 * second, ("t", 1): 7})
    assert pace.rates() == {("t", 0): 5.0, ("t", 1): 0.0}
    assert [round(rate) for rate in pace.curve() if rate is not None][-1] == 5
    now[0] = 32.0
    pace.note({("t", 0): 0, ("t", 1): 7})  # a reset
    assert pace.rates() == {("t", 0): 0.0, ("t", 1): 0.0}


def test_a_letter_or_a_consumer_that_names_a_number_beyond_all_numbers_breaks_no_page() -> None:
    endless = "9" * 5000
    assert marked(b"x", "", message=f"line {endless}, column 1") == []
    consumer = Consumer("c", "", conditions=(Condition("partitions", ok=False, reason=f"t/{endless}: why"),))
    assert stopped_partitions([consumer]) == {}


def test_reasons_of_held_partitions_are_read_out_of_readiness() -> None:
    reason = "a.b/0: dlq.too_large; a.b/1: said: this; and that"
    consumer = Consumer("c", "", conditions=(Condition("partitions", ok=False, reason=reason),))
    assert stopped_partitions([consumer]) == {("a.b", 0): "dlq.too_large", ("a.b", 1): "said: this; and that"}


READY = Consumer("c", "", ready=True)
PAUSED = Consumer("c", "", ready=True, paused={"t": "why"})
HELD = Consumer("c", "", conditions=(Condition("partitions", ok=False, reason="t/0: dlq.too_large"),))


def flow(lag: int = 0, rate: float = 0.0, age_s: float = 60.0, **known: Any) -> Any:
    offsets = PartitionOffsets("t", 0, None, 5, LEDGER_MARK, 0, 100 + lag)
    facts: dict[str, Any] = {
        "group": GroupLook("cluster", (offsets,), {"t": "t#id"}, {}),
        "ledger": {("t#id", 0): 100},
        "consumers": [READY],
        "oldest": {("t", 0): datetime.now(UTC).timestamp() - age_s},
        "rates": {("t", 0): rate},
        "pauses": {},
        "kafka_trouble": "",
        "storage_trouble": "",
    }
    return put_together(Known(**facts | known))


@pytest.mark.parametrize(
    ("known", "state", "verdict"),
    [
        ({}, "caught up", "Everything flows"),
        ({"lag": 9, "rate": 5.0}, "flowing", "Everything flows"),
        ({"lag": 900, "rate": 5.0}, "flowing", "Catching up"),
        ({"lag": 9, "age_s": 2.0}, "flowing", "Everything flows"),
        ({"lag": 9}, "waiting", "1 partition waits"),
        ({"lag": 9, "consumers": [HELD]}, "held", "1 of 1 partition is held"),
        ({"lag": 9, "pauses": {"t": "why"}}, "paused", "1 of 1 partition is paused by an operator"),
        ({"lag": 9, "pauses": None, "consumers": [PAUSED]}, "paused", "1 of 1 partition is paused by an operator"),
        ({"consumers": [Consumer("c", "", "nobody listens there")]}, "caught up", "No consumer can be reached"),
        ({"consumers": [Consumer("c", "")]}, "caught up", "1 consumer is not ready"),
        ({"kafka_trouble": "Kafka: _TRANSPORT"}, "caught up", "Kafka does not answer"),
        ({"storage_trouble": "OperationalError"}, "caught up", "Dagster’s database does not answer"),
    ],
)  # fmt: skip
def test_the_verdict_names_what_matters_most(known: dict[str, Any], state: str, verdict: str) -> None:
    found = flow(**known)
    assert [row.state for row in found.rows] == [state]
    assert found.verdict.text == verdict


def test_lag_and_age_are_the_ledgers_word() -> None:
    found = flow(lag=9)
    assert (found.lag, found.rows[0].stands) == (9, 100)
    assert 59 < found.age_s < 70
    told = Consumer("c", "", ready=True, ages={("t", 0): 3.0})
    assert flow(lag=9, consumers=[told]).age_s == 3.0
