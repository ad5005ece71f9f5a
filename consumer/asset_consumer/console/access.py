"""Who may look at the console, and who may act: the keys, and the sessions of those who have given one."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asset_consumer.addresses import is_loopback
from asset_consumer.settings_error import SettingsError
from asset_reporting.api_key_file import InvalidApiKeysError
from asset_reporting.api_keys import ApiKeys, Caller

if TYPE_CHECKING:
    from collections.abc import Callable

    from asset_consumer.settings import Settings
    from asset_reporting.scopes import Role

SESSION_S = 8 * 3600
"""Seconds that a session lasts, used or not."""

MAX_SESSIONS = 1000


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has given a key: what for, and how the audit log calls them. `csrf` goes into each form."""

    caller: Caller
    who: str
    role: Role
    expires_at: float
    csrf: str = field(default_factory=secrets.token_urlsafe)

    @property
    def may_act(self) -> bool:
        """Whether letters may be worked."""
        return self.role == "operator"

    def has_token(self, token: str) -> bool:
        """Whether a form was made for this session."""
        return hmac.compare_digest(self.csrf.encode(), token.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Keys:
    """Which keys there are, if any; `anonymous` lets anybody look."""

    known: ApiKeys | None
    anonymous: bool

    def identify(self, key: str) -> Caller | None:
        """Who has given this key, if it is good for anything here."""
        caller = None if self.known is None else self.known.identify(key)
        return caller if isinstance(caller, Caller) and role_of(caller) else None

    def still(self, session: Session) -> bool:
        """Whether the key of a session is as good as it was: one that was taken back ends its sessions."""
        caller = None if self.known is None else self.known.still(session.caller)
        return caller is not None and role_of(caller) == session.role


def role_of(caller: Caller) -> Role | None:
    """The most that a key is good for here."""
    roles = caller.scopes.roles
    return "operator" if "operator" in roles else "viewer" if "viewer" in roles else None


def load_keys(settings: Settings) -> Keys:
    """Read the keys; beyond loopback nobody looks without one, unless the operator has said otherwise.

    Raises:
        SettingsError: The file cannot be used; or no key is asked for beyond loopback, and nobody said that is wanted.
    """
    console = settings.console
    if console.keys_file is not None:
        try:
            return Keys(ApiKeys.from_file(console.keys_file), console.allow_anonymous)
        except InvalidApiKeysError as error:
            raise SettingsError([f"ASSET_BRIDGE_CONSOLE__KEYS_FILE (console.keys_file): {error}"]) from None
    if not is_loopback(console.host) and not console.allow_anonymous:
        problem = (
            "ASSET_BRIDGE_CONSOLE__KEYS_FILE (console.keys_file): is needed beyond loopback; "
            "set ASSET_BRIDGE_CONSOLE__ALLOW_ANONYMOUS=true to let anybody read dead letters"
        )
        raise SettingsError([problem])
    return Keys(None, anonymous=True)


class Sessions:
    """The sessions of this process, by the digest of their token; thread-safe. A restart ends them all."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without any."""
        self._clock = clock
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, caller: Caller) -> tuple[str, Session]:
        """Let somebody in who may look, and return the token of their cookie."""
        token = secrets.token_urlsafe(32)
        who = caller.name if caller.name == caller.key_id else f"{caller.name} ({caller.key_id})"
        session = Session(caller, who, role_of(caller) or "viewer", self._clock() + SESSION_S)
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


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
