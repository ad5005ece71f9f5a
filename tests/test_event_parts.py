"""Events as the parts of a request: URL path, query and body, and which of them counts."""

from __future__ import annotations

import json

import pytest

from asset_events import (
    AssetEvent,
    CheckEvent,
    InvalidEventError,
    MaterializationEvent,
    ObservationEvent,
    TypedMetadata,
    parse_parts,
)

Query = list[tuple[str, str]]


def materialization(path: str = "", query: Query | None = None, body: object = None) -> AssetEvent:
    raw = b"" if body is None else json.dumps(body).encode()
    return parse_parts("asset_materialization", path=path, query=query or [], body=raw)


def refusal(path: str = "", query: Query | None = None, body: object = None) -> tuple[str, str, str]:
    with pytest.raises(InvalidEventError) as caught:
        materialization(path, query, body)
    assert len(caught.value.errors) == 1, caught.value.errors
    error = caught.value.errors[0]
    return error.path, error.code, error.message


def test_path_alone_is_an_event() -> None:
    assert materialization("foo/bar/baz") == MaterializationEvent(asset_key=("foo", "bar", "baz"))


def test_path_is_no_json_and_any_character_but_the_slash_counts() -> None:
    assert materialization('["x","y"]').asset_key == ('["x","y"]',)
    assert materialization("a b/é.c-d").asset_key == ("a b", "é.c-d")


@pytest.mark.parametrize("path", ["a/", "a//b", "/a", "/"])
def test_empty_component_of_the_path_is_refused(path: str) -> None:
    assert refusal(path)[1:] == ("schema.invalid", "asset_key must not have an empty component")


@pytest.mark.parametrize("path", ["a\0b", "a\ud800", "k" * 509])
def test_key_that_storage_cannot_hold_is_refused_in_the_path_too(path: str) -> None:
    assert refusal(path)[1] == "schema.invalid"


def test_path_wins_over_body_and_body_over_query() -> None:
    query, body = [("asset_key", "from.query")], {"asset_key": ["from", "body"]}
    assert materialization("from/path", query, body).asset_key == ("from", "path")
    assert materialization("", query, body).asset_key == ("from", "body")
    assert materialization("", query).asset_key == ("from", "query")


def test_no_key_anywhere_is_a_missing_field() -> None:
    assert refusal() == ("/asset_key", "field.missing", "Missing required field: asset_key")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("warehouse.customers.daily", ("warehouse", "customers", "daily")),
        ("warehouse/customers.daily", ("warehouse", "customers", "daily")),
        ("one_component", ("one_component",)),
        ('["q", "r/s", "t.u", "é"]', ("q", "r/s", "t.u", "é")),
    ],
)
def test_key_in_the_query_is_dotted_or_a_json_list(text: str, key: tuple[str, ...]) -> None:
    assert materialization(query=[("asset_key", text)]).asset_key == key


@pytest.mark.parametrize("text", ["warehouse/customers-x", "a b", "café", "a:b", "a\ud800", " a", "a\n"])
def test_key_in_the_query_that_dagster_would_mangle_is_refused(text: str) -> None:
    path, code, message = refusal(query=[("asset_key", text)])
    assert (path, code) == ("/asset_key", "schema.invalid")
    assert message.startswith("asset_key must be a JSON list of strings in a query, unless")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "schema.invalid"),
        ("...", "schema.invalid"),
        ("a..b", "schema.invalid"),
        ("[]", "schema.invalid"),
        ("[1,2]", "schema.invalid"),
        ('[""]', "schema.invalid"),
        ("[abc", "json.malformed"),
    ],
)
def test_bad_key_in_the_query_is_refused(text: str, code: str) -> None:
    assert refusal(query=[("asset_key", text)])[1] == code


def test_all_fields_can_come_by_query() -> None:
    common = [("partition", "p"), ("metadata", '{"u": {"raw_value": "http://x", "type": "url"}}'), ("description", "d")]
    tagged = [("data_version", "v"), ("tags", '{"team": "data"}'), ("idempotency_key", "k")]
    event = parse_parts("asset_observation", path="a", query=[*common, *tagged, ("event_time", "1705314600.5")])
    assert event == ObservationEvent(
        asset_key=("a",),
        partition="p",
        metadata={"u": TypedMetadata("url", "http://x")},
        description="d",
        data_version="v",
        tags={"team": "data"},
        idempotency_key="k",
        event_time=1705314600.5,
    )


@pytest.mark.parametrize(("text", "passed"), [("true", True), ("FALSE", False), ("True", True)])
def test_passed_in_the_query_is_true_or_false_in_any_case(text: str, passed: bool) -> None:  # noqa: FBT001 - a parameter
    query = [("passed", text), ("check_name", "c"), ("severity", "warn")]
    expected = CheckEvent(asset_key=("a",), check_name="c", passed=passed, severity="WARN")
    assert parse_parts("asset_check", path="a", query=query) == expected


