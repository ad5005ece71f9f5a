"""Any record that may fail, with whatever a sender may put into its headers, and any reason."""

from __future__ import annotations

from dataclasses import replace

from dead_letter_samples import ERRORS, RECORD, letter
from hypothesis import strategies as st

from asset_consumer.dead_letter import Reason
from asset_consumer.dead_letter_headers import CONNECT_FIELDS, CONNECT_PREFIX, FIELDS, PREFIX, find_block, redrive_mark
from asset_consumer.record import Record

AS_A_DEAD_LETTER = letter(replace(RECORD, offset=7)).headers[1:]

TOPICS = st.one_of(st.just("t" * 249), st.from_regex(r"[A-Za-z0-9._-]{1,9}", fullmatch=True))
TEXTS = st.sampled_from([b"1", b"0", b"", None, b"orders/3/42", b"CreateTime", b"\xff", b"12345678901234567890", b"x"])
NAMES = st.one_of(
    st.sampled_from([PREFIX + field for field in FIELDS]),
    st.sampled_from([CONNECT_PREFIX + field for field in (*CONNECT_FIELDS, "exception.stacktrace")]),
    st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8),
)
VALUES = st.one_of(st.none(), st.binary(max_size=20), TEXTS)
FORGED = st.sampled_from([
    AS_A_DEAD_LETTER[1:],  # a dead letter's own block without its beginning, without its end, and its Connect set
    AS_A_DEAD_LETTER[:-8],
    AS_A_DEAD_LETTER[-6:],
    redrive_mark("orders.events/0/0", 3),
    redrive_mark("orders.events/0/0", 0),
    redrive_mark("no place", 1),
    redrive_mark("orders.events/0/0", 123456),
])  # fmt: skip
HEADERS = st.lists(st.one_of(st.lists(st.tuples(NAMES, VALUES), max_size=6).map(tuple), FORGED), max_size=3).map(
    lambda parts: tuple(header for part in parts for header in part)
)
NUMBERS = st.integers(0, 2**63 - 1)
PLACES = st.tuples(TOPICS, st.integers(0, 2**31 - 1), NUMBERS)
TIMES = st.one_of(
    st.just((None, "NoTimestampType")),
    st.tuples(st.integers(-(2**63) + 1, 2**63 - 1), st.sampled_from(["CreateTime", "LogAppendTime"])),
)
BYTES = st.one_of(st.none(), st.just(b""), st.binary(max_size=40))


@st.composite
def records(draw: st.DrawFn) -> Record:
    topic, partition, offset = draw(PLACES)
    timestamp, kind = draw(TIMES)
    return Record(topic, partition, offset, draw(BYTES), draw(BYTES), draw(HEADERS), timestamp, kind)  # type: ignore[arg-type] # a sampled string


REASONS = st.builds(
    Reason,
    st.sampled_from(["decode", "envelope", "schema", "target", "size", "record"]),
    st.lists(ERRORS, min_size=1, max_size=30).map(tuple),
    st.integers(1, 10),
)


# A record that carries a whole earlier block of ours is a copied dead letter; that case has its own property below.
UNCOPIED = records().filter(lambda record: find_block(record.headers) is None)
