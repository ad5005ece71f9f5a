"""Keys by name from a file: found by their id, held as digests, read anew when the file changes, and never shown."""

from __future__ import annotations

import hmac
import json
import logging
import os
import statistics
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from known_keys import entry_of, key_of, keys_file, known_keys

from asset_reporting.api_key_file import ApiKey, InvalidApiKeysError, new_key, read_keys
from asset_reporting.api_keys import ApiKeys, Caller
from asset_reporting.scopes import Scopes

if TYPE_CHECKING:
    from collections.abc import Callable

NOON, HOUR_S = 1_800_000_000.0, 3600.0
CALLER = Caller("a", "a", Scopes(), entry_of("a").sha256)


def who(keys: ApiKeys, key_id: str) -> str:
    """The name behind the key of this id, or why it is refused."""
    found = keys.identify(key_of(key_id))
    return f"name {found.name}" if isinstance(found, Caller) else found


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of two keys, which is looked at whenever a key is."""
    monkeypatch.setattr("asset_reporting.api_keys.LOOK_EVERY_S", 0.0)
    return keys_file(tmp_path / "keys", entry_of("a", name="orders"), entry_of("b", name="orders"))


def test_several_keys_of_one_client_count_at_a_time(file: Path) -> None:
    keys = ApiKeys.from_file(file)
    assert [who(keys, key_id) for key_id in "abc"] == ["name orders", "name orders", "unknown"]


def test_a_name_that_is_not_given_is_the_id() -> None:
    assert who(known_keys("nightly-loads"), "nightly-loads") == "name nightly-loads"


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ("", "malformed"),
        ("ab_a_", "malformed"),
        (key_of("a")[:-1], "malformed"),
        (key_of("a") + "A", "malformed"),
        (f" {key_of('a')}", "malformed"),
        (f"{key_of('a')}\n", "malformed"),
        (key_of("a").replace("ab_", "AB_"), "malformed"),
        (key_of("a").replace("_a_", "_ä_"), "malformed"),
        ("ab_a_" + "\ud800" * 43, "malformed"),
        ("a" * 100_000, "malformed"),
        (key_of("c"), "unknown"),
        (key_of("b").replace("_b_", "_a_"), "wrong"),
        (key_of("a").swapcase().replace("AB_A_", "ab_a_"), "wrong"),
    ],
)
def test_anything_but_the_key_is_refused(sent: str, why: str) -> None:
    assert known_keys("a", "b").identify(sent) == why


def test_a_key_counts_from_its_beginning_to_its_end() -> None:
    now = [NOON]
    times = {"not_before": "2027-01-15T08:00:00Z", "expires": "2027-01-15T12:00:00+02:00"}  # 08:00 to 10:00
    keys = ApiKeys([entry_of("a", **times)], lambda: now[0])

    seen = []
    for moment in (NOON - 1, NOON, NOON + 2 * HOUR_S - 1, NOON + 2 * HOUR_S):
        now[0] = moment
        seen.append((who(keys, "a"), keys.still(CALLER) is not None))
    assert seen == [("not_yet_valid", False), ("name a", True), ("name a", True), ("expired", False)]


def test_the_same_is_computed_whatever_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """One digest and one comparison of equal lengths, for a good key, a wrong one, an unknown id, and rubbish."""
    compared: list[tuple[int, int]] = []
    real: Callable[[str, str], bool] = hmac.compare_digest

    def counting(a: str, b: str) -> bool:
        compared.append((len(a), len(b)))
        return real(a, b)

    monkeypatch.setattr("asset_reporting.api_keys.hmac.compare_digest", counting)
    keys = known_keys("a", *(f"other-{number}" for number in range(50)))
    for sent in (key_of("a"), key_of("a")[:-1] + "x", key_of("nobody"), "rubbish"):
        keys.identify(sent)

    assert compared == [(64, 64)] * 4


def test_time_does_not_tell_a_wrong_key_from_an_unknown_one() -> None:
    """A loose bound on purpose: a look-up that stopped early, or hashed slowly for known ids, would be far outside."""
    keys = known_keys(*(f"key-{number}" for number in range(200)))
    unknown, near = key_of("nobody"), key_of("key-7")[:-1] + "-"
    wrong = key_of("key-8").replace("key-8", "key-7")
    spans: dict[str, list[int]] = {unknown: [], wrong: [], near: []}
    for _ in range(400):
        for sent, taken in spans.items():  # by turns, so that what else the machine does meets all alike
            began = time.perf_counter_ns()
            for _ in range(5):
                keys.identify(sent)
            taken.append(time.perf_counter_ns() - began)

    medians = [statistics.median(taken) for taken in spans.values()]
    assert max(medians) < 1.5 * min(medians)


def test_keys_are_held_as_digests_only(file: Path) -> None:
    held = repr(vars(ApiKeys.from_file(file)))
    assert key_of("a").rpartition("_")[2] not in held
    assert entry_of("a").sha256 in held  # so that the assertion above looks at the right thing


def test_comments_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"\ufeff# the night team\n\n  {entry_of('a').line()}  \r\n  #{entry_of('b').line()}\n", "utf-8")
    assert [key.id for key in read_keys(file)] == ["a"]


LINE = json.loads(entry_of("a").line())


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (key_of("canary"), "is not one JSON object"),
        ("[]", "the entry: Input should be an object"),
        (json.dumps({**LINE, "secret": "canary"}), "has a field that is none of id, name, sha256, scopes"),
        (json.dumps({**LINE, "canary": 1}), "has a field that is none of"),
        (json.dumps({**LINE, "id": "Canary"}), "id: String should match pattern"),
        (json.dumps({**LINE, "id": "a_canary"}), "id: String should match pattern"),
        (json.dumps({**LINE, "id": "canary\n"}), "id: String should match pattern"),
        (json.dumps({**LINE, "name": "canary\u202e"}), "name: String should match pattern"),
        (json.dumps({**LINE, "sha256": key_of("canary")}), "sha256: String should match pattern"),
        (json.dumps({**LINE, "scopes": "canary:*"}), "scopes: Input should be a valid"),
        (json.dumps({**LINE, "scopes": ["check:*", "canary:*"]}), "scopes: scope 2: is KIND:PREFIX"),
        (json.dumps({**LINE, "scopes": ["check:canary/*"]}), "scopes: scope 1: a prefix stands for all below it"),
        (json.dumps({**LINE, "expires": "2027-01-31"}), "expires: Input should"),
        (json.dumps({**LINE, "expires": "2027-01-31T00:00:00"}), "expires: Input should have timezone info"),
        (json.dumps({name: value for name, value in LINE.items() if name != "scopes"}), "scopes: Field required"),
    ],
)
def test_a_line_that_is_no_entry_is_named_and_not_shown(tmp_path: Path, line: str, told: str) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# first\n{line}\n", encoding="utf-8")

    with pytest.raises(InvalidApiKeysError) as refused:
        ApiKeys.from_file(file)

    assert str(refused.value).startswith(f"{file}, line 2: {told}")
    assert "canary" not in str(refused.value).lower()
    assert refused.value.__suppress_context__


def test_a_file_without_a_key_is_refused_at_start(tmp_path: Path) -> None:
    for content in ("", "# nothing but comments\n"):
        (tmp_path / "keys").write_text(content)
        with pytest.raises(InvalidApiKeysError, match="has no key: nobody could report anything"):
            ApiKeys.from_file(tmp_path / "keys")


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidApiKeysError, match=r"absent cannot be read: No such file or directory\."):
        ApiKeys.from_file(tmp_path / "absent")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00canary")
    with pytest.raises(InvalidApiKeysError, match=r"binary is not UTF-8 text\."):
        ApiKeys.from_file(tmp_path / "binary")


def test_an_id_stands_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidApiKeysError, match="Two API keys have the id a"):
        ApiKeys.from_file(keys_file(tmp_path / "keys", entry_of("a"), entry_of("b"), entry_of("a")))


def test_a_changed_file_counts_without_a_restart(file: Path) -> None:
    keys = ApiKeys.from_file(file)
    keys_file(file, entry_of("b", name="renamed"), entry_of("c"))
    assert [who(keys, key_id) for key_id in "abc"] == ["unknown", "name renamed", "name c"]
    assert keys.still(CALLER) is None


def test_another_key_of_the_same_id_is_not_the_one_that_was_shown(file: Path) -> None:
    keys = ApiKeys.from_file(file)
    assert keys.still(CALLER) is not None
    keys_file(file, entry_of("a").model_copy(update={"sha256": entry_of("c").sha256}))
    assert keys.still(CALLER) is None


def test_what_is_read_late_does_not_bring_back_a_key_that_was_taken_out(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads look; the one that has read the older file must not be the last to say what it says."""
    keys = ApiKeys.from_file(file)
    keys_file(file, entry_of("a"), entry_of("b"), entry_of("c"))
    real = read_keys

    def slow(path: Path) -> list[ApiKey]:
        read = real(path)
        monkeypatch.setattr("asset_reporting.api_keys.read_keys", real)
        keys_file(file, entry_of("b"))
        thread = threading.Thread(target=keys.identify, args=[key_of("b")])  # meanwhile another one looks
        thread.start()
        thread.join()
        return read

    monkeypatch.setattr("asset_reporting.api_keys.read_keys", slow)
    keys.identify(key_of("b"))
    assert who(keys, "a") == "unknown"


