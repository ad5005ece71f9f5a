"""An event as it is put before somebody to correct it, what comes back, and what is different then."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from asset_consumer.console.payload import Number, Pairs, read_exactly
from asset_consumer.letter_patch import NewValue

if TYPE_CHECKING:
    from collections.abc import Iterator

DiffKind: TypeAlias = Literal["same", "gone", "new", "gap"]

CONTEXT_LINES = 3
MAX_DIFF_LINES = 400
MAX_COMPARED = 4_000_000
"""Pairs of lines that are compared: the time grows with them, and somebody else may have written the lines."""

MAX_EDITED = 512 * 1024
MAX_SHOWN = 4 * 1024 * 1024
"""Characters of a value in lines, to be edited and to be compared: the deeper it is, the more of them are indents."""

_HALF_PAIR = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a comparison."""

    kind: DiffKind
    text: str

    @property
    def sign(self) -> str:
        """What stands before it, so that colour is not needed."""
        return {"same": " ", "gone": "-", "new": "+", "gap": "\N{HORIZONTAL ELLIPSIS}"}[self.kind]


def editable(value: bytes | None) -> str | None:
    """The value as text to edit, JSON in lines unless that makes it too long; None for what is no text."""
    return _readable(value, MAX_EDITED)


def edited(text: str, value: bytes | None) -> NewValue | None:
    """The value that an edited text stands for: JSON without blanks; None where it says what the value says."""
    plain = _plain(text)
    before = editable(value)
    if before is not None and plain == _plain(before):
        return None
    document = read_exactly(plain)
    if document is None:
        return NewValue(plain.encode("utf-8", "surrogatepass"))
    new = _compact(document)
    old = None if before is None else read_exactly(before)
    return None if old is not None and _compact(old) == new else NewValue(new.encode())


def difference(before: bytes | None, after: bytes | None) -> list[DiffLine]:
    """What changes from one value to another, in lines, with some that stay around them."""
    old, new = (_shown(value) for value in (before, after))
    same_first = _common(old, new)
    same_last = _common(old[same_first:][::-1], new[same_first:][::-1])
    old_end, new_end = len(old) - same_last, len(new) - same_last
    if (old_end - same_first) * (new_end - same_first) > MAX_COMPARED:
        return [*_many("gone", old[same_first:old_end]), *_many("new", new[same_first:new_end])]
    begin = max(0, same_first - CONTEXT_LINES)
    old, new = old[begin : old_end + CONTEXT_LINES], new[begin : new_end + CONTEXT_LINES]
    found: list[DiffLine] = []
    for line in difflib.unified_diff(old, new, n=CONTEXT_LINES, lineterm=""):
        if line.startswith(("---", "+++")) and not found:
            continue
        kind: DiffKind = "gap" if line.startswith("@@") else _KINDS[line[0]]
        if kind != "gap" or found:
            found.append(DiffLine(kind, "" if kind == "gap" else line[1:]))
        if len(found) >= MAX_DIFF_LINES:
            found.append(_MORE)
            break
    return found


_MORE = DiffLine("gap", "more lines differ")


def _many(kind: DiffKind, lines: list[str]) -> list[DiffLine]:
    most = MAX_DIFF_LINES // 2
    return [*(DiffLine(kind, line) for line in lines[:most]), *([_MORE] if len(lines) > most else [])]


def _common(one: list[str], other: list[str]) -> int:
    """How many lines both begin with."""
    pairs = zip(one, other, strict=False)
    return next((number for number, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


_KINDS: dict[str, DiffKind] = {" ": "same", "-": "gone", "+": "new"}


def _shown(value: bytes | None) -> list[str]:
    text = _readable(value, MAX_SHOWN)
    return text.split("\n") if text is not None else [(value or b"").hex(" ")]


def _readable(value: bytes | None, most: int) -> str | None:
    try:
        text = (value or b"").decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    document = read_exactly(text)
    if document is None:
        return text
    lines: list[str] = []
    for line in _lines(document, "", ""):
        lines.append(line)
        most -= len(line) + 1
        if most < 0:
            return text
    return "\n".join(lines)


def _plain(text: str) -> str:
    """The text with the line ends that it has after a form, which makes all of them alike."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _lines(value: object, before: str, after: str, indent: str = "") -> Iterator[str]:
    members = _members(value)
    if not members:
        yield f"{indent}{before}{_compact(value)}{after}"
        return
    opening, closing = ("{", "}") if isinstance(value, Pairs) else ("[", "]")
    yield f"{indent}{before}{opening}"
    for number, (name, inner) in enumerate(members, 1):
        yield from _lines(inner, name, "," if number < len(members) else "", indent + "  ")
    yield f"{indent}{closing}{after}"


def _members(value: object) -> list[tuple[str, object]]:
    if isinstance(value, Pairs):
        return [(f"{_quoted(name)}: ", inner) for name, inner in value]
    return [("", inner) for inner in cast("list[object]", value)] if isinstance(value, list) else []


def _compact(value: object) -> str:
    if isinstance(value, Pairs):
        members = (f"{_quoted(name)}:{_compact(inner)}" for name, inner in value)
        return f"{{{','.join(members)}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_compact, cast('list[object]', value)))}]"
    return str(value) if isinstance(value, Number) else _quoted(value)


def _quoted(value: object) -> str:
    """As JSON; half of a surrogate pair stays escaped, for neither a page nor a value in UTF-8 can hold it."""
    text = json.dumps(value, ensure_ascii=False)
    return _HALF_PAIR.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
