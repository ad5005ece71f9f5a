"""The console's application: which page is where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import FileResponse
from starlette.routing import BaseRoute, Route

from asset_consumer.addresses import is_loopback
from asset_consumer.console.action_pages import acting, apply, preview, preview_page, result_page
from asset_consumer.console.guard import Guard
from asset_consumer.console.letter_pages import letter_page, letters_page, value_file
from asset_consumer.console.pages import events_page, flow_page
from asset_consumer.console.pause_pages import pause
from asset_consumer.console.sign_in import sign_in, sign_in_page, sign_out
from asset_consumer.console.visits import refused, shown

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from asset_consumer.console.world import World

STATIC = Path(__file__).parent / "static"

MEDIA_TYPES = {"console.css": "text/css", "console.js": "text/javascript", "icon.svg": "image/svg+xml"}
"""Every file that is served as it is; all pages lie on one level, so that they work below any prefix of a proxy."""


def create_console(world: World) -> Starlette:
    """Build the application; `world` is started by whoever runs it."""
    routes: list[BaseRoute] = [
        Route("/", shown(flow_page)),
        Route("/events", shown(events_page)),
        Route("/letters", shown(letters_page)),
        Route("/letter", shown(letter_page)),
        Route("/value", shown(value_file)),
        Route("/preview", shown(preview_page)),
        Route("/preview", acting(preview), methods=["POST"]),
        Route("/apply", acting(apply), methods=["POST"]),
        Route("/result", shown(result_page)),
        Route("/pause", acting(pause), methods=["POST"]),
        Route("/sign-in", sign_in_page),
        Route("/sign-in", sign_in, methods=["POST"]),
        Route("/sign-out", sign_out, methods=["POST"]),
        Route("/static/{file}", _static),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, local=is_loopback(world.settings.console.host))],
        exception_handlers={HTTPException: refused},
    )
    app.router.redirect_slashes = False
    app.state.world = world
    return app


async def _static(request: Request) -> Response:
    name: str = request.path_params["file"]
    if name not in MEDIA_TYPES:
        raise HTTPException(404, "Nothing is here.")
    return FileResponse(STATIC / name, media_type=MEDIA_TYPES[name], headers={"Cache-Control": "no-cache"})
