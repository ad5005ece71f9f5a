"""Hostile bodies: the corpus and what senders of other standards send, changed in ways that trip decoders.

Each text value that is put in carries a canary: what of it comes out again, anywhere, has leaked. A name is quoted in
errors by design, cut to 64 characters, so a name carries its canary behind those.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable
from typing import Any, Final

from corpus import CASES
from run_events import DBT_TESTS, FLINK, SPARK

from asset_events import EVENT_TYPES, MAX_EVENT_BYTES

CANARY: Final = "cNrY4711x"
"""What every value that is put in begins with."""

NUMBER_CANARY: Final = "90817263544"
"""The same of numbers."""

CLOUD_EVENTS: Final = [
    {"specversion": "1.0", "type": f"com.acme.{kind}", "source": "/etl", "id": "1", "subject": "a/b", "data": data}
    for kind, data in (
        ("asset_materialization", {"asset_key": "a", "metadata": {"rows": 1}}),
        ("asset_check", {"asset_key": ["a"], "check_name": "c", "passed": True}),
        ("asset_observation", None),
    )
]  # fmt: skip

RUN_EVENTS: Final[list[Any]] = [SPARK, DBT_TESTS, FLINK]

_RAW: Final = re.compile(r'"@raw(\d+)@"')

_ACCEPTED: Final = [case for case in CASES if case.code is None and len(case.body) < 4096 and case.body[:1] == b"{"]
_DOCUMENTS: Final[dict[str, list[str]]] = {
    **{kind: [case.body.decode() for case in _ACCEPTED if case.event_type == kind] for kind in EVENT_TYPES},
    "any": [json.dumps({"event_type": case.event_type, **json.loads(case.body)}) for case in _ACCEPTED],
    "run": [json.dumps(one) for one in RUN_EVENTS],
    "cloud": [json.dumps(one) for one in CLOUD_EVENTS],
}
_BODIES: Final = [case.body for case in CASES if len(case.body) < 8192]

_FIELDS: Final = [
    "event_type", "asset_key", "partition", "metadata", "description", "data_version", "tags", "event_time",
    "idempotency_key", "check_name", "passed", "severity", "raw_value", "type", "__class__", "__enum__", "__set__",
    "specversion", "data", "data_base64", "datacontenttype", "subject", "run", "job", "inputs", "outputs", "facets",
    "eventType", "eventTime", "dagster/partition/x", "constructor", "", "\0", "a/b~c",
]  # fmt: skip

_TOKENS: Final = [
    b"\0", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\\ud800", b"\\u0000", b"\\", b'"', b"{", b"}",
    b"[", b"]", b",", b":", b"\r\n", b"\n", b"\x1b[31m", b"\xe2\x80\xae", b"\xef\xbb\xbf", b"NaN", b"1e999",
    b"-Infinity", b"1" * 400, b"-0", b"0x10", b"null", b"true", b"//", b"/*", b"'", b"\x1f\x8b", b"[" * 300,
    b'{"a":' * 220, b"\xf0\x9f\x98\x80", b"%s%n{0}", b"${jndi:x}",
]  # fmt: skip


class Bytes:
    """Draws bodies; the same seed, the same ones."""

    def __init__(self, drawn: random.Random) -> None:
        self.drawn = drawn

    def canary(self) -> str:
        return f"{CANARY}{self.drawn.randrange(36**4):x}"

    def text(self) -> str:
        """A value of text: a canary, most often with something around it."""
        return self.drawn.choice(_TEXTS)(self.canary())

    def name(self) -> str:
        drawn = self.drawn
        return drawn.choice(_FIELDS) if drawn.random() < 0.8 else drawn.choice("nüA\t\u202e") * 160 + self.canary()

    def body(self, kind: str = "any") -> bytes:
        """One body, most often of the kind that is asked for there; changed as a document, as bytes, or as both."""
        drawn, how = self.drawn, self.drawn.random()
        if how < 0.5:
            return self._document(kind)
        body = self._document(kind) if how < 0.75 else drawn.choice(_BODIES)
        for _ in range(drawn.choice((1, 1, 1, 2, 4))):
            body = drawn.choice(_CHANGES)(self, body)
        return body

    def batch(self) -> bytes:
        """Many events: an array, lines, or what pretends to be one of them."""
        drawn = self.drawn
        events = [self.body() for _ in range(drawn.randrange(5))]
        opening, between, closing = drawn.choice(
            ((b"[", b",", b"]"), (b"", b"\n", b"\n"), (b"[", b"\n", b""), (b"", b"\r\n", b""), (b"[", b",,", b"]]"))
        )
        body = opening + between.join(events) + closing
        return body if drawn.random() < 0.8 else drawn.choice(_CHANGES)(self, body)

    def _document(self, kind: str) -> bytes:
        if self.drawn.random() < 0.1:
            kind = self.drawn.choice(list(_DOCUMENTS))
        document = json.loads(self.drawn.choice(_DOCUMENTS[kind]))
        raws: list[str] = []
        for _ in range(self.drawn.choice((0, 1, 1, 1, 2, 4))):
            self._change(document, raws)
        text = json.dumps(document, ensure_ascii=self.drawn.random() < 0.5)
        return _RAW.sub(lambda found: raws[int(found[1])], text).encode("utf-8", "surrogatepass")

    def _change(self, document: Any, raws: list[str]) -> None:
        """Put in, exchange or take out one member somewhere."""
        drawn, place = self.drawn, document
        while isinstance(place, dict | list) and place and drawn.random() < 0.6:
            below = list(place.values() if isinstance(place, dict) else place)
            inner = [one for one in below if isinstance(one, dict | list)]
            if not inner:
                break
            place = drawn.choice(inner)
        value = self._value(raws)
        if isinstance(place, list):
            if place and drawn.random() < 0.7:
                place[drawn.randrange(len(place))] = value
            else:
                place.extend([value] * drawn.choice((1, 1, 2, 60)))
        elif place and (what := drawn.random()) < 0.7:
            name = drawn.choice(list(place))
            if what < 0.1:
                del place[name]
            elif what < 0.2:
                place[self._raw(f"{json.dumps(name)}:{json.dumps(self.canary())},{json.dumps(name)}", raws)] = value
            else:
                place[name] = value
        else:
            place[self.name()] = value

    def _value(self, raws: list[str]) -> Any:
        drawn, how = self.drawn, self.drawn.random()
        if how < 0.45:
            return self.text()
        if how < 0.6:
            return drawn.choice((None, True, False, 0, -1, [], {}, "", 1.5, [[]], {"": {}}))
        if how < 0.75:
            digits = NUMBER_CANARY + str(drawn.randrange(1000))
            forms = ("{}", "-{}", "{}.5", "{}e5", "{}e999", "0.{}", "-{}E-5", "{}" + "0" * 30, "{}" + "9" * 5000)
            return self._raw(drawn.choice(forms).format(digits), raws)
        if how < 0.9:
            levels, canary = drawn.choice((1, 3, 62, 64, 190, 210, 1000)), json.dumps(self.canary())
            opening, closing = drawn.choice((("[", "]"), ('{"a":', "}"), ('[{"raw_value":', ',"type":"json"}]')))
            return self._raw(opening * levels + canary + closing * levels, raws)
        kinds = ("text", "url", "json", "table", "table_schema", "table_column_lineage", "int", "asset", self.canary())
        wrapped = drawn.choice((self.text(), [self.text()], {"records": [{"a": self.text()}], "schema": []}, None))
        return {"raw_value": wrapped, "type": drawn.choice(kinds)}

    @staticmethod
    def _raw(text: str, raws: list[str]) -> str:
        raws.append(text)
        return f"@raw{len(raws) - 1}@"


_TEXTS: Final[list[Callable[[str], str]]] = [
    *[lambda canary: canary] * 6,
    lambda canary: f"{canary}\0{canary}",
    lambda canary: f"{canary}\r\n{canary}: x",
    lambda canary: f"{canary}\ud800",
    lambda canary: f"\udfff\x1b[31m{canary}\u2028",
    lambda canary: canary + "é" * 600,
    lambda canary: canary * 2000,
    lambda canary: f"asset_materialization{canary}",
    lambda canary: f"2024-01-15T10:30:00Z{canary}",
    lambda canary: f"{canary}/../{canary}//",
    lambda canary: f"😀{canary}%00%0a{{0}}%s",
    lambda canary: f"{canary}\\\"'",
]


def _cut(bytes_: Bytes, body: bytes) -> bytes:
    return body[: bytes_.drawn.randrange(len(body) + 1)]


def _flip(bytes_: Bytes, body: bytes) -> bytes:
    if not body:
        return b"\x80"
    at = bytes_.drawn.randrange(len(body))
    return body[:at] + bytes((body[at] ^ 1 << bytes_.drawn.randrange(8),)) + body[at + 1 :]


def _insert(bytes_: Bytes, body: bytes) -> bytes:
    at = bytes_.drawn.randrange(len(body) + 1)
    return body[:at] + bytes_.drawn.choice(_TOKENS) + body[at:]


def _remove(bytes_: Bytes, body: bytes) -> bytes:
    at = bytes_.drawn.randrange(len(body) + 1)
    return body[:at] + body[at + bytes_.drawn.randrange(1, 12) :]


def _repeat(bytes_: Bytes, body: bytes) -> bytes:
    at = bytes_.drawn.randrange(len(body) + 1)
    part = body[at : at + bytes_.drawn.randrange(1, 40)]
    return body[:at] + part * bytes_.drawn.choice((2, 2, 3, 50)) + body[at:]


def _splice(bytes_: Bytes, body: bytes) -> bytes:
    other = bytes_.drawn.choice(_BODIES)
    return _cut(bytes_, body) + other[bytes_.drawn.randrange(len(other) + 1) :]


def _dress(bytes_: Bytes, body: bytes) -> bytes:
    """Another encoding, or what stands before JSON elsewhere."""
    text = body.decode("utf-8", "replace")
    return bytes_.drawn.choice((
        lambda: text.encode("utf-16", "replace"), lambda: text.encode("utf-16-le", "replace"),
        lambda: text.encode("utf-32-be", "replace"), lambda: text.encode("utf-7", "replace"),
        lambda: text.encode("latin-1", "replace"), lambda: gzip.compress(body, 1, mtime=0),
        lambda: b"\0\0\0\0\x07" + body, lambda: b"\xef\xbb\xbf" * 2 + body, lambda: b")]}',\n" + body,
        lambda: body + b"\0", lambda: b"\0" + body, lambda: b"data: " + body, lambda: b"[" + body + b"]",
        lambda: json.dumps(text).encode(),
    ))()  # fmt: skip


def _swell(bytes_: Bytes, body: bytes) -> bytes:
    """Seldom: larger than is taken, or nearly."""
    if bytes_.drawn.random() > 0.01:
        return body
    size = bytes_.drawn.choice((300_000, MAX_EVENT_BYTES, MAX_EVENT_BYTES + 1))
    return body[:-1] + b" " * (size - len(body)) + body[-1:]


_CHANGES: Final[list[Callable[[Bytes, bytes], bytes]]] = [
    _cut, _flip, _flip, _insert, _insert, _remove, _repeat, _splice, _dress, _swell
]  # fmt: skip
