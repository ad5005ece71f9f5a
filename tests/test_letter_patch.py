from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from asset_consumer.letter_patch import Patch, PatchError, load_patch


def patch(tmp_path: Path, *operations: dict[str, Any]) -> Patch:
    file = tmp_path / "patch.json"
    file.write_text(json.dumps(operations))
    return load_patch(file)


def test_a_patch_changes_what_it_says_and_nothing_else(tmp_path: Path) -> None:
    operations = (
        {"op": "test", "path": "/passed", "value": "yes"},
        {"op": "replace", "path": "/passed", "value": True},
        {"op": "remove", "path": "/extra"},
        {"op": "add", "path": "/metadata/n", "value": 1},
    )
    value = '{"passed": "yes", "extra": 1, "metadata": {"é": [1e3, 12345678901234567890, null]}}'.encode()
    assert json.loads(patch(tmp_path, *operations).apply(value)) == {
        "passed": True,
        "metadata": {"é": [1000.0, 12345678901234567890, None], "n": 1},
    }


def test_a_value_that_a_patch_leaves_as_it_is_keeps_its_bytes(tmp_path: Path) -> None:
    value = b' {"a" : 1.0,  "b": "\\u00e9"}\n'
    assert patch(tmp_path, {"op": "replace", "path": "/a", "value": 1.0}).apply(value) == value
    assert patch(tmp_path, {"op": "replace", "path": "/a", "value": True}).apply(value) == '{"a":true,"b":"é"}'.encode()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "no value to patch"),
        (b"", "no JSON document"),
        (b"\xff", "no JSON document"),
        (b'{"a": NaN}', "no JSON document"),
        (b'{"a": 1, "a": 2}', "no JSON document"),
        (b"[" * 100_000, "no JSON document"),
        (b'{"b": "\\ud800", "a": 1}', "cannot be written as JSON"),
        (b'{"b": 1}', "a place that the value does not have"),
        (b"[1]", "a place that the value does not have"),
        (b"7", "a place that the value does not have"),
    ],
)
def test_a_value_that_cannot_be_patched_is_said_without_its_words(
    tmp_path: Path, value: bytes | None, said: str
) -> None:
    with pytest.raises(PatchError, match=said):
        patch(tmp_path, {"op": "replace", "path": "/a", "value": 2}).apply(value)


def test_what_no_utf_8_can_hold_can_be_patched_away(tmp_path: Path) -> None:
    assert patch(tmp_path, {"op": "remove", "path": "/b"}).apply(b'{"b": "\\ud800", "a": 1}') == b'{"a":1}'


def test_a_test_operation_decides(tmp_path: Path) -> None:
    operations = ({"op": "test", "path": "/a", "value": 1}, {"op": "remove", "path": "/a"})
    assert patch(tmp_path, *operations).apply(b'{"a": 1}') == b"{}"
    with pytest.raises(PatchError, match="does not hold"):
        patch(tmp_path, *operations).apply(b'{"a": "secret"}')


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"[1]",
        b"\xff",
        b'[{"op": "jump", "path": "/a"}]',
        b'[{"op": "add", "path": "/a"}]',
        b'[{"op": "move", "path": "/a"}]',
        b'[{"op": [], "path": "/a"}]',
        b'[{"path": "/a"}]',
        b'[{"op": "remove", "path": "a"}]',
    ],
)
def test_a_file_that_holds_no_patch_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "patch.json"
    file.write_bytes(content)
    with pytest.raises(PatchError):
        load_patch(file)
    with pytest.raises(PatchError, match="cannot be read"):
        load_patch(tmp_path / "nosuch.json")
