"""Who may report over HTTP: a key in the header `X-API-Key` or `Authorization: Bearer`, within its scopes and its rate.

Works on any Starlette or ASGI application:

    Middleware(AssetReportingAuthMiddleware)                  # the keys of ASSET_BRIDGE_HTTP__API_KEYS_FILE
    Middleware(AssetReportingAuthMiddleware, api_keys=keys)   # keys already read

Which asset an event is of stands in its body, so the handlers of ours compare it with the scopes. Behind handlers of
others, such as dagster-webserver's own, only keys are let in that may report every asset.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from asset_reporting import happenings
from asset_reporting.answers import one_error
from asset_reporting.api_key_file import InvalidApiKeysError
from asset_reporting.api_keys import ApiKeys, Caller, RefusedKey
from asset_reporting.scopes import FORBIDDEN, KINDS

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from asset_events import EventType
    from asset_reporting.rate_limit import RateLimit

API_KEYS_FILE_VARIABLE = "ASSET_BRIDGE_HTTP__API_KEYS_FILE"
"""Names the file of keys where the middleware is given none."""

GUARDED_PREFIX = "/report_asset"

LINEAGE_PATH = "/api/v1/lineage"
"""Where OpenLineage's clients post unless told otherwise; they send their API key as a bearer token."""

CALLER: Final = "asset_bridge.caller"
"""Where the ASGI scope of an admitted request says whose it is."""

KEYS: Final = "asset_bridge.keys"
"""Where it has the keys, by which that one counted when the request began; it may take long to send."""

SCOPES_ARE_CHECKED: Final = "asset_bridge_checks_scopes"
"""What an application's `state` says where its handlers compare each event with the scopes of its sender."""

_CHALLENGE: Final = {"WWW-Authenticate": "X-API-Key, Bearer"}


class AssetReportingAuthMiddleware:
    """Answers 401 to a report without a known key; every other path, and the body, is left alone."""

    def __init__(
        self,
        app: ASGIApp,
        api_keys: ApiKeys | None = None,
        *,
        path_prefix: str = "",
        rate_limit: RateLimit | None = None,
        scopes_checked: bool = False,
    ) -> None:
        """Guard `/report_asset…` and `/api/v1/lineage` of `app`.

        Args:
            app: What the accepted requests go on to.
            api_keys: Without them, those of the file that ASSET_BRIDGE_HTTP__API_KEYS_FILE names.
            path_prefix: Where `app` itself mounts the endpoints below a prefix, such as `/dagster`.
            rate_limit: How many requests of each key are let in.
            scopes_checked: Whether the handlers are ours, in an application that does not say so itself.

        Raises:
            InvalidApiKeysError: There are no keys to guard with.
        """
        self._app = app
        self._api_keys = _keys_of_environment() if api_keys is None else api_keys
        self._rate_limit = rate_limit
        self._scopes_checked = scopes_checked
        self._prefix = path_prefix.lower()
        self._guarded = (f"{self._prefix}{GUARDED_PREFIX}", f"{self._prefix}{LINEAGE_PATH}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it; the body is not touched either way."""
        if scope["type"] != "http" or not self._guards(scope):
            await self._app(scope, receive, send)
            return
        caller = self._caller(scope)
        if not isinstance(caller, Caller):
            happenings.api_key_refused(caller)
            await one_error("api_key.invalid", "Invalid API key", headers=_CHALLENGE)(scope, receive, send)
        elif (refusal := self._refusal(scope, caller)) is not None:
            await refusal(scope, receive, send)
        else:
            await self._app({**scope, CALLER: caller, KEYS: self._api_keys}, receive, send)

    def _guards(self, scope: Scope) -> bool:
        """By what a path begins with; what is sent to one, also by what stands in it, below a prefix nobody told of.

        A page that is only looked at may have such a name in its path: that of an asset in Dagster's UI.
        """
        paths, looks = _paths(scope), scope["method"] in {"GET", "HEAD"}
        below = () if looks else (GUARDED_PREFIX, LINEAGE_PATH)
        return any(path.startswith(self._guarded) or any(part in path for part in below) for path in paths)

    def _caller(self, scope: Scope) -> Caller | RefusedKey:
        """Exactly one key, by either header: with two, a proxy and this server might each look at another."""
        tokens = [_bearer(value) for value in _headers(scope, b"authorization")]
        sent = [*_headers(scope, b"x-api-key"), *(token for token in tokens if token)]  # a proxy's login is no key
        return self._api_keys.identify(sent[0]) if len(sent) == 1 else "malformed" if sent else "missing"

    def _refusal(self, scope: Scope, caller: Caller) -> Response | None:
        if self._rate_limit is not None and (wait_s := self._rate_limit.take(caller.key_id)) > 0:
            happenings.rate_limited(caller.key_id)
            message = "This API key makes too many requests; nothing of this one was recorded."
            return one_error("rate.limited", message, headers={"Retry-After": str(wait_s)})
        if self._are_checked_later(scope) or caller.scopes.allow_every_asset(self._event_types(scope)):
            return None
        return one_error(FORBIDDEN.code, "Behind this endpoint a key needs a scope for every asset.", FORBIDDEN.path)

    def _are_checked_later(self, scope: Scope) -> bool:
        app = scope.get("app", self._app)
        return self._scopes_checked or bool(getattr(getattr(app, "state", None), SCOPES_ARE_CHECKED, False))

    def _event_types(self, scope: Scope) -> Collection[EventType]:
        """What may be reported by this path: every kind, unless it is plain that it is one."""
        for event_type in KINDS.values():
            path = f"{self._prefix}/report_{event_type}"
            if all(form == path or form.startswith(f"{path}/") for form in _paths(scope)):
                return [event_type]
        return KINDS.values()


def _paths(scope: Scope) -> list[str]:
    """Err on the guarded side: doubled slashes and other letter case reach no endpoint here, but might elsewhere.

    `scope["path"]` includes `root_path`, the prefix of an outer mount, except behind servers that strip it.
    """
    path: str = scope["path"]
    inner = path.removeprefix(scope.get("root_path", ""))
    return [f"/{form.lstrip('/')}".lower() for form in dict.fromkeys((path, inner))]


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
