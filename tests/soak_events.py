"""Random events for the soak. What is to become of one is told by its name, which it carries in its own metadata."""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from check_partitions import where_held

NAME = "soak"
"""The header of a record, and the metadata entry of an event, that has its name."""

REFUSED_PARTITION = "refused by the database"
"""A value that the contract takes, and the soak's databases do not."""

BAD = {"malformed", "contract", "nul", "too_long", "refused", "reused"}
"""Kinds that end on the dead-letter topic, or with a 4xx answer; the others are recorded."""

_WEIGHTS = {"plain": 50, "keyed": 28, "again": 7, "malformed": 4, "contract": 4, "nul": 2, "too_long": 2, "refused": 3}

_REUSED = 0.1
"""Of the keyed ones: how many are followed by another event under the same key."""


@dataclass(frozen=True, slots=True)
class Made:
    """One event; two of the same name are the same event."""

    name: str
    body: bytes
    key: str | None = None


def kind_of(name: str) -> str:
    return name.partition("/")[0]


def is_good(name: str) -> bool:
    """Whether the event is to be recorded."""
    return kind_of(name) not in BAD


@dataclass
class Events:
    """Makes the events of one road; `keyed` is shared with the others, so that a key comes by several roads."""

    road: str
    chance: random.Random
    keyed: deque[Made]
    _count: int = field(default=0)

    def make(self) -> Sequence[Made]:
        """One event, or two that must come in this order: the second has the first one's key and is another event."""
        (kind,) = self.chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
        if kind == "again" and self.keyed:
            return [self.chance.choice(list(self.keyed))]
        if kind in {"keyed", "again"}:
            first = self._made("keyed", key=True)
            self.keyed.append(first)
            return [first, self._made("reused", key=first.key)] if self.chance.random() < _REUSED else [first]
        if kind == "malformed":
            made = self._made(kind)
            return [Made(made.name, made.body[:-1])]
        return [self._made(kind, **_SPOILT.get(kind, {}))]

    def _made(self, kind: str, *, key: str | bool | None = None, **more: Any) -> Made:
        self._count += 1
        name = f"{kind}/{self.road}/{self._count}"
        fields = {**self._fields(), **more}
        fields["metadata"] = {NAME: name, **({"rows": self._count} if self.chance.random() < 0.5 else {})}
        if key:
            fields["idempotency_key"] = f"key of {name}" if key is True else key
        return Made(name, json.dumps(fields).encode(), fields.get("idempotency_key"))

    def _fields(self) -> dict[str, Any]:
        chance = self.chance
        kind = chance.choice(["asset_materialization", "asset_observation", "asset_check"])
        fields: dict[str, Any] = {"event_type": kind, "asset_key": ["soak", str(chance.randrange(30))]}
        partition = f"2024-01-{chance.randrange(1, 29):02}" if chance.random() < 0.4 else None
        if kind == "asset_check":
            partition = where_held(partition)
            fields |= {"check_name": chance.choice("ab"), "passed": chance.random() < 0.5}
        elif chance.random() < 0.3:
            fields |= {"data_version": str(chance.randrange(100)), "tags": {"team": chance.choice("xyz")}}
        if partition:
            fields["partition"] = partition
        if chance.random() < 0.2:
            fields["description"] = "d" * chance.randrange(1, 4000)
        return fields


_SPOILT: dict[str, dict[str, Any]] = {
    "contract": {"asset_key": []},
    "nul": {"partition": "a\0b"},
    "too_long": {"description": "d" * 17_000},
    "refused": {"event_type": "asset_observation", "partition": REFUSED_PARTITION},
}
