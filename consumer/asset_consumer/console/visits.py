"""Who asks for a page, and what every page says of that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from asset_consumer.console.render import page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from asset_consumer.console.access import Session
    from asset_consumer.console.world import World

COOKIE = "asset_bridge_console"

LIVE_S = 2
"""How often a page that is looked at is renewed."""


class Visit:
    """One request: who makes it, and what they may."""

    def __init__(self, request: Request) -> None:
        """Find the session of the request's cookie."""
        self.request = request
        self.world = cast("World", request.app.state.world)
        session = self.world.sessions.find(request.cookies.get(COOKIE))
        self.session: Session | None = session if session and self.world.keys.still(session) else None

    @property
    def may_look(self) -> bool:
        """Whether pages may be shown: with any session, or where anybody may look."""
        return self.session is not None or self.world.keys.anonymous

    @property
    def may_act(self) -> bool:
        """Whether letters may be worked."""
        return self.session is not None and self.session.may_act

    @property
    def address(self) -> str:
        """Where the request came from, for the audit log."""
        return self.request.client.host if self.request.client else ""

    def page(self, template: str, here: str, status: int = 200, *, live: bool = False, **values: Any) -> Response:  # noqa: ANN401 # a template takes anything
        """Answer with a page; `here` is its name, `live` lets it renew itself."""
        keys = self.world.keys
        return page(
            template,
            status,
            here=here,
            live=LIVE_S if live else None,
            now=datetime.now(UTC),
            session=self.session,
            may_look=self.may_look,
            may_act=self.may_act,
            has_keys=keys.known is not None,
            **values,
        )

    def message(self, title: str, text: str, status: int, back: tuple[str, str] = ("./", "To the flow")) -> Response:
        """Answer with a sentence and a way back."""
        level = "bad" if status >= 400 else "good"  # noqa: PLR2004 # HTTP's border between the two
        return self.page(
            "message.html", "", status, title=title, text=text, level=level, back=back[0], back_text=back[1]
        )


def shown(endpoint: Callable[[Visit], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Let those see a page who may look; others are sent to sign in."""

    async def guarded(request: Request) -> Response:
        visit = Visit(request)
        return await endpoint(visit) if visit.may_look else RedirectResponse("sign-in", 303)

    return guarded


async def refused(request: Request, error: Exception) -> Response:
    """Answer what Starlette raises by itself, or a form that is none."""
    status, text = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "It failed.")
    titles = {404: "There is no such page", 405: "Not so"}
    return Visit(request).message(titles.get(status, "Refused"), text, status)
