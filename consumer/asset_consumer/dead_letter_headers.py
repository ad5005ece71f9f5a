"""The headers that make a record a dead letter: their names, their order, and finding them again without loss.

Whose a header is cannot be told by its name alone: anybody may send a record with names like ours. So ours are told
by their form. They stand together, in the order below, with values of the right form, and the last such block of a
record is its dead letter's. Whatever else carries our prefix is the sender's, and stays as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from asset_consumer.record import Headers

PREFIX: Final = "asset-bridge.dlq."
CONNECT_PREFIX: Final = "__connect.errors."
FORMAT_VERSION: Final = "1"

MEANINGS: Final[Mapping[str, str]] = {
    "version": "Version of this list.",
    "id": "`topic/partition/offset` of the first failure; stays the same when the record is sent again.",
    "topic": "Topic of this failure.",
    "partition": "Partition of this failure.",
    "offset": "Offset of this failure.",
    "timestamp": "The record's timestamp, epoch milliseconds; not there if it had none.",
    "timestamp_type": "`CreateTime`, `LogAppendTime` or `NoTimestampType`.",
    "group": "Consumer group in which it failed.",
    "stage": "How far it came: `decode`, `envelope`, `schema`, `target`, `size` or `record`.",
    "code": "The first error's code: what to filter by.",
    "errors": 'JSON array of `{"path", "code", "message"}`, never a value of the event.',
    "attempts": "How often it was tried.",
    "failed_at": "When it was given up: RFC 3339, UTC.",
    "app": "Who wrote the letter: name and version.",
    "replays": "How often the record was sent again from a dead-letter topic, `0` at first.",
}
"""What the own headers say, by their names without prefix, in the order in which they are written."""

FIELDS: Final = tuple(MEANINGS)
"""The own headers without their prefix."""

OPTIONAL: Final = frozenset({"timestamp", "errors"})
"""Not there when the record had no timestamp; when the letter had to be made smaller."""

SMALLEST: Final = ("version", "id", "code", "attempts", "replays")
"""What is left of a letter that was still too large."""

CONNECT_FIELDS: Final = ("topic", "partition", "offset", "stage", "exception.class.name", "exception.message")
"""What consoles that know Kafka Connect's dead letters look for, in the order in which it is written."""

_ID: Final = f"{PREFIX}id"

_NUMBER = r"0|[1-9][0-9]{0,18}"
_TOPIC = r"[A-Za-z0-9._-]{1,249}"  # Kafka's own rule for topic names
FORMS: Final[Mapping[str, re.Pattern[str]]] = {
    "version": re.compile(FORMAT_VERSION),
    "id": re.compile(rf"({_TOPIC})/({_NUMBER})/({_NUMBER})"),
    "topic": re.compile(_TOPIC),
    "partition": re.compile(_NUMBER),
    "offset": re.compile(_NUMBER),
    "timestamp": re.compile(rf"-?({_NUMBER})"),
    "timestamp_type": re.compile("CreateTime|LogAppendTime|NoTimestampType"),
    # At most 9999: a redriven record is parked after a few replays, so nobody counted to a larger number.
    "replays": re.compile(r"0|[1-9][0-9]{0,3}"),
}


@dataclass(frozen=True, slots=True)
class Block:
    """A dead letter's own headers inside a header list: what lies before and after them is the sender's.

    `facts` has the own headers' text by field; `connect` are the `__connect.errors.*` headers that came with them.
    """

    before: Headers
    facts: Mapping[str, str]
    connect: Headers
    after: Headers

    @property
    def others(self) -> Headers:
        """The headers that are not the dead letter's."""
        return self.before + self.after

    def kept(self, fields: Callable[[str], bool]) -> Headers:
        """The header list with those own headers only whose field is wanted, and without Connect's."""
        own = {field: text for field, text in self.facts.items() if fields(field)}
        return self.before + own_headers(own) + self.after


def own_headers(facts: Mapping[str, str]) -> Headers:
    """Write fields as headers."""
    return tuple((PREFIX + field, text.encode("utf-8", "replace")) for field, text in facts.items())


def connect_block(facts: Mapping[str, str]) -> Headers:
    """Write Connect's fields as headers."""
    return tuple((CONNECT_PREFIX + field, text.encode("utf-8", "replace")) for field, text in facts.items())


def find_block(headers: Headers) -> Block | None:
    """The last dead-letter block of a header list; None when there is none, or when it is not whole and well-formed."""
    starts = [index for index, (name, _) in enumerate(headers) if name == PREFIX + FIELDS[0]]
    if not starts:
        return None
    facts: dict[str, str] = {}
    end = starts[-1]
    for field in FIELDS:
        text = _well_formed(headers, end, field)
        if text is not None:
            facts[field] = text
            end += 1
    if not (set(FIELDS) - set(facts) <= OPTIONAL or tuple(facts) == SMALLEST):
        return None
    after = end + len(CONNECT_FIELDS)
    if tuple(name for name, _ in headers[end:after]) != tuple(CONNECT_PREFIX + field for field in CONNECT_FIELDS):
        after = end
    return Block(headers[: starts[-1]], facts, headers[end:after], headers[after:])


def redrive_mark(dead_letter_id: str, replays: int) -> Headers:
    """The two headers that a redriven record ends with: where it failed first, and how often it was sent again."""
    return own_headers({"id": dead_letter_id, "replays": str(replays)})


def find_mark(headers: Headers) -> tuple[str, int] | None:
    """Id and replays of a redriven record; None unless both are its last headers, well-formed and within bounds."""
    dead_letter_id, replays = (
        _well_formed(headers, len(headers) + at, field) for at, field in ((-2, "id"), (-1, "replays"))
    )
    if dead_letter_id is None or replays is None or int(replays) == 0:
        return None
    return dead_letter_id, int(replays)


def first_failure(headers: Headers) -> str | None:
    """Where a record failed first, if it was sent again or copied from a dead-letter topic; None for any other."""
    if all(name != _ID for name, _ in headers):  # of every record this is asked, and of few it is not true
        return None
    mark = find_mark(headers)
    if mark is not None:
        return mark[0]
    block = find_block(headers)
    return None if block is None else block.facts["id"]


def parse_id(dead_letter_id: str) -> tuple[str, int, int]:
    """Topic, partition and offset of a well-formed id."""
    topic, partition, offset = dead_letter_id.rsplit("/", 2)
    return topic, int(partition), int(offset)


def _well_formed(headers: Headers, index: int, field: str) -> str | None:
    """The text of the header at `index` if it is this field, in UTF-8 and of its form."""
    if not 0 <= index < len(headers) or headers[index][0] != PREFIX + field:
        return None
    try:
        text = (headers[index][1] or b"").decode()
    except UnicodeDecodeError:
        return None
    form = FORMS.get(field)
    return text if form is None or form.fullmatch(text) else None