def test_a_secrets_volume_that_is_exchanged_below_its_link_is_seen(file: Path, tmp_path: Path) -> None:
    """As the kubelet does it: the file is a link through `..data`, which is made to point elsewhere in one step."""
    for name, key_id in (("one", "a"), ("two", "b")):
        (tmp_path / name).mkdir()
        keys_file(tmp_path / name / "keys", entry_of(key_id))
    os.utime(tmp_path / "one" / "keys", ns=(1, 1))
    os.utime(tmp_path / "two" / "keys", ns=(1, 1))  # the same size and time: the inode tells
    (tmp_path / "..data").symlink_to("one")
    file.unlink()
    file.symlink_to(Path("..data") / "keys")
    keys = ApiKeys.from_file(file)
    assert who(keys, "a") == "name a"

    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").rename(tmp_path / "..data")

    assert [who(keys, key_id) for key_id in "ab"] == ["unknown", "name b"]


def test_a_file_that_becomes_unusable_locks_nobody_out_and_is_told_once(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys = ApiKeys.from_file(file)
    whole = file.read_text()
    for broken in (f"{whole}{{canary", None):
        file.unlink() if broken is None else file.write_text(broken)
        for _ in range(3):
            assert who(keys, "a") == "name orders"
        assert keys.stale
    file.write_text(whole)
    assert who(keys, "a") == "name orders"
    assert not keys.stale

    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert [f"{file}, line 3: is not one JSON object" in errors[0], "cannot be read" in errors[1]] == [True, True]
    assert len(errors) == 2
    assert "canary" not in caplog.text


def test_all_keys_can_be_taken_back_at_once(file: Path) -> None:
    keys = ApiKeys.from_file(file)
    file.write_text("# nobody, for now\n")
    assert [who(keys, key_id) for key_id in "ab"] == ["unknown", "unknown"]


def test_the_file_is_not_looked_at_for_every_request(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asset_reporting.api_keys.LOOK_EVERY_S", 3600.0)
    keys = ApiKeys.from_file(file)
    file.unlink()
    assert who(keys, "a") == "name orders"
    assert not keys.stale


def test_metrics_say_when_keys_end_and_that_the_file_is_unusable(file: Path) -> None:
    keys_file(file, entry_of("a", expires="2027-01-15T08:00:00Z"), entry_of("b"))
    keys = ApiKeys.from_file(file)
    before = {(live.name, labels): value for live, labels, value in keys.told()}
    file.write_text("{")
    after = {(live.name, labels): value for live, labels, value in keys.told()}

    stale, expires = ("asset_bridge_api_keys_stale", ()), ("asset_bridge_api_key_expires_timestamp_seconds", ("a",))
    assert before == {stale: 0.0, expires: NOON}
    assert after == {stale: 1.0, expires: NOON}


def test_a_new_key_is_known_by_its_entry(tmp_path: Path) -> None:
    fields: dict[str, Any] = {"name": "orders", "scopes": ("check:a",)}
    (key, entry), (other, _) = new_key("orders-1", **fields), new_key("orders-1", **fields)

    found = ApiKeys.from_file(keys_file(tmp_path / "keys", entry)).identify(key)

    assert isinstance(found, Caller)
    assert (found.key_id, found.name) == ("orders-1", "orders")
    assert key != other
    assert key not in entry.line()
    assert key.rpartition("_")[2] not in entry.line()