@pytest.mark.parametrize("text", ["yes", "1", "", "null", '"true"'])
def test_any_other_passed_in_the_query_is_refused_once(text: str) -> None:
    with pytest.raises(InvalidEventError) as caught:
        parse_parts("asset_check", path="a", query=[("passed", text), ("check_name", "c")])
    assert [one.as_dict() for one in caught.value.errors] == [
        {"path": "/passed", "code": "schema.invalid", "message": "passed must be true or false"}
    ]


@pytest.mark.parametrize(
    ("text", "seconds"), [("1705314600", 1705314600.0), ("1.5e9", 1.5e9), ("2024-01-15T10:30:00Z", 1705314600.0)]
)
def test_event_time_in_the_query_is_a_number_or_a_time(text: str, seconds: float) -> None:
    assert materialization("a", [("event_time", text)]).event_time == seconds


@pytest.mark.parametrize("text", ["", "nan", "inf", "1e999", "1_000", "٣", "0", "2024-01-15T10:30:00", "1705314600000"])
def test_other_event_time_in_the_query_is_refused(text: str) -> None:
    assert refusal("a", [("event_time", text)])[:2] == ("/event_time", "schema.invalid")


@pytest.mark.parametrize("name", ["metadata", "tags"])
@pytest.mark.parametrize("text", ["my_metadata", "", "{", '{"a": NaN}', '{"a": "\ud800"}'])
def test_query_value_that_is_no_json_is_told_with_its_name(name: str, text: str) -> None:
    path, code, message = refusal("a", [(name, text)])
    assert (path, code) == (f"/{name}", "json.malformed")
    assert message.startswith(f"Error parsing {name} json: ")
    assert "my_metadata" not in message


def test_metadata_in_the_query_may_be_null_but_no_list() -> None:
    assert materialization("a", [("metadata", "null"), ("tags", "null")]) == MaterializationEvent(asset_key=("a",))
    message = 'Error constructing AssetMaterialization: Param "metadata" is not a JSON object'
    assert refusal("a", [("metadata", "[]")]) == ("/metadata", "schema.invalid", message)


def test_body_and_query_mix_and_the_body_wins() -> None:
    body = {"description": "primary", "metadata": {"x": 1}}
    event = materialization("a", [("description", "fallback"), ("metadata", "no json"), ("partition", "p")], body)
    assert event == MaterializationEvent(asset_key=("a",), description="primary", metadata={"x": 1}, partition="p")


def test_null_in_the_body_hides_the_query() -> None:
    assert (
        materialization("a", [("partition", "p"), ("tags", "{}")], {"partition": None, "tags": None}).partition is None
    )
    assert refusal("", [("asset_key", "q")], {"asset_key": None})[:2] == ("/asset_key", "schema.invalid")


def test_of_a_repeated_query_parameter_the_last_counts() -> None:
    assert materialization("a", [("partition", ""), ("partition", "last")]).partition == "last"


def test_unknown_query_parameter_is_an_unknown_field() -> None:
    assert refusal("a", [("metdata", "{}")]) == (
        "/metdata",
        "field.unknown",
        'Unknown field; did you mean "metadata"?',
    )
    assert refusal("a", [("x\ud800y", "1")])[:2] == ("/xy", "field.unknown")


@pytest.mark.parametrize("field", ["partition", "description", "data_version", "idempotency_key"])
def test_lone_surrogate_from_the_query_is_refused(field: str) -> None:
    path, code, message = refusal("a", [(field, "x\ud800")])
    assert (path, code) == (f"/{field}", "schema.invalid")
    assert message.startswith(f"{field} must be encodable as UTF-8")


def test_event_type_in_the_query_must_agree() -> None:
    assert materialization("a", [("event_type", "asset_materialization")]).asset_key == ("a",)
    assert refusal("a", [("event_type", "asset_check")])[:2] == ("/event_type", "event_type.mismatch")


def test_all_errors_of_path_query_and_body_are_told_together() -> None:
    with pytest.raises(InvalidEventError) as caught:
        parse_parts(
            "asset_check",
            path="a//b",
            query=[("metadata", "{"), ("passed", "maybe"), ("zzz", "")],
            body=b'{"severity": 1}',
        )
    assert [(one.path, one.code) for one in caught.value.errors] == [
        ("/asset_key/1", "schema.invalid"),
        ("/metadata", "json.malformed"),
        ("/check_name", "field.missing"),
        ("/passed", "schema.invalid"),
        ("/severity", "schema.invalid"),
        ("/zzz", "field.unknown"),
    ]


def test_body_of_white_space_is_no_event() -> None:
    with pytest.raises(InvalidEventError) as caught:
        parse_parts("asset_materialization", path="a", body=b" ")
    assert caught.value.code == "json.malformed"
