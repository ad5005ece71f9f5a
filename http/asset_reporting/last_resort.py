"""The outermost layer: whatever nothing inside has caught still ends in a JSON answer and one line of log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from asset_reporting import happenings
from asset_reporting.answers import internal_answer, unavailable_answer
from asset_reporting.storage_errors import describe

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class LastResort:
    """Answers what nothing inside has caught.

    Starlette would answer an exception too, and then raise it again into the server, whose traceback in the log shows
    messages with the values of events. A server that stops cancels what still runs; it would log each as an error.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and answer 500 to an exception and 503 to a cancellation, unless an answer has begun."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def noting_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        except asyncio.CancelledError:
            if started:
                raise
            answer = unavailable_answer("The server is stopping; an event in this request may still be recorded.")
        except Exception as error:  # noqa: BLE001 # see above
            happenings.request_failed(describe(error))
            answer = internal_answer()
        else:
            return
        if not started:
            await answer(scope, receive, send)
