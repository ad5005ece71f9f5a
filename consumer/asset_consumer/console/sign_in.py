"""Signing in with a key, by a form that posts it, and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse

from asset_consumer.console import audit
from asset_consumer.console.access import SESSION_S
from asset_consumer.console.forms import read_form
from asset_consumer.console.visits import COOKIE, Visit

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

MAX_FORM_BYTES = 8192

_TITLE = "Sign in"


async def sign_in_page(request: Request) -> Response:
    """Ask for a key; who has signed in already goes on."""
    visit = Visit(request)
    return RedirectResponse("./", 303) if visit.session else visit.page("sign_in.html", _TITLE, problem="")


async def sign_in(request: Request) -> Response:
    """Take a key, and give a cookie for it."""
    visit = Visit(request)
    form = await read_form(request, MAX_FORM_BYTES)
    key = form.one("key").strip()
    caller = visit.world.keys.identify(key)
    if caller is None:
        audit.sign_in_refused(visit.address)
        return visit.page("sign_in.html", _TITLE, 401, problem="This key is not known here.")
    visit.world.sessions.end(request.cookies.get(COOKIE))
    token, session = visit.world.sessions.begin(caller)
    audit.signed_in(session.who, session.role, visit.address)
    answer = RedirectResponse("./", 303)
    answer.set_cookie(COOKIE, token, max_age=SESSION_S, httponly=True, samesite="strict", secure=_is_secure(request))
    return answer


async def sign_out(request: Request) -> Response:
    """End the session."""
    visit = Visit(request)
    form = await read_form(request, MAX_FORM_BYTES)
    if visit.session is None or not visit.session.has_token(form.one("csrf")):
        return visit.message("Not signed out", "This form is not of your session.", 403)
    visit.world.sessions.end(request.cookies.get(COOKIE))
    audit.signed_out(visit.session.who)
    answer = RedirectResponse("./", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def _is_secure(request: Request) -> bool:
    """Whether the browser came by TLS, as far as a proxy before us says it: a lie would harm its teller alone."""
    forwarded = request.headers.get("x-forwarded-proto", "").partition(",")[0]  # the first of several proxies
    return "https" in {request.url.scheme, forwarded.strip().lower()}
