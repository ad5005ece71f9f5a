"""What scopes allow: kinds of events, and assets by whole components."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asset_reporting.scopes import EVERYTHING, KINDS, InvalidScopeError, parse_scopes

TYPES = list(KINDS.values())


@pytest.mark.parametrize(
    ("scope", "asset_key", "allowed"),
    [
        ("check:a/b", ["a", "b"], True),
        ("check:a/b", ["a", "b", "c"], True),
        ("check:a/b", ["a", "bc"], False),
        ("check:a/b", ["a"], False),
        ("check:a/b", ["a/b"], False),
        ("check:a/b", ["a", "B"], False),
        ("check:a/b", ["x", "a", "b"], False),
        ("check:a/b", ["a", "b\u200b"], False),
        ("check:é", ["e\u0301"], False),
        ("check:.", ["..", "a"], False),
        ("check:a.b", ["a", "b"], False),
        ("check:a.b", ["a.b"], True),
        ("check:*", ["a"], True),
        ('check:["a/b"]', ["a/b"], True),
        ('check:["a/b"]', ["a", "b"], False),
        ('check:["*"]', ["*"], True),
        ('check:["*"]', ["a"], False),
        ("check:a:b", ["a:b"], True),
        ("*:a", ["a"], True),
        ("materialization:a", ["a"], False),
        ("operator", ["a"], False),
        ("viewer", ["a"], False),
    ],
)
def test_a_prefix_is_compared_by_whole_components(scope: str, asset_key: list[str], allowed: bool) -> None:  # noqa: FBT001
    assert parse_scopes([scope]).allow("asset_check", asset_key) is allowed


def test_nothing_is_allowed_that_is_not_said() -> None:
    for scopes in ([], ["operator"], ["check:a"]):
        assert not parse_scopes(scopes).allow("asset_materialization", ["a"])
    assert all(EVERYTHING.allow(event_type, ["a"]) for event_type in TYPES)


def test_scopes_add_up() -> None:
    scopes = parse_scopes(["check:a", "materialization:b", "operator"])
    seen = {(kind, key) for kind in TYPES for key in "ab" if scopes.allow(kind, [key])}
    assert seen == {("asset_check", "a"), ("asset_materialization", "b")}
    assert scopes.roles == {"operator"}


def test_every_asset_is_allowed_only_by_a_scope_that_says_so() -> None:
    assert parse_scopes(["*:*"]).allow_every_asset(TYPES)
    assert parse_scopes(["check:*"]).allow_every_asset(["asset_check"])
    assert not parse_scopes(["check:*"]).allow_every_asset(TYPES)
    assert not parse_scopes(["*:a"]).allow_every_asset(["asset_check"])


@pytest.mark.parametrize(
    "scope",
    [
        "", ":", "check", "check:", "checks:a", "Check:a", "check:/a", "check:a/", "check:a//b", "check:/",
        "check:a/*", "check:**", "check:a*", "check:[]", 'check:["a"', 'check:["a", 1]', 'check:[""]', "check:[" * 5000,
        "Operator", "operator:*", " check:a",
    ],
)  # fmt: skip
def test_a_scope_that_says_nothing_known_is_refused_by_its_number(scope: str) -> None:
    with pytest.raises(InvalidScopeError, match=r"^scope 2: "):
        parse_scopes(["check:canary", scope])


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4), st.lists(st.text(min_size=1), min_size=1, max_size=6))
def test_allowed_is_what_lies_below_and_nothing_else(prefix: list[str], asset_key: list[str]) -> None:
    import json

    scopes = parse_scopes([f"check:{json.dumps(prefix)}"])
    assert scopes.allow("asset_check", prefix + asset_key)
    assert scopes.allow("asset_check", asset_key) == (asset_key[: len(prefix)] == prefix)
