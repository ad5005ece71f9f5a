"""Kill consumers again and again while they drain a topic, and count: nothing lost, nothing twice.

The suite kills at every step (`test_kill.py`); a long round is run by hand:

    .venv/bin/python tests/kills.py --database postgresql --kills 50 --records 20000
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from brokers import running_broker
from databases import throw_away_home
from fault_points import STEPS
from forked import Forked
from forked_group import PARTITIONS, ForkedGroup

BY_NEWCOMER, BY_SIGTERM = {"revoking", "revoked"}, {"closing", "left"}
"""Steps to which no record leads: a third consumer that joins, or the wish of an operator."""

AT_WORK = [step for step in STEPS if step not in {"joining", "placing"}]
"""Steps that a consumer passes again and again."""


@dataclass(frozen=True, slots=True)
class Kill:
    """At a step, or at any moment; of one of two consumers, or of the only one."""

    step: str | None = None
    alone: bool = False


def every_step() -> list[Kill]:
    """One of two consumers at each step, then the one that is left at the same step."""
    return [Kill(step, alone) for step in AT_WORK for alone in (False, True)]


def each_step_once(first: int) -> list[Kill]:
    """At every other step, from the `first`, one of two consumers, then at the others the one that is left."""
    return [*map(Kill, AT_WORK[first::2]), *(Kill(step, alone=True) for step in AT_WORK[1 - first :: 2])]


def half_at_steps(kills: int) -> list[Kill]:
    """One of two consumers, at any moment and at a step in turn."""
    steps = itertools.cycle(AT_WORK)
    return [Kill(next(steps) if number % 2 else None) for number in range(kills)]


@dataclass
class Killer:
    """Kills consumers of a group, which are replaced, and looks at what each has left."""

    group: ForkedGroup
    seed: int
    records: int
    """How many to produce for a kill."""
    kills: int = 0
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 # repeatable, not secret

    def kill(self, kill: Kill) -> None:
        """Kill one consumer so; whatever it was doing, nothing may be lost, recorded twice, or passed by an offset."""
        self._seat(1 if kill.alone else 2)
        victim = self._chance.choice(self.group.running)
        self._delay_letters()
        if kill.step is None:
            self.group.ready()
            self.group.feed(self.records)
            time.sleep(self._chance.uniform(0, 0.3))  # the moment of a kill is the one thing that shall be random
        else:
            self._bring(victim, kill.step, alone=kill.alone)
            victim.killed_at(kill.step)
        self._end(victim)
        self.group.accounts.check()

    def finish(self) -> dict[str, int]:
        """Let two consumers do what is left and leave; returns what was counted."""
        self._seat(2)
        self.group.settled(timeout_s=600)
        self.group.ready()
        self.group.leave(*self.group.running)
        accounts = self.group.accounts
        accounts.close()
        counted = {"recorded": len(accounts.stored), "dead": len(accounts.bad), "letters": len(accounts.letters)}
        return {"kills": self.kills, **counted}

    def _bring(self, victim: Forked, step: str, *, alone: bool) -> None:
        """Bring a consumer to a step."""
        if step in BY_NEWCOMER | BY_SIGTERM:
            self.group.ready()
            self.group.balanced()
        victim.strike(step)
        self.group.feed(self.records)
        if step in BY_SIGTERM or (step in BY_NEWCOMER and alone):  # who leaves gives up its partitions too
            victim.signal()
        elif step in BY_NEWCOMER:
            self.group.start()
        while not victim.is_struck(step):
            time.sleep(0.1)
            self.group.feed(10)  # the other one may have taken them all

    def _seat(self, count: int) -> None:
        """Let so many run."""
        while len(self.group.running) < count:
            self.group.start()
        if len(self.group.running) > count:
            self.group.ready()
        while len(self.group.running) > count:
            self._end(self._chance.choice(self.group.running))

    def _end(self, process: Forked) -> None:
        self.group.end(process)
        self.kills += 1

    def _delay_letters(self) -> None:
        """Letters that nobody waits for are then still under way when the process dies."""
        self.group.broker.delay_writes(self.group.broker.dead_letters, PARTITIONS)


def kill_all(group: ForkedGroup, plan: Sequence[Kill], *, records: int, seed: int) -> dict[str, int]:
    """Drain at least `records` while consumers are killed as planned; returns what was counted.

    Raises:
        AssertionError: A record was lost or recorded twice, or an offset had passed one that was not done.
    """
    killer = Killer(group, seed, records // (len(plan) + 1))
    for kill in plan:
        killer.kill(kill)
    group.feed(max(0, records - group.accounts.produced))
    return killer.finish()


def main() -> None:
    """Run one long round and print what was counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--broker", choices=["mock", "kafka"], default="mock")
    parser.add_argument("--protocol", choices=["classic", "consumer"], default="classic", help="on a real broker")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=100)
    arguments = parser.parse_args()
    began = time.monotonic()
    with (
        throw_away_home(arguments.database) as home,
        running_broker(arguments.broker, arguments.protocol) as broker,
        ForkedGroup(home, broker, batch=arguments.batch, bad_every=29) as group,
    ):
        counted = kill_all(group, half_at_steps(arguments.kills), records=arguments.records, seed=arguments.seed)
    sys.stdout.write(f"{arguments.database}: {counted} in {time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    main()
