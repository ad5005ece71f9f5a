"""Who has shown an API key, by the file of keys as it is now.

A key is `ab_<id>_<secret>`: a public id, by which its entry is found, and 256 random bits.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from asset_reporting import happenings, metrics
from asset_reporting.api_key_file import ApiKey, InvalidApiKeysError, by_id, read_keys
from asset_reporting.file_mark import Mark, mark_of
from asset_reporting.scopes import Scopes, parse_scopes

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator

    from asset_reporting.live_metrics import Sample

LOOK_EVERY_S = 1.0
"""How often the file is looked at, at most: a change counts a second after it is seen there."""

_NOBODY: Final = "0" * 64
"""What a key without an entry is compared with."""

RefusedKey: TypeAlias = Literal["missing", "malformed", "unknown", "wrong", "not_yet_valid", "expired"]
"""Why a key is not accepted: for the log and the metrics, not for who sent it."""

_KEY: Final = re.compile(r"ab_([a-z0-9][a-z0-9-]{0,62})_([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who has shown a key."""

    key_id: str
    name: str
    scopes: Scopes
    sha256: str = field(default="", repr=False)
    """Of the key itself: another key may be given the same id."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A file, and what it looked like when it was read last."""

    path: Path
    seen: Mark


class ApiKeys:
    """The keys that are accepted; safe for threads."""

    def __init__(
        self, keys: Iterable[ApiKey], clock: Callable[[], float] = time.time, watched: Watched | None = None
    ) -> None:
        """Take the keys as they are; `watched` is the file that they are of, if any (see `from_file`).

        Raises:
            InvalidApiKeysError: Two have the same id.
        """
        self._clock = clock
        self._known = _known(keys)
        self._watched = watched
        self._look_at = time.monotonic() + LOOK_EVERY_S
        self._looking = threading.Lock()
        self.stale = False
        """Whether the file has become unusable, and what it said before goes on to count."""

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> ApiKeys:
        """Read the keys of a file, now and whenever it has changed.

        Raises:
            InvalidApiKeysError: It cannot be read, has a line that is no entry, or has none.
        """
        watched = Watched(Path(path), mark_of(Path(path)))
        entries = read_keys(watched.path)
        if not entries:
            raise InvalidApiKeysError(f"The API keys file {path} has no key: nobody could report anything.")
        return cls(entries, watched=watched)

    def identify(self, key: str) -> Caller | RefusedKey:
        """Say whose key this is. Whatever is wrong with it, the same is computed: time tells nothing about the keys."""
        self._look()
        found = _KEY.fullmatch(key)
        digest = hashlib.sha256((found[2] if found else key).encode("utf-8", "surrogatepass")).hexdigest()
        known = self._known.get(found[1]) if found else None
        same = hmac.compare_digest(digest, known[0].sha256 if known else _NOBODY)
        if known is None or not same:
            return "malformed" if not found else "unknown" if known is None else "wrong"
        return self._admitted(*known)

    def still(self, caller: Caller) -> Caller | None:
        """Somebody who has shown a key before, with what it may do now, unless it counts no more."""
        self._look()
        known = self._known.get(caller.key_id)
        if known is None or known[0].sha256 != caller.sha256:
            return None
        now = self._admitted(*known)
        return now if isinstance(now, Caller) else None

    def told(self) -> Iterator[Sample]:
        """What metrics say of the keys."""
        self._look()
        yield metrics.KEYS_STALE, (), float(self.stale)
        for entry, _ in self._known.values():
            if entry.expires is not None:
                yield metrics.KEY_EXPIRES, (entry.id,), entry.expires.timestamp()

    def _admitted(self, entry: ApiKey, caller: Caller) -> Caller | RefusedKey:
        now = datetime.fromtimestamp(self._clock(), UTC)
        if entry.not_before is not None and now < entry.not_before:
            return "not_yet_valid"
        if entry.expires is not None and now >= entry.expires:
            return "expired"
        return caller

    def _look(self) -> None:
        """Read the file anew if it has changed; one that is unusable changes nothing: half a file locks nobody out."""
        # One thread at a time: a slow one would put what it read before a change over what another read after it.
        if self._watched is None or time.monotonic() < self._look_at or not self._looking.acquire(blocking=False):
            return
        try:
            self._look_at = time.monotonic() + LOOK_EVERY_S
            self._read_if_changed(self._watched)
        finally:
            self._looking.release()

    def _read_if_changed(self, watched: Watched) -> None:
        seen = mark_of(watched.path)
        if seen == watched.seen:
            return
        self._watched = Watched(watched.path, seen)
        try:
            self._known = _known(read_keys(watched.path))
        except InvalidApiKeysError as error:
            self.stale = True
            happenings.api_keys_unusable(str(error))
        else:
            self.stale = False
            happenings.api_keys_read(len(self._known))


def _known(keys: Iterable[ApiKey]) -> dict[str, tuple[ApiKey, Caller]]:
    return {
        key.id: (key, Caller(key.id, key.name or key.id, parse_scopes(key.scopes), key.sha256))
        for key in by_id(keys).values()
    }
