"""What a soak does to the processes under test."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM

from kills import BY_NEWCOMER, BY_SIGTERM
from soak_world import Struck, World

COME_S = 5.0
"""How long a consumer may take to come to the step at which it shall freeze."""


@contextmanager
def killed(world: World, which: int) -> Generator[None]:
    victim = world.take(which)
    victim.signal(SIGKILL)
    world.bury(victim)
    yield
    world.start_consumer()


@contextmanager
def killed_at(world: World, which: int, step: str) -> Generator[Struck]:
    """Killed at a step; by force, and not struck, where it has not come there in time."""
    if step in {"joining", "placing"}:
        victim = world.start_consumer()
        world.at_large.remove(victim)
    else:
        victim = world.take(which)
    victim.strike(step)
    if step in BY_NEWCOMER:
        world.start_consumer()
    elif step in BY_SIGTERM:
        victim.signal(SIGTERM)
    yield lambda: victim.was_struck(step)
    world.bury(victim)
    if step not in BY_NEWCOMER | {"joining", "placing"}:
        world.start_consumer()


@contextmanager
def frozen(world: World, which: int) -> Generator[None]:
    victim = world.take(which)
    victim.signal(SIGSTOP)
    world.expel(victim.member)
    yield
    victim.signal(SIGCONT)
    world.at_large.append(victim)


@contextmanager
def frozen_at(world: World, which: int, step: str) -> Generator[Struck]:
    """Frozen in the midst of its work, and woken when others have done it."""
    victim = world.take(which)
    victim.strike(step, how=SIGSTOP)
    deadline = time.monotonic() + COME_S
    while not (struck := victim.is_struck(step) and victim.is_stopped) and time.monotonic() < deadline:
        time.sleep(0.02)
    victim.signal(SIGSTOP)  # where another fault keeps it from coming there
    victim.spare()
    world.expel(victim.member)
    yield lambda: struck
    victim.signal(SIGCONT)
    world.at_large.append(victim)


@contextmanager
def joined(world: World) -> Generator[None]:
    """One more, which is then asked to leave."""
    newcomer = world.start_consumer()
    newcomer.ready()
    yield
    world.at_large.remove(newcomer)
    newcomer.signal(SIGTERM)
    world.gone(newcomer)


@contextmanager
def left(world: World, which: int) -> Generator[None]:
    victim = world.take(which)
    victim.signal(SIGTERM)
    yield
    world.gone(victim)
    world.start_consumer()


@contextmanager
def http_killed(world: World) -> Generator[None]:
    killed, world.http = world.http, None
    assert killed is not None
    killed.__exit__()
    yield
    world.start_http()
