"""Keys from a file, held as digests, and never shown."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

import pytest

from asset_reporting.auth import ApiKeys, InvalidApiKeysError

if TYPE_CHECKING:
    from pathlib import Path

KEY = "first-key-0123456789"
OTHER_KEY = "second-key-0123456789"
KEYS = ApiKeys([KEY, OTHER_KEY])


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(f"# the night team\n\n  {KEY}  \n#{OTHER_KEY}\n{OTHER_KEY}\r\n", encoding="utf-8")
    return path


def test_every_digest_is_compared_whichever_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bool] = []
    real = hmac.compare_digest

    def counting(a: bytes, b: bytes) -> bool:
        compared.append(real(a, b))
        return compared[-1]

    monkeypatch.setattr("asset_reporting.auth.hmac.compare_digest", counting)

    assert KEYS.accepts(KEY)
    assert compared == [True, False]


def test_keys_are_held_as_digests_only() -> None:
    held = repr([getattr(KEYS, name) for name in vars(KEYS)])

    assert KEY not in held
    assert OTHER_KEY not in held


def test_file_gives_one_key_per_line_without_comments_and_blank_lines(keys_file: Path) -> None:
    keys = ApiKeys.from_file(keys_file)

    assert keys.accepts(KEY)
    assert keys.accepts(OTHER_KEY)
    assert not keys.accepts("# the night team")
    assert not keys.accepts(f"#{OTHER_KEY}")
    assert not keys.accepts("")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (f"{KEY}\n\nshort-canary\n", ", line 3: an API key needs at least 16 characters"),
        (f"{KEY}\ncanary with spaces 0123\n", ", line 2: an API key is printable ASCII"),
        (f"canary-naïve-{KEY}\n", ", line 1: an API key is printable ASCII"),
        ("# nothing but canary comments\n", "has no key"),
        ("", "has no key"),
    ],
)
def test_bad_file_is_refused_by_line_and_never_shows_a_key(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "keys"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(InvalidApiKeysError) as refused:
        ApiKeys.from_file(path)

    assert told in str(refused.value)
    assert str(path) in str(refused.value)
    assert "canary" not in str(refused.value)
    assert KEY not in str(refused.value)


def test_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidApiKeysError, match=r"absent cannot be read: No such file or directory\."):
        ApiKeys.from_file(tmp_path / "absent")

    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00canary")
    with pytest.raises(InvalidApiKeysError, match=r"binary is not UTF-8 text\.") as refused:
        ApiKeys.from_file(tmp_path / "binary")
    assert refused.value.__context__ is None or refused.value.__suppress_context__
