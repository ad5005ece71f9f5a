"""Requests that stock Dagster answers with 500 or stores as garbage, each with the answer it gets here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY = "CANARYVALUE"
"""Stands in the values of many of them; it must come up in no answer and no log."""

MAT, CHECK, OBS = "/report_asset_materialization", "/report_asset_check", "/report_asset_observation"
JSON = {"Content-Type": "application/json"}
PASSED = {"check_name": "c", "passed": True}

SCHEMA, MALFORMED = "schema.invalid", "json.malformed"
CONTENT_TYPE, ENCODING = "content_type.unsupported", "encoding.unsupported"


class BadRequest(NamedTuple):
    """What is posted, and the code and path of the first error."""

    name: str
    url: str
    request: dict[str, Any]
    code: str
    where: str


def raw(content: str | bytes, headers: dict[str, str] = JSON) -> dict[str, Any]:
    return {"content": content, "headers": headers}


def typed(content_type: str, content: str | bytes = "{}") -> dict[str, Any]:
    return raw(content, {"Content-Type": content_type})


def body(**fields: Any) -> dict[str, Any]:
    # Written here, so that what a client library refuses to write (lone surrogates, NaN) is sent as well.
    return raw(json.dumps(fields))


def query(**fields: str) -> dict[str, Any]:
    return {"params": fields}


def mat(name: str, request: dict[str, Any], code: str, where: str = "") -> BadRequest:
    return BadRequest(name, f"{MAT}/a", request, code, where)


def check(name: str, request: dict[str, Any], code: str, where: str) -> BadRequest:
    return BadRequest(name, f"{CHECK}/a", request, code, where)


def all_bad_requests() -> list[BadRequest]:
    groups = (_headers(), _bodies(), _numbers(), _keys_in_paths(), _keys_in_queries(), _keys_in_bodies())
    return [case for group in (*groups, _surrogates(), _metadata(), _texts(), _checks()) for case in group]


def _headers() -> Iterator[BadRequest]:
    yield mat("text/plain", typed("text/plain", f'{{"x":"{CANARY}"}}'), CONTENT_TYPE)
    yield mat("form", {"data": {"description": CANARY}}, CONTENT_TYPE)
    yield mat("multipart", {"files": {"f": CANARY.encode()}}, CONTENT_TYPE)
    yield mat("no such type", typed(f";;{CANARY}"), CONTENT_TYPE)
    yield mat("another json", typed("application/json-lines"), CONTENT_TYPE)
    yield mat("latin-1", typed("application/json; charset=latin-1"), ENCODING)
    yield mat("odd charset", typed("application/json; charset=%00"), ENCODING)
    yield mat("gzip declared", raw("{}", {**JSON, "Content-Encoding": "gzip"}), ENCODING)
    yield mat("gzip undeclared", raw(b"\x1f\x8b\x08\x00" + CANARY.encode()), ENCODING)
    yield BadRequest("query not utf-8", f"{MAT}/a?description=%FF{CANARY}", {}, ENCODING, "")
    yield BadRequest("query surrogate", f"{MAT}/a?description=%ED%A0%80{CANARY}", {}, ENCODING, "")


def _bodies() -> Iterator[BadRequest]:
    yield mat("utf-16", raw("{}".encode("utf-16")), ENCODING)
    yield mat("cut off", raw(f'{{"description": "{CANARY}"'), MALFORMED)
    yield mat("not json", raw(CANARY), MALFORMED)
    yield mat("blank", raw("  \n"), MALFORMED)
    yield mat("two documents", raw("{}{}"), MALFORMED)
    yield mat("invalid utf-8", raw(b'{"description": "\xff' + CANARY.encode() + b'"}'), MALFORMED)
    for text in ("null", "5", "true", "[]", '["metadata"]', f'"{CANARY}"', '"asset_key metadata"'):
        yield mat(f"no object {text[:12]}", raw(text), MALFORMED)
    yield mat("20 MB", raw(b'{"description": "' + b"x" * 20_000_000 + b'"}'), "event.too_large")
    yield mat("unknown field", body(timestamp=CANARY), "field.unknown", "/timestamp")
    yield mat("unknown field in the query", query(timestamp=CANARY), "field.unknown", "/timestamp")
    yield BadRequest("field of another type", f"{OBS}/a", body(passed=True), "field.unknown", "/passed")
    yield mat("another type", body(event_type="asset_check"), "event_type.mismatch", "/event_type")


def _numbers() -> Iterator[BadRequest]:
    for word in ("NaN", "Infinity", "-Infinity"):
        yield mat(f"{word} on top", raw('{"metadata": {"x": %s}}' % word), MALFORMED)  # noqa: UP031 # braces
        yield mat(f"{word} nested", raw('{"metadata": {"x": [%s]}}' % word), MALFORMED)  # noqa: UP031 # braces
    yield mat("infinite exponent", raw('{"metadata": {"x": 1e999}}'), SCHEMA, "/metadata/x")
    yield mat("4301 digits", raw('{"metadata": {"x": ' + "9" * 4301 + "}}"), MALFORMED)
    yield mat("4000 digits", raw('{"metadata": {"x": ' + "9" * 4000 + "}}"), SCHEMA, "/metadata/x")
    yield mat("1000 levels", raw('{"metadata": {"x": ' + "[" * 1000 + "]" * 1000 + "}}"), MALFORMED)
    deepest_named = "/metadata/x" + "/0" * 8
    yield mat("100 levels", raw('{"metadata": {"x": ' + "[" * 100 + "]" * 100 + "}}"), SCHEMA, deepest_named)


def _keys_in_paths() -> Iterator[BadRequest]:
    for path, where in (("a/", 1), ("a//b", 1), ("/a", 0), ("/", 0), ("a%00b", 0)):
        yield BadRequest(f"path {path}", f"{MAT}/{path}", {}, SCHEMA, f"/asset_key/{where}")
    yield BadRequest("path ends in a line break", f"{MAT}/a%0A", {}, SCHEMA, "/asset_key")
    yield BadRequest("path too long", f"{MAT}/{'x' * 600}", {}, SCHEMA, "/asset_key")
    yield BadRequest("path not utf-8", f"{MAT}/a%FF", {}, ENCODING, "/asset_key")
    yield BadRequest("no key", MAT, {}, "field.missing", "/asset_key")


def _keys_in_queries() -> Iterator[BadRequest]:
    for key, where in (
        ("café", ""),
        ("a-b", ""),
        ("...", "/0"),
        ("a..b", "/1"),
        ("", "/0"),
        ("[]", ""),
        ("[1,2]", "/0"),
    ):
        yield BadRequest(f"query key {key}", MAT, query(asset_key=key), SCHEMA, f"/asset_key{where}")
    yield BadRequest("query key no list", MAT, query(asset_key=f"[{CANARY}"), MALFORMED, "/asset_key")


def _keys_in_bodies() -> Iterator[BadRequest]:
    whole: tuple[Any, ...] = ([], 1, None, {}, ["é" * 90])
    for key in whole:
        yield BadRequest(f"body key {str(key)[:9]}", MAT, body(asset_key=key), SCHEMA, "/asset_key")
    parts: tuple[Any, ...] = ("", [""], [1], [["a"]], ["b\0"])
    for key in parts:
        yield BadRequest(f"body key {key!r}", MAT, body(asset_key=key), SCHEMA, "/asset_key/0")


def _surrogates() -> Iterator[BadRequest]:
    for name in ("partition", "description", "data_version"):
        yield mat(f"surrogate in {name}", body(**{name: "\ud800"}), MALFORMED)
    yield mat("surrogate in metadata", body(metadata={"x": [{"\ud800": 1}]}), MALFORMED)
    yield BadRequest("surrogate in asset_key", MAT, body(asset_key=["\ud800"]), MALFORMED, "")
    yield check("surrogate in check_name", body(passed=True, check_name="\udfff"), MALFORMED, "")


def _metadata() -> Iterator[BadRequest]:
    shapes: tuple[Any, ...] = (CANARY, 5, True, [], ["x"])
    for value in shapes:
        for url, others in ((MAT, {}), (CHECK, PASSED), (OBS, {})):
            request = body(**others, metadata=value)
            yield BadRequest(f"metadata {value!r} to {url}", f"{url}/a", request, SCHEMA, "/metadata")
    yield mat("query metadata list", query(metadata="[]"), SCHEMA, "/metadata")
    yield mat("query metadata text", query(metadata=CANARY), MALFORMED, "/metadata")
    yield mat("large metadata", body(metadata={"x": "y" * 300_000}), SCHEMA, "/metadata")
    yield mat("many entries", body(metadata={str(n): n for n in range(101)}), SCHEMA, "/metadata")
    reserved = "/metadata/dagster~1last_updated_timestamp"
    yield mat("no timestamp", body(metadata={"dagster/last_updated_timestamp": CANARY}), SCHEMA, reserved)


def _texts() -> Iterator[BadRequest]:
    values: dict[str, tuple[Any, ...]] = {
        "partition": ("", 5, {"date": CANARY}, [CANARY], "p" * 600, "a\0b"),
        "description": (5, {}, "d" * 17_000),
        "data_version": (5, True, [CANARY], {"v": CANARY}, "", "v" * 1100, "a\0b"),
    }
    for name, refused in values.items():
        for value in refused:
            yield mat(f"{name} {str(value)[:9]!r}", body(**{name: value}), SCHEMA, f"/{name}")


def _checks() -> Iterator[BadRequest]:
    yield check("passed missing", body(check_name="c"), "field.missing", "/passed")
    yield check("check_name missing", body(passed=True), "field.missing", "/check_name")
    passed: tuple[Any, ...] = ("true", 1, 0, None, [])
    for value in passed:
        yield check(f"passed {value!r}", body(check_name="c", passed=value), SCHEMA, "/passed")
    for text in ("yes", "1", "null", ""):
        yield check(f"query passed {text!r}", query(check_name="c", passed=text), SCHEMA, "/passed")
    names: tuple[Any, ...] = ("", 5, None, "n" * 300, "a\0b")
    for value in names:
        yield check(f"check_name {str(value)[:9]!r}", body(passed=True, check_name=value), SCHEMA, "/check_name")
    severities: tuple[Any, ...] = (CANARY, "", 5, [])
    for value in severities:
        yield check(f"severity {value!r}", body(**PASSED, severity=value), SCHEMA, "/severity")
