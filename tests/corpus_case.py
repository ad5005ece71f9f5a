"""What a case of the corpus is, and short ways to write one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from asset_events import EventType

MAT: Final = "asset_materialization"
CHECK: Final = "asset_check"
OBS: Final = "asset_observation"

SCHEMA_INVALID: Final = "schema.invalid"
MALFORMED: Final = "json.malformed"
UNSUPPORTED: Final = "encoding.unsupported"


@dataclass(frozen=True, slots=True)
class Case:
    """One body: `code` is the first error's code, None where the event is accepted."""

    name: str
    event_type: EventType
    body: bytes
    code: str | None = None


def as_json(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()


def mat(name: str, code: str | None = None, /, **fields: Any) -> Case:
    return Case(name, MAT, as_json({"asset_key": "corpus", **fields}), code)


def check(name: str, code: str | None = None, /, **fields: Any) -> Case:
    return Case(name, CHECK, as_json({"asset_key": "corpus", "check_name": "rows", "passed": True, **fields}), code)


def obs(name: str, code: str | None = None, /, **fields: Any) -> Case:
    return Case(name, OBS, as_json({"asset_key": "corpus", **fields}), code)


def raw(name: str, body: bytes, code: str | None = None) -> Case:
    return Case(name, MAT, body, code)


def entry(name: str, code: str | None, value: object, entry: str = "x") -> Case:
    return mat(f"metadata: {name}", code, metadata={entry: value})


def typed(kind: str, raw_value: object, code: str | None = None, note: str = "") -> Case:
    return mat(f"typed {kind} {note}".strip(), code, metadata={"x": {"raw_value": raw_value, "type": kind}})


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


COLUMN: Final = {
    "name": "id",
    "type": "int",
    "description": "Primary key",
    "tags": {"pii": "no"},
    "constraints": {"nullable": False, "unique": True, "other": ["> 0"]},
}
