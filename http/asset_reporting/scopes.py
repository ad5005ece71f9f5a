"""What a key or a topic may report: kinds of events, of assets below a prefix. What is not said is not allowed.

* `materialization:warehouse/orders`: materializations of warehouse/orders and of all assets below it;
* `check:*`: results of checks of every asset;
* `*:["a/b"]`: every kind, below the one component `a/b`, in JSON as it has a slash;
* `operator`, `viewer`: what one may do at the console, and nothing that is reported.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast, get_args

from asset_events import ErrorDetail, EventType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Role: TypeAlias = Literal["operator", "viewer"]
"""`operator` may look at the console and act there, `viewer` may look."""

EVERY: Final = "*"

KINDS: Final[Mapping[str, EventType]] = {
    "materialization": "asset_materialization",
    "check": "asset_check",
    "observation": "asset_observation",
}

FORBIDDEN = ErrorDetail("/asset_key", "asset.forbidden", "You may not report events of this asset.")


class InvalidScopeError(ValueError):
    """Raised when a scope says nothing that is known; its words hold no part of it."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One kind of events, None for every, of the assets whose key begins with these components."""

    event_type: EventType | None
    prefix: tuple[str, ...]

    def covers(self, event_type: EventType, asset_key: Sequence[str]) -> bool:
        """Compare whole components: `a/b` is no prefix of `a/bc`."""
        return self.event_type in {None, event_type} and tuple(asset_key[: len(self.prefix)]) == self.prefix


@dataclass(frozen=True, slots=True)
class Scopes:
    """All that one key or topic may do."""

    grants: tuple[Grant, ...] = ()
    roles: frozenset[Role] = frozenset()

    def allow(self, event_type: EventType, asset_key: Sequence[str]) -> bool:
        """Whether an event of this kind and asset may be reported."""
        return any(grant.covers(event_type, asset_key) for grant in self.grants)

    def allow_every_asset(self, event_types: Iterable[EventType]) -> bool:
        """Whether events of these kinds may be reported whatever their asset, for those who cannot see which it is."""
        return all(self.allow(event_type, ()) for event_type in event_types)


EVERYTHING = Scopes((Grant(None, ()),))
"""Every event of every asset."""


def parse_scopes(texts: Iterable[str]) -> Scopes:
    """Read scopes as they are written in a file of keys or in the settings.

    Raises:
        InvalidScopeError: One of them says nothing that is known; it is named by its number.
    """
    grants: list[Grant] = []
    roles: set[Role] = set()
    for number, text in enumerate(texts, start=1):
        if text in get_args(Role):
            roles.add(cast("Role", text))
        else:
            grants.append(_grant(text, f"scope {number}"))
    return Scopes(tuple(grants), frozenset(roles))


def _grant(text: str, where: str) -> Grant:
    kind, colon, prefix = text.partition(":")
    if not colon or (kind != EVERY and kind not in KINDS):
        known = ", ".join([*KINDS, EVERY])
        raise InvalidScopeError(f"{where}: is KIND:PREFIX, with a kind of {known}; or operator, or viewer")
    return Grant(KINDS.get(kind), () if prefix == EVERY else _prefix(prefix, where))


def _prefix(text: str, where: str) -> tuple[str, ...]:
    if text.startswith("["):
        try:
            parts: object = json.loads(text)
        except (ValueError, RecursionError):
            parts = None
        if isinstance(parts, list) and parts and all(isinstance(part, str) and part for part in parts):  # pyright: ignore[reportUnknownVariableType] - JSON
            return tuple(cast("list[str]", parts))
        raise InvalidScopeError(f"{where}: a prefix in JSON is a list of strings that are not empty")
    parts = text.split("/")
    if not all(parts):
        raise InvalidScopeError(f"{where}: a prefix is components with one slash between them, or * for every asset")
    if any(EVERY in part for part in parts):
        raise InvalidScopeError(
            f"{where}: a prefix stands for all below it and takes no *; for a component with one, see JSON"
        )
    return tuple(parts)
