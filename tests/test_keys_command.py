"""`asset-bridge keys`: keys for a file, which serve takes."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from known_keys import entry_of, key_of, keys_file

from asset_consumer.commands.keys import keys
from asset_reporting.api_key_file import read_keys
from asset_reporting.api_keys import ApiKeys, Caller

RUNNER = CliRunner()


def caller(file: Path, key: str) -> Caller:
    found = ApiKeys.from_file(file).identify(key)
    assert isinstance(found, Caller)
    return found


def test_a_key_and_its_line_are_printed_and_go_together(tmp_path: Path) -> None:
    made = RUNNER.invoke(keys, ["create", "Orders Team", "--scope", "check:a/b", "--scope", "viewer"])
    key, line = made.stdout.splitlines()
    (tmp_path / "keys").write_text(f"{line}\n")

    found = caller(tmp_path / "keys", key)

    assert (made.exit_code, found.name) == (0, "Orders Team")
    assert found.key_id.startswith("orders-team-")
    assert found.scopes.allow("asset_check", ["a", "b"])
    assert key.rpartition("_")[2] not in line
    assert "not shown again" in made.stderr


def test_a_file_is_appended_to_and_the_key_alone_is_printed(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    first = RUNNER.invoke(keys, ["create", "a", "--scope", "*:*", "--file", str(file)]).stdout
    file.write_text(file.read_text().rstrip("\n"))  # as an editor may leave it
    second = RUNNER.invoke(keys, ["create", "a", "--scope", "*:*", "--file", str(file), "--expires", "90d"]).stdout

    assert [caller(file, key.strip()).name for key in (first, second)] == ["a", "a"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert first.strip() not in file.read_text()


def test_a_scope_of_unusual_letters_leaves_the_file_usable(tmp_path: Path) -> None:
    """Line breaks of Unicode are none of the file's."""
    scope = "materialization:a\u2028b/c\u0085d"
    assert RUNNER.invoke(keys, ["create", "odd", "--scope", scope, "--file", str(tmp_path / "keys")]).exit_code == 0
    assert [entry.scopes for entry in read_keys(tmp_path / "keys")] == [(scope,)]


def test_scripts_get_one_document() -> None:
    made = json.loads(RUNNER.invoke(keys, ["create", "a", "--scope", "*:*", "--id", "a-1", "--json"]).stdout)
    assert made["key"].startswith("ab_a-1_")
    assert made["entry"]["scopes"] == ["*:*"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a"], "Missing option '--scope'"),
        (["a", "--scope", "checks:*"], "scope 1: is KIND:PREFIX"),
        (["a\n", "--scope", "*:*"], "name: String should match pattern"),
        (["a", "--scope", "*:*", "--id", "A_1"], "id: String should match pattern"),
        (["a", "--scope", "*:*", "--expires", "2027-01-31"], "is neither like 90d"),
        (["a", "--scope", "*:*", "--expires", "soon"], "is neither like 90d"),
        (["a", "--scope", "*:*", "--file", "/nowhere/keys"], "/nowhere/keys: No such file or directory"),
    ],
)
def test_what_is_no_key_is_refused_in_a_line(arguments: list[str], told: str) -> None:
    refused = RUNNER.invoke(keys, ["create", *arguments])
    assert refused.exit_code == 2
    assert told in refused.stderr
    assert refused.stdout == ""


def test_a_file_that_cannot_be_used_or_has_the_id_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    for content, told in (("rubbish\n", "line 1"), (f"{entry_of('a-1').line()}\n", "the id a-1")):
        file.write_text(content)
        refused = RUNNER.invoke(keys, ["create", "a", "--scope", "*:*", "--id", "a-1", "--file", str(file)])
        assert (refused.exit_code, file.read_text(), refused.stdout) == (2, content, "")
        assert told in refused.stderr


def test_keys_of_a_file_are_listed_without_their_digests(tmp_path: Path) -> None:
    entries = [
        entry_of("now", ["check:a", "operator"], name="Ada"),
        entry_of("over", expires="2020-01-01T00:00:00Z"),
        entry_of("later", [], not_before="2999-01-01T00:00:00Z"),
    ]
    file = keys_file(tmp_path / "keys", *entries)
    shown = RUNNER.invoke(keys, ["list", "--file", str(file)]).stdout
    listed = json.loads(RUNNER.invoke(keys, ["list", "--file", str(file), "--json"]).stdout)

    assert [line.split()[0] for line in shown.splitlines()] == ["id", "now", "over", "later"]
    assert "check:a, operator" in shown
    assert [one["state"] for one in listed] == ["valid", "expired", "not yet valid"]
    assert not any(entry.sha256 in shown + json.dumps(listed) for entry in entries)


def test_a_broken_file_is_told_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"{key_of('canary')}\n")
    refused = RUNNER.invoke(keys, ["list", "--file", str(tmp_path / "keys")])
    assert refused.exit_code == 1
    assert "line 1: is not one JSON object" in refused.stderr
    assert key_of("canary") not in refused.output
