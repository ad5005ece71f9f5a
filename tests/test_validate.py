"""`asset-bridge validate`: which bytes of a file are taken as events, what is printed, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from run_events import dataset, run_event

from asset_consumer.commands.event_files import split_events
from asset_consumer.commands.validate import validate

GOOD = '{"event_type": "asset_materialization", "asset_key": ["a"]}'
TYPELESS = '{"asset_key": ["a"]}'
BAD = '{"event_type": "asset_check", "asset_key": ["a"], "check_name": "c", "passed": "yes"}'


def run(*arguments: str, stdin: str | bytes = "", **environment: str) -> Result:
    variables = {f"ASSET_BRIDGE_{name}": value for name, value in environment.items()}
    return CliRunner().invoke(validate, arguments, input=stdin, env=variables, standalone_mode=False)


def lines_and_values(content: str) -> list[tuple[int, str]]:
    return [(event.line, event.value.decode()) for event in split_events(content.encode())]


def test_valid_events_are_counted_and_the_exit_code_is_0() -> None:
    result = run(stdin=f"{GOOD}\n\n{GOOD}\r\n")
    assert (result.return_value, result.output) == (0, "2 events: 2 valid, 0 invalid\n")


def test_each_error_is_one_line_with_file_line_code_and_path(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text(f"{GOOD}\n{BAD}\nnot json\n", "utf-8")
    result = run(str(file))
    check, malformed, counts = result.output.splitlines()
    assert result.return_value == 1
    assert check.startswith(f"{file}:2: schema.invalid /passed ")
    assert malformed.startswith(f"{file}:3: json.malformed / ")
    assert counts == "3 events: 1 valid, 2 invalid (schema.invalid 1, json.malformed 1)"


def test_output_as_json_holds_the_counts_and_every_error(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text(f"{GOOD}\n{BAD}\n", "utf-8")
    report = json.loads(run(str(file), "--format", "json").output)
    (problem,) = report.pop("problems")
    (error,) = problem.pop("errors")
    assert report == {"events": 2, "valid": 1, "invalid": 1, "codes": {"schema.invalid": 1}}
    assert problem == {"file": str(file), "line": 2}
    assert (error["path"], error["code"]) == ("/passed", "schema.invalid")


def test_files_and_stdin_are_read_in_the_order_given(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text("first", "utf-8")
    result = run(str(file), "-", stdin="second")
    assert [line.split(":")[0] for line in result.output.splitlines()[:-1]] == [str(file), "<stdin>"]


def test_document_is_one_event_even_over_several_lines() -> None:
    text = json.dumps(json.loads(GOOD), indent=2)
    assert lines_and_values(f"\n{text}\n") == [(2, f"\n{text}\n")]
    assert run(stdin=text).return_value == 0


def test_array_is_cut_into_the_very_bytes_of_its_elements() -> None:
    twice = '{"asset_key": "a", "asset_key": 1.0e2}'
    content = f' [ {twice},\n\t"é[,]" ,\n{{"b": [1, {{}}]}}\n, null]\n'
    expected = [(1, twice), (2, '"é[,]"'), (3, '{"b": [1, {}]}'), (4, "null")]
    assert lines_and_values(content) == expected
    assert lines_and_values("[]") == []


def test_anything_else_is_one_event_per_line() -> None:
    assert lines_and_values(f"{GOOD}\n{GOOD}") == [(1, GOOD), (2, GOOD)]
    assert lines_and_values("\n[1,\n\n2") == [(2, "[1,"), (4, "2")]
    assert lines_and_values("") == []


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[" * 100_000, b"\xef\xbb\xbf{}", b"NaN", b"[1, ]"])
def test_bytes_that_are_no_json_are_one_bad_event(content: bytes) -> None:
    result = run(stdin=content)
    assert result.return_value == 1
    assert "\n1 event: 0 valid, 1 invalid (" in result.output


def test_file_named_json_is_always_one_document(tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text('{\n"asset_key":\n"a",\n}', "utf-8")
    assert run(str(file)).output.splitlines()[-1] == "1 event: 0 valid, 1 invalid (json.malformed 1)"


def test_event_type_option_stands_in_for_events_that_do_not_say_theirs() -> None:
    assert run(stdin=TYPELESS).return_value == 1
    assert run("--event-type", "asset_observation", stdin=TYPELESS).return_value == 0


def test_unknown_fields_and_size_follow_options_or_the_same_variables_as_the_services() -> None:
    extra = '{"event_type": "asset_materialization", "asset_key": ["a"], "colour": 1}'
    assert run(stdin=extra).return_value == 1
    assert run("--unknown-fields", "ignore", stdin=extra).return_value == 0
    assert run(stdin=extra, UNKNOWN_FIELDS="ignore").return_value == 0
    assert run("--max-event-bytes", "10", stdin=GOOD).return_value == 1
    assert run(stdin=GOOD, MAX_EVENT_BYTES="10").return_value == 1


def test_cloud_events_are_judged_as_such_when_told() -> None:
    sent = {"specversion": "1.0", "type": "asset_materialization", "source": "/etl", "id": "1", "subject": "a"}
    assert run(stdin=json.dumps(sent)).return_value == 1
    assert run("--cloudevents", stdin=json.dumps(sent)).return_value == 0


def test_run_events_of_openlineage_are_judged_as_such_when_told() -> None:
    good, bad = run_event(dataset("orders")), run_event({"namespace": "n"})
    result = run("--openlineage", stdin=f"{json.dumps(good)}\n{json.dumps(bad)}\n")
    assert result.return_value == 1
    assert result.output.splitlines()[0].startswith("<stdin>:2: field.missing /outputs/0/name ")
    with pytest.raises(click.UsageError, match="goes with neither"):
        CliRunner().invoke(validate, ["--openlineage", "--cloudevents"], standalone_mode=False, catch_exceptions=False)


def test_no_value_of_an_event_and_no_control_character_is_printed() -> None:
    canary = "canary-4711"
    event = {"event_type": "asset_check", "asset_key": canary, "check_name": "c", "passed": canary, "a\x1b\nb": canary}
    result = run(stdin=json.dumps(event))
    assert result.return_value == 1
    assert canary not in result.output
    assert all(line.isprintable() for line in result.output.splitlines())
    assert len(result.output.splitlines()) == 3
