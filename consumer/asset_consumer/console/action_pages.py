"""Replaying and parking: first what would happen, then, after a yes, what did. Each form is of its session alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast, get_args

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from asset_consumer.console import audit
from asset_consumer.console.forms import read_form
from asset_consumer.console.letter_order import Action, Order, WorkError, check
from asset_consumer.console.letter_pages import place_of
from asset_consumer.console.letter_work import foresee
from asset_consumer.console.orders import Preview, Run, begin
from asset_consumer.console.payload import payload
from asset_consumer.console.sources import is_outage, trouble_of
from asset_consumer.console.visits import Visit
from asset_reporting.storage_threads import StorageThreadsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from asset_consumer.console.forms import Form
    from asset_consumer.console.letter_work import Foresight
    from asset_consumer.console.world import World

FORM_MARGIN = 64 * 1024


def acting(endpoint: Callable[[Visit, Form], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Let only operators in, and only by a form that was made for their session."""

    async def guarded(request: Request) -> Response:
        visit = Visit(request)
        if not visit.may_act or visit.session is None:
            who = visit.session.who if visit.session else "anonymous"
            audit.refused(who, request.url.path, "no operator's key")
            return visit.message("Not allowed", "This needs an operator\N{RIGHT SINGLE QUOTATION MARK}s key.", 403)
        # As many bytes as an event may have, each of them escaped.
        form = await read_form(request, 3 * visit.world.settings.max_event_bytes + FORM_MARGIN)
        now = Visit(request)  # a form may take long to arrive, and the key be taken back meanwhile
        if now.session is not visit.session:
            audit.refused(visit.session.who, request.url.path, "the session ended while the form was sent")
            return now.message("Not allowed", "Your session has ended: sign in again.", 403)
        if not visit.session.has_token(form.one("csrf")):
            audit.refused(visit.session.who, request.url.path, "the form's token is not the session's")
            return visit.message("Not allowed", "This form is not of your session: go back and reload the page.", 403)
        return await endpoint(visit, form)

    return guarded


async def preview(visit: Visit, form: Form) -> Response:
    """Find out what an order would do, and keep it for a yes."""
    session = visit.session
    if session is None:
        raise HTTPException(403)
    order, title, back = _order(visit.world, form, session.who)
    try:
        foresight = await visit.world.work_threads.run(_foresee, visit.world, order)
    except WorkError as error:
        return visit.message("Not possible", str(error), 400, (back, "Back"))
    except StorageThreadsError:
        return visit.message("Not possible now", "Nobody could say in time what would happen.", 503, (back, "Back"))
    except Exception as error:
        if not is_outage(error):
            raise
        return visit.message("Not possible now", f"{trouble_of(error)}.", 503, (back, "Back"))
    name = visit.world.previews.put(Preview(session, order, foresight, title, back))
    return RedirectResponse(f"preview?id={name}", 303)


async def preview_page(visit: Visit) -> Response:
    """Show what an order would do, with a button that says so."""
    found = visit.world.previews.get(visit.request.query_params.get("id", ""))
    if found is None or found.session is not visit.session:
        return visit.message("Gone", "This preview is no longer kept, or was carried out.", 404, ("letters", "Letters"))
    foresight = found.foresight
    corrected = foresight.corrected
    is_marked = bool(foresight.errors) and corrected is not None
    return visit.page(
        "preview.html",
        "Dead letters",
        preview=found,
        foresight=foresight,
        order=found.order,
        marked=await asyncio.to_thread(payload, corrected, foresight.errors) if is_marked else None,
        name=visit.request.query_params["id"],
    )


async def apply(visit: Visit, form: Form) -> Response:
    """Carry out what was previewed, once."""
    session = visit.session
    found = visit.world.previews.get(form.one("id"))
    if session is None or found is None or found.session is not session:
        return visit.message("Gone", "This preview is no longer kept, or was carried out.", 404, ("letters", "Letters"))
    if visit.world.previews.take(form.one("id")) is None:
        return visit.message("Gone", "This was carried out already.", 404, ("letters", "Letters"))
    run = Run(session, found.order, found.title, found.back)
    name = visit.world.runs.put(run)
    begin(visit.world, run)
    return RedirectResponse(f"result?id={name}", 303)


async def result_page(visit: Visit) -> Response:
    """What became of each letter, as far as it has come."""
    run = visit.world.runs.get(visit.request.query_params.get("id", ""))
    if run is None or run.session is not visit.session:
        return visit.message(
            "Gone", "This result is no longer kept; the audit log has it.", 404, ("letters", "Letters")
        )
    outcomes = list(run.outcomes)
    return visit.page("result.html", "Dead letters", live=not run.ended, run=run, outcomes=outcomes)


def _foresee(world: World, order: Order) -> Foresight:
    check(order)
    return foresee(world.settings, order, world.storage.instance())


def _order(world: World, form: Form, who: str) -> tuple[Order, str, str]:
    """The order of a form, what to call it, and where to go back to."""
    action, topic, code = form.one("action"), form.one("topic"), form.one("code")
    if action not in get_args(Action):
        raise HTTPException(400, "This is nothing that can be done.")
    at = form.all("at")
    if at:
        places = tuple(place_of(world, one) for one in at)
        title, back = (at[0] if len(at) == 1 else f"{len(at)} letters"), f"letter?at={at[0]}"
    else:
        book = world.letters.peek()
        lines = [line for line in book.of(topic, code) if line.open] if book is not None and topic and code else []
        places = tuple(line.place for line in lines)
        title, back = f"all open letters of {code} in {topic}", "letters"
    if not places:
        raise HTTPException(400, "There is no open letter of this kind.")
    edit = form.one("value") if form.one("how") == "edit" and len(places) == 1 else None
    patch = form.one("patch") if form.one("how") == "patch" else None
    return Order(cast("Action", action), places, who, edit, patch), title, back
