"""A record's bytes as people read them: JSON in lines with the failing fields marked, text as text, the rest as hex."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from asset_events.explain import pointer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from asset_events import ErrorDetail

Form: TypeAlias = Literal["null", "empty", "json", "text", "hex"]

MAX_LINES = 800
"""Lines that are shown, besides those around a mark."""

AROUND = 4
MAX_DEPTH = 100
"""More levels than an event may have; what is deeper is shown as text."""

MAX_LINE = 2000
MAX_HEX_BYTES = 4096
ROW = 16

_PLACE = re.compile(r"line (\d{1,9}),? column \d+")


@dataclass(slots=True)
class Line:
    """One line; `errors` are those that are about it. `left_out` counts the lines before it that are not shown."""

    depth: int
    text: str
    errors: list[ErrorDetail] = field(default_factory=list["ErrorDetail"])
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Payload:
    """What is shown of some bytes; `left_out` counts the lines after the last."""

    form: Form
    size: int
    lines: tuple[Line, ...] = ()
    left_out: int = 0


def payload(content: bytes | None, errors: Sequence[ErrorDetail] = ()) -> Payload:
    """Make bytes readable, and mark what is wrong with them."""
    if not content:
        return Payload("null" if content is None else "empty", 0)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _hex(content)
    document = read_exactly(text)
    return _text(content, text, errors) if document is None else _json(content, document, errors)


class Pairs(list[tuple[str, Any]]):
    """An object's members, each one that was sent."""


class Number(str):
    """A number as it was written."""

    __slots__ = ()


def read_exactly(text: str) -> Pairs | list[Any] | None:
    """Read a JSON object or list without losing any of it; None for anything else, and for what is too deep."""
    try:
        document = json.loads(
            text, object_pairs_hook=Pairs, parse_int=Number, parse_float=Number, parse_constant=Number
        )
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, list):
        return None
    found = cast("Pairs | list[Any]", document)
    return found if _is_shallow(found) else None


def _is_shallow(document: object, left: int = MAX_DEPTH) -> bool:
    if not isinstance(document, list):
        return True
    inner = [one[1] for one in document] if isinstance(document, Pairs) else cast("list[object]", document)
    return left > 0 and all(_is_shallow(one, left - 1) for one in inner)


def _json(content: bytes, document: object, errors: Sequence[ErrorDetail]) -> Payload:
    """Goes through the lines twice and keeps those that are shown: all of them would be many times the value."""
    asked = {"/specversion", "/data", *(path for error in errors for path in _above(error.path))}
    first: dict[str, int] = {}
    for number, (_, path) in enumerate(_lines(document, (), 0, "", "")):
        if path in asked:
            first.setdefault(path, number)
    marks: dict[int, list[ErrorDetail]] = {}
    for error in errors:
        marks.setdefault(_line_of(error, first), []).append(error)
    shown, left_out = _cut((line for line, _ in _lines(document, (), 0, "", "")), marks)
    return Payload("json", len(content), shown, left_out)


def _above(path: str) -> Iterator[str]:
    """The path and all that hold it, by themselves and in the `data` of a CloudEvent."""
    while True:
        yield path
        yield f"/data{path}"
        if not path:
            return
        path = path.rpartition("/")[0]


def _line_of(error: ErrorDetail, first: Mapping[str, int]) -> int:
    """The line of the field, or of the nearest that should hold it; a CloudEvent has its event in `data`."""
    inner = "/data" if {"/specversion", "/data"} <= set(first) and error.path not in first else ""
    path = inner + error.path
    while path not in first:
        path = path.rpartition("/")[0]
    return first[path]


def _lines(value: object, at: tuple[str | int, ...], depth: int, before: str, after: str) -> Iterator[tuple[Line, str]]:
    """Each line with the JSON pointer of what stands in it; a closing bracket has its own, which no error names."""
    path = pointer(at)
    members: list[tuple[str, tuple[str | int, ...], object]]
    if isinstance(value, Pairs):
        brackets = "{}"
        members = [(f"{_quoted(name)}: ", (*at, name), inner) for name, inner in value]
    elif isinstance(value, list):
        brackets = "[]"
        items = cast("list[object]", value)
        members = [("", (*at, index), inner) for index, inner in enumerate(items)]
    else:
        yield Line(depth, f"{before}{_scalar(value)}{after}"), path
        return
    if not members:
        yield Line(depth, f"{before}{brackets}{after}"), path
        return
    yield Line(depth, before + brackets[0]), path
    for number, (name, place, inner) in enumerate(members, 1):
        yield from _lines(inner, place, depth + 1, name, "," if number < len(members) else "")
    yield Line(depth, brackets[1] + after), f"{path}/\0"


def _scalar(value: object) -> str:
    return str(value) if isinstance(value, Number) else _quoted(value)


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _text(content: bytes, text: str, errors: Sequence[ErrorDetail]) -> Payload:
    """Text that is no JSON document: the message of the first error may say where it stops being one."""
    if any(not (char.isprintable() or char in "\n\r\t") for char in text[:MAX_HEX_BYTES]):
        return _hex(content)
    lines = text.split("\n")
    marks: dict[int, list[ErrorDetail]] = {}
    for error in errors:
        place = _PLACE.search(error.message)
        number = int(place[1]) if place else 0
        if 1 <= number <= len(lines):
            marks.setdefault(number - 1, []).append(error)
    shown, left_out = _cut((Line(0, line) for line in lines), marks)
    return Payload("text", len(content), shown, left_out)


def _hex(content: bytes) -> Payload:
    width = 3 * ROW - 1
    lines = tuple(
        Line(0, f"{begin:08x}  {row.hex(' '):<{width}}  {_readable(row)}" if len(content) > ROW else _short(row))
        for begin, row in _rows(content[:MAX_HEX_BYTES])
    )
    left_out = -(-max(0, len(content) - MAX_HEX_BYTES) // ROW)
    return Payload("hex", len(content), lines, left_out)


def _rows(content: bytes) -> Iterator[tuple[int, bytes]]:
    for begin in range(0, len(content), ROW):
        yield begin, content[begin : begin + ROW]


def _short(row: bytes) -> str:
    return f"{row.hex(' ')}  {_readable(row)}"


def _readable(row: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)  # noqa: PLR2004 # printable ASCII


def _cut(lines: Iterable[Line], marks: Mapping[int, list[ErrorDetail]]) -> tuple[tuple[Line, ...], int]:
    """The first lines, and those around a mark wherever it is; how many are left out at the end."""
    near = {other for number in marks for other in range(number - AROUND, number + AROUND + 1)}
    shown: list[Line] = []
    left_out = 0
    for number, line in enumerate(lines):
        if number < MAX_LINES or number in near:
            line.errors, line.left_out, left_out = marks.get(number, []), left_out, 0
            if len(line.text) > MAX_LINE:
                line.text = (
                    f"{line.text[:MAX_LINE]}\N{HORIZONTAL ELLIPSIS} ({len(line.text) - MAX_LINE} more characters)"
                )
            shown.append(line)
        else:
            left_out += 1
    return tuple(shown), left_out
