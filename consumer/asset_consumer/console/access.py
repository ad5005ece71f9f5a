"""Who may look at the console, and who may act: the keys, and the sessions of those who have given one."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from asset_consumer.addresses import is_loopback
from asset_consumer.settings_error import SettingsError
from asset_reporting.auth import ApiKeys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from asset_consumer.settings import Settings

Scope: TypeAlias = Literal["viewer", "operator"]

SESSION_S = 8 * 3600
"""Seconds that a session lasts, used or not."""

MAX_SESSIONS = 1000
MAX_NAME = 60


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has given a key: what for, and how the audit log calls them. `csrf` goes into each form."""

    scope: Scope
    who: str
    expires_at: float
    csrf: str = field(default_factory=secrets.token_urlsafe)

    @property
    def may_act(self) -> bool:
        """Whether letters may be worked."""
        return self.scope == "operator"

    def has_token(self, token: str) -> bool:
        """Whether a form was made for this session."""
        return hmac.compare_digest(self.csrf.encode(), token.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Keys:
    """Which keys there are; `anonymous` lets anybody look."""

    operators: ApiKeys | None
    viewers: ApiKeys | None
    anonymous: bool

    def scope_of(self, key: str) -> Scope | None:
        """What a key is good for; both lists are looked through, whatever the first says."""
        operator = self.operators is not None and self.operators.accepts(key)
        viewer = self.viewers is not None and self.viewers.accepts(key)
        return "operator" if operator else "viewer" if viewer else None


def load_keys(settings: Settings) -> Keys:
    """Read the keys; beyond loopback nobody looks without one, unless the operator has said otherwise.

    Raises:
        SettingsError: A file cannot be used; or no key is asked for beyond loopback, and nobody said that is wanted.
    """
    console = settings.console
    operators = _read("operator_keys_file", console.operator_keys_file)
    viewers = _read("viewer_keys_file", console.viewer_keys_file)
    local = is_loopback(console.host)
    if not local and operators is None and viewers is None and not console.allow_anonymous:
        problem = (
            "ASSET_BRIDGE_CONSOLE__OPERATOR_KEYS_FILE (console.operator_keys_file): is needed beyond loopback, or "
            "viewer_keys_file; set ASSET_BRIDGE_CONSOLE__ALLOW_ANONYMOUS=true to let anybody read dead letters"
        )
        raise SettingsError([problem])
    return Keys(operators, viewers, viewers is None and (local or console.allow_anonymous))


def _read(name: str, path: Path | None) -> ApiKeys | None:
    if path is None:
        return None
    try:
        return ApiKeys.from_file(path)
    except ValueError as error:
        raise SettingsError([f"ASSET_BRIDGE_CONSOLE__{name.upper()} (console.{name}): {error}"]) from None


class Sessions:
    """The sessions of this process, by the digest of their token; thread-safe. A restart ends them all."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without any."""
        self._clock = clock
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, scope: Scope, key: str, name: str) -> tuple[str, Session]:
        """Let somebody in, and return the token of their cookie."""
        token = secrets.token_urlsafe(32)
        session = Session(scope, _who(key, name), self._clock() + SESSION_S)
        with self._lock:
            self._sessions[_digest(token)] = session
            while len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
        return token, session

    def find(self, token: str | None) -> Session | None:
        """The session of a cookie, if it has not ended."""
        if token is None:
            return None
        with self._lock:
            session = self._sessions.get(_digest(token))
            if session is not None and session.expires_at <= self._clock():
                del self._sessions[_digest(token)]
                return None
        return session

    def end(self, token: str | None) -> None:
        """Let nobody in by this cookie any more."""
        with self._lock:
            self._sessions.pop(_digest(token or ""), None)


def _who(key: str, name: str) -> str:
    """The name somebody gave, which nobody has checked, and the beginning of the key's digest, which is certain."""
    mark = f"key {hashlib.sha256(key.encode()).hexdigest()[:8]}"
    given = "".join(char for char in name.strip()[:MAX_NAME] if char.isprintable())
    return f"{given} ({mark})" if given else mark


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
