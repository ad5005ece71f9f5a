"""API keys: who may report asset events over HTTP, by the header `X-API-Key`, or as OpenLineage's clients say it.

Works on any Starlette or ASGI application:

    Middleware(AssetReportingAuthMiddleware)                  # the keys of ASSET_BRIDGE_HTTP__API_KEYS_FILE
    Middleware(AssetReportingAuthMiddleware, api_keys=keys)   # keys already read
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path
from typing import TYPE_CHECKING

from asset_reporting.answers import one_error

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

API_KEYS_FILE_VARIABLE = "ASSET_BRIDGE_HTTP__API_KEYS_FILE"
"""Names the file of keys where the middleware is given none."""

MIN_KEY_LENGTH = 16
"""Characters: a key is a random secret, hashed fast, so it must be too long to be guessed."""

GUARDED_PREFIX = "/report_asset"

LINEAGE_PATH = "/api/v1/lineage"
"""Where OpenLineage's clients post unless told otherwise; they send their API key as a bearer token."""

_HEADER = b"x-api-key"
_BEARER_HEADER = b"authorization"


class InvalidApiKeysError(ValueError):
    """Raised when the keys cannot be read; names the file and the line, never a key."""


class ApiKeys:
    """The accepted keys, held as SHA-256 digests only."""

    def __init__(self, keys: Iterable[str]) -> None:
        """Take at least one key.

        Raises:
            InvalidApiKeysError: There is none, or one that no client could send or anybody could guess.
        """
        self._digests = tuple(_digest(_checked(key, f"key {number}")) for number, key in enumerate(keys, start=1))
        if not self._digests:
            raise InvalidApiKeysError("There is no API key: nobody could report anything.")

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> ApiKeys:
        """Read one key per line; blank lines and lines that begin with `#` are skipped.

        Raises:
            InvalidApiKeysError: The file cannot be read, has no key, or has one that is refused.
        """
        try:
            lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
        except OSError as error:
            raise InvalidApiKeysError(f"The API keys file {path} cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise InvalidApiKeysError(f"The API keys file {path} is not UTF-8 text.") from None
        numbered = ((number, line.strip()) for number, line in enumerate(lines, start=1))
        keys = [_checked(key, f"{path}, line {number}") for number, key in numbered if key and key[0] != "#"]
        if not keys:
            raise InvalidApiKeysError(f"The API keys file {path} has no key.")
        return cls(keys)

    def accepts(self, candidate: str) -> bool:
        """Compare with every digest, in constant time and without stopping early: time tells nothing about the keys."""
        digest = _digest(candidate)
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        return any(matches)


class AssetReportingAuthMiddleware:
    """Answers 401 to a report without a known key; every other path, and the body, is left alone."""

    def __init__(self, app: ASGIApp, api_keys: ApiKeys | None = None, *, path_prefix: str = "") -> None:
        """Guard `/report_asset…` and `/api/v1/lineage` of `app`.

        Args:
            app: What the accepted requests go on to.
            api_keys: Without them, those of the file that ASSET_BRIDGE_HTTP__API_KEYS_FILE names.
            path_prefix: Where `app` itself mounts the endpoints below a prefix, such as `/dagster`.

        Raises:
            InvalidApiKeysError: There are no keys to guard with.
        """
        self._app = app
        self._api_keys = _keys_of_environment() if api_keys is None else api_keys
        self._lineage = f"{path_prefix}{LINEAGE_PATH}".lower()
        self._guarded = (f"{path_prefix}{GUARDED_PREFIX}".lower(), self._lineage)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it; the body is not touched either way."""
        if scope["type"] != "http" or not _begins(scope, *self._guarded) or self._admits(scope):
            await self._app(scope, receive, send)
            return
        challenge = {"WWW-Authenticate": "X-API-Key, Bearer" if _begins(scope, self._lineage) else "X-API-Key"}
        answer = one_error("api_key.invalid", "Invalid API key", headers=challenge)
        await answer(scope, receive, send)

    def _admits(self, scope: Scope) -> bool:
        """Exactly one X-API-Key: with two, a proxy and this server might each look at another."""
        sent = _headers(scope, _HEADER)
        if not sent and _begins(scope, self._lineage):
            sent = [_bearer(value) for value in _headers(scope, _BEARER_HEADER)]
        return len(sent) == 1 and self._api_keys.accepts(sent[0])


def _begins(scope: Scope, *prefixes: str) -> bool:
    """Err on the guarded side: doubled slashes and other letter case reach no endpoint here, but might elsewhere.

    `scope["path"]` includes `root_path`, the prefix of an outer mount, except behind servers that strip it.
    """
    path: str = scope["path"]
    inner = path.removeprefix(scope.get("root_path", ""))
    return any(f"/{form.lstrip('/')}".lower().startswith(prefixes) for form in (path, inner))


def _headers(scope: Scope, wanted: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == wanted]


def _bearer(value: str) -> str:
    """The token, empty where the header speaks of something else (RFC 6750)."""
    scheme, _, token = value.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _keys_of_environment() -> ApiKeys:
    path = os.environ.get(API_KEYS_FILE_VARIABLE)
    if not path:
        raise InvalidApiKeysError(f"No API keys: give `api_keys`, or name a file of keys in {API_KEYS_FILE_VARIABLE}.")
    return ApiKeys.from_file(path)


def _checked(key: str, where: str) -> str:
    if len(key) < MIN_KEY_LENGTH:
        raise InvalidApiKeysError(f"{where}: an API key needs at least {MIN_KEY_LENGTH} characters.")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidApiKeysError(f"{where}: an API key is printable ASCII without spaces, to fit into a header.")
    return key


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
