"""An event as it is put before somebody to correct it, what comes back, and what is different then."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from asset_consumer.console.payload import Number, Pairs, read_exactly
from asset_consumer.letter_patch import NewValue

if TYPE_CHECKING:
    from collections.abc import Iterator

DiffKind: TypeAlias = Literal["same", "gone", "new", "gap"]

CONTEXT_LINES = 3
MAX_DIFF_LINES = 400


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
    """The value as text to edit, JSON in lines; None for what is no text."""
    try:
        text = (value or b"").decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    document = read_exactly(text)
    return text if document is None else "\n".join(_lines(document, "", ""))


def edited(text: str, value: bytes | None) -> NewValue:
    """The value that an edited text stands for: JSON without blanks, as it was if nothing was changed."""
    plain = text.replace("\r\n", "\n")
    if plain == editable(value):
        return NewValue(value or b"")
    document = read_exactly(plain)
    return NewValue((plain if document is None else _compact(document)).encode("utf-8", "surrogatepass"))


def difference(before: bytes | None, after: bytes | None) -> list[DiffLine]:
    """What changes from one value to another, in lines, with some that stay around them."""
    old, new = (_shown(value) for value in (before, after))
    found: list[DiffLine] = []
    for line in difflib.unified_diff(old, new, n=CONTEXT_LINES, lineterm=""):
        if line.startswith(("---", "+++")) and not found:
            continue
        kind: DiffKind = "gap" if line.startswith("@@") else _KINDS[line[0]]
        if kind != "gap" or found:
            found.append(DiffLine(kind, "" if kind == "gap" else line[1:]))
        if len(found) >= MAX_DIFF_LINES:
            found.append(DiffLine("gap", "more lines differ"))
            break
    return found


_KINDS: dict[str, DiffKind] = {" ": "same", "-": "gone", "+": "new"}


def _shown(value: bytes | None) -> list[str]:
    text = editable(value)
    return text.split("\n") if text is not None else [(value or b"").hex(" ")]


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
        return [(f"{json.dumps(name, ensure_ascii=False)}: ", inner) for name, inner in value]
    return [("", inner) for inner in cast("list[object]", value)] if isinstance(value, list) else []


def _compact(value: object) -> str:
    if isinstance(value, Pairs):
        members = (f"{json.dumps(name, ensure_ascii=False)}:{_compact(inner)}" for name, inner in value)
        return f"{{{','.join(members)}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_compact, cast('list[object]', value)))}]"
    return str(value) if isinstance(value, Number) else json.dumps(value, ensure_ascii=False)
