"""Pausing and resuming a topic, as `asset-bridge pause` and `resume` do it: by operators, in their name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from asset_consumer.console import audit
from asset_consumer.console.sources import is_outage, trouble_of
from asset_reporting.pause_store import PauseStore
from asset_reporting.pauses import LONGEST_NAME, PauseError
from asset_reporting.storage_threads import StorageThreadsError

if TYPE_CHECKING:
    from starlette.responses import Response

    from asset_consumer.console.forms import Form
    from asset_consumer.console.visits import Visit
    from asset_consumer.console.world import World

BACK = ("./", "Back")


async def pause(visit: Visit, form: Form) -> Response:
    """Pause or resume one topic, whichever button it was; consumers see it within seconds."""
    session, topic = visit.session, form.one("topic")
    wanted = form.one("do")
    known = {one.name for one in visit.world.settings.kafka.topics}
    if session is None or topic not in known or wanted not in {"pause", "resume"}:
        raise HTTPException(400, "This form names no topic of ours.")
    try:
        await visit.world.work_threads.run(_do, visit.world, wanted, topic, form.one("reason"), session.who)
    except PauseError as error:
        return visit.message("Not possible", f"{error}.", 400, BACK)
    except StorageThreadsError:
        return visit.message("Not possible now", "The database did not answer in time; reload to see.", 503, BACK)
    except Exception as error:
        if not is_outage(error):
            raise
        return visit.message("Not possible now", f"{trouble_of(error)}.", 503, BACK)
    audit.paused(session.who, wanted, topic)
    return RedirectResponse("./", 303)


def _do(world: World, wanted: str, topic: str, reason: str, who: str) -> None:
    store, group = PauseStore(world.storage.instance()), world.settings.kafka.group_id
    if wanted == "pause":
        store.pause(group, [topic], reason=reason, by=who[:LONGEST_NAME])
    else:
        store.resume(group, [topic])
