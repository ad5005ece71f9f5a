"""Some thousand of the inputs that `attack.py` sends by the million; and that it sees what it is there to see."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from attack import Attack, attack
from attack_bytes import CANARY
from dagster import DagsterInstance

from asset_events import ErrorDetail, InvalidEventError, decode, explain, parse_parts
from asset_reporting import happenings, request_parts

FEW = 150


def findings(instance: DagsterInstance) -> str:
    return "\n".join(what for what, _ in attack(instance, FEW, seed=3).watch.findings)


@pytest.fixture(scope="module")
def done(instance: DagsterInstance) -> Attack:
    return attack(instance, 1500, seed=20)


def test_no_input_does_harm(done: Attack) -> None:
    assert [f"{what}\n{sent}" for what, sent in done.watch.findings] == []


def test_the_inputs_come_far(done: Attack) -> None:
    """Were nearly all refused for the same reason, most of the code would not be reached."""
    assert done.requests + done.records == 1500
    assert done.agreed == done.requests // 5
    assert done.watch.lines > 300
    assert {200, 201, 400, 401, 404, 405, 413} <= done.statuses.keys()
    assert sum(done.statuses[status] for status in (200, 201)) > done.requests / 20
    assert {"accepted", "framed", "schema.invalid", "field.unknown", "asset.forbidden"} <= done.codes.keys()
    assert done.codes["accepted"] > done.records / 20


def test_the_same_seed_is_the_same_attack(instance: DagsterInstance) -> None:
    first, second = (attack(instance, FEW, seed=5) for _ in range(2))
    assert (first.statuses, first.codes) == (second.statuses, second.codes)


def test_a_value_in_an_error_is_found(instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "reason", lambda _: f"must not be {CANARY}5")

    found = findings(instance)

    assert "answered with a value" in found
    assert "dead-lettered with a value" in found
    assert "logged: An event was rejected." in found


def test_a_value_in_a_log_line_is_found(instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    def logged(value: bytes) -> None:
        logging.getLogger("elsewhere").debug("read %s", value)

    monkeypatch.setattr(decode, "check_plain", logged)

    assert "logged: read b'" in findings(instance)


def broken(*_: Any, **__: Any) -> Any:
    raise KeyError("x")


@pytest.mark.parametrize(
    ("where", "name", "seen"),
    [
        (decode, "check_plain", ["answered 500", "failed: KeyError", "logged as an error"]),
        (request_parts, "parse_parts", ["answered 500", "HTTP says internal, Kafka None"]),
        (happenings, "api_key_refused", ["answered 500"]),
    ],
)
def test_what_raises_is_found(
    where: object, name: str, seen: list[str], instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, name, broken)

    found = findings(instance)

    for one in seen:
        assert one in found


def test_a_road_that_judges_otherwise_is_found(instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    def otherwise(*arguments: Any, **keywords: Any) -> Any:
        try:
            return parse_parts(*arguments, **keywords)
        except InvalidEventError:
            raise InvalidEventError([ErrorDetail("", "field.unknown", "Something else")]) from None

    monkeypatch.setattr(request_parts, "parse_parts", otherwise)

    assert "HTTP says field.unknown, Kafka json.malformed" in findings(instance)
