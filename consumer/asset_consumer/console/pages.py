"""The pages that only show: the flow now, and the last recorded events."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING

from asset_consumer.console.events import dagster_link
from asset_consumer.console.world import FRESH_S
from asset_reporting.pauses import LONGEST_REASON

if TYPE_CHECKING:
    from starlette.responses import Response

    from asset_consumer.console.events import RecordedEvent
    from asset_consumer.console.visits import Visit

NEWEST = 8
"""How many events the page of the flow shows."""


async def flow_page(visit: Visit) -> Response:
    """What moves, what waits and why."""
    world = visit.world
    await asyncio.to_thread(world.freshen)
    events = world.events.look().value or []
    letters = world.letters.look()
    return visit.page(
        "flow.html",
        "Flow",
        live=True,
        flow=world.flow(),
        curve=world.pace.curve(),
        group=world.settings.kafka.group_id,
        topics=[topic.name for topic in world.settings.kafka.topics],
        longest_reason=LONGEST_REASON,
        letters_open=letters.value.open if letters.value is not None else None,
        newest=_linked(visit, events[:NEWEST]),
        facts=SimpleNamespace(
            group=world.group.look(),
            ledger=world.ledger.look(),
            consumers=world.consumers.look(),
            events=world.events.look(),
            letters=letters,
        ),
    )


async def events_page(visit: Visit) -> Response:
    """The newest events with links into Dagster's UI."""
    source = visit.world.events
    await asyncio.to_thread(source.freshen, FRESH_S)
    fact = source.look()
    return visit.page("events.html", "Events", live=True, fact=fact, events=_linked(visit, fact.value or []))


def _linked(visit: Visit, events: list[RecordedEvent]) -> list[tuple[RecordedEvent, str | None]]:
    base = visit.world.settings.console.dagster_url
    return [(event, dagster_link(base, event)) for event in events]
