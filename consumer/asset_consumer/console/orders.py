"""Orders that wait for a yes, and those that are carried out: kept in this process, each for who gave it."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from asset_consumer.console import audit
from asset_consumer.console.letter_work import Order, WorkError, carry_out
from asset_consumer.console.sources import trouble_of

if TYPE_CHECKING:
    from asset_consumer.console.access import Session
    from asset_consumer.console.letter_work import Foresight
    from asset_consumer.console.world import World
    from asset_consumer.replay import Outcome

T = TypeVar("T")

KEPT = 100
"""How many orders are kept of each kind: the oldest make room."""


class Shelf(Generic[T]):
    """Keeps things under names that nobody can guess; thread-safe."""

    def __init__(self) -> None:
        """Begin empty."""
        self._things: OrderedDict[str, T] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, thing: T) -> str:
        """Keep something, and return its name."""
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._things[name] = thing
            while len(self._things) > KEPT:
                self._things.popitem(last=False)
        return name

    def get(self, name: str) -> T | None:
        """What is kept under this name."""
        with self._lock:
            return self._things.get(name)

    def take(self, name: str) -> T | None:
        """The same, and keep it no longer: of two who come at once one gets it."""
        with self._lock:
            return self._things.pop(name, None)


@dataclass(frozen=True, slots=True)
class Preview:
    """An order and what it would do, for the session that gave it."""

    session: Session
    order: Order
    foresight: Foresight
    title: str
    back: str


@dataclass(slots=True)
class Run:
    """An order that is carried out; `ended` is empty as long as it runs."""

    session: Session
    order: Order
    title: str
    back: str
    began: float = field(default_factory=time.monotonic)
    outcomes: list[Outcome] = field(default_factory=list["Outcome"])
    ended: str = ""
    problem: str = ""

    @property
    def name(self) -> str:
        """What is done, in a word for the audit log."""
        return f"fix and {self.order.action}" if self.order.fixes else self.order.action


def begin(world: World, run: Run) -> None:
    """Carry an order out in a thread of its own: it goes on when whoever gave it has left the page."""
    thread = threading.Thread(target=_carry_out, args=(world, run), name="console-run", daemon=True)
    world.working.add(thread)
    thread.start()


def _carry_out(world: World, run: Run) -> None:
    places = ["/".join(map(str, place)) for place in run.order.places]
    audit.begun(run.session.who, run.name, places)
    try:
        stopped = carry_out(world.settings, run.order, world.storage.instance(), world.stop, run.outcomes.append)
        run.problem = "" if stopped is None else f"It ended early: {stopped}."
    except WorkError as error:
        run.problem = str(error)
    except Exception as error:  # noqa: BLE001 # whatever it is, the page and the audit log say how it ended
        run.problem = f"It ended early: {trouble_of(error)}."
    finally:
        audit.acted(
            run.session.who, run.name, {one.letter.place: one.result for one in list(run.outcomes)}, run.problem
        )
        run.ended = "done" if not run.problem else "stopped"
        world.letters.again()
        world.working.discard(threading.current_thread())
