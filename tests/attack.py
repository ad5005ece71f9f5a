"""A million hostile inputs to both decoders, and one question: does any of them do harm?

    .venv/bin/python tests/attack.py --inputs 1000000 --seed 7

Requests go through the whole application in this process, records through what the consumer decides by. The same seed
draws the same inputs. Nothing may raise, answer 5xx or something else than JSON, take seconds, be judged otherwise by
the other road, or bring a value out again: in a log line of any level, an answer, a dead letter's headers, a metric.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import json
import multiprocessing
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from attack_http import Request, Requests, Target, http_target
from attack_kafka import OPTIONS, Judge, Records, as_record
from attack_watch import Watch, all_logged
from dagster import DagsterInstance

REQUESTS_PERCENT = 40

SHARE = 20_000
"""Inputs that a process sends with one application."""

MOST_S_PER_INPUT = 0.05
"""Far more than any machine needs on average."""

SHOWN = 20

AGREED = 5
"""One request of so many is sent by the other road, too."""


@dataclass
class Attack:
    """How many inputs of which kind were sent, what they were told, and what went wrong."""

    watch: Watch = field(default_factory=Watch)
    requests: int = 0
    records: int = 0
    agreed: int = 0
    statuses: Counter[int] = field(default_factory=Counter[int])
    codes: Counter[str] = field(default_factory=Counter[str])

    def add(self, other: Attack) -> None:
        self.watch.findings += other.watch.findings
        self.watch.lines += other.watch.lines
        self.watch.slowest_s = max(self.watch.slowest_s, other.watch.slowest_s)
        self.requests += other.requests
        self.records += other.records
        self.agreed += other.agreed
        self.statuses += other.statuses
        self.codes += other.codes

    def text(self) -> str:
        return "\n".join([
            f"{self.requests} requests, answered {dict(sorted(self.statuses.items()))}",
            f"{self.records} records, judged {dict(self.codes.most_common())}",
            f"{self.agreed} bodies by both roads",
            f"{self.watch.lines} log lines, slowest input {self.watch.slowest_s:.2f} s",
            f"{len(self.watch.findings)} findings",
        ])  # fmt: skip


def attack(instance: DagsterInstance, inputs: int, seed: int, percent: int = REQUESTS_PERCENT) -> Attack:
    """Send so many inputs, of which so many are requests."""
    requests = inputs * percent // 100
    done = Attack()
    with all_logged(done.watch):
        asyncio.run(_requests(done, instance, requests, random.Random(seed)))  # noqa: S311 # to be drawn again
        _records(done, inputs - requests, random.Random(seed + 1))  # noqa: S311 # as well
    return done


async def _requests(done: Attack, instance: DagsterInstance, count: int, drawn: random.Random) -> None:
    requests, judge = Requests(drawn), Judge(done.watch)
    async with http_target(instance, done.watch) as target:
        for number in range(count):
            if number % AGREED:
                await target.send(requests.any())
            else:
                await _by_both_roads(target, judge, requests.plain())
                done.agreed += 1
            done.requests += 1
        target.exposed()
    done.statuses += target.statuses


async def _by_both_roads(target: Target, judge: Judge, request: Request) -> None:
    status, body = await target.send(request)
    item = judge.judge(as_record(request.target.decode(), request.body), OPTIONS[0])
    if not request.body or item is None:  # a post without a body is no mistake, a record without one is
        return
    by_kafka = None if item.reason is None else item.reason.code
    by_http = None if status < 300 else json.loads(body or b"{}").get("code")
    target.watch.check(by_http == by_kafka, f"HTTP says {by_http}, Kafka {by_kafka}", request)


def _records(done: Attack, count: int, drawn: random.Random) -> None:
    records, judge = Records(drawn), Judge(done.watch)
    for number in range(count):
        judge.judge(records.any(), OPTIONS[number % 4 == 0])
        done.records += 1
    done.codes += judge.codes


def _share(inputs: int, percent: int, seed: int) -> Attack:
    """What one process does; when one input takes for ever, it says where it is, and ends."""
    faulthandler.dump_traceback_later(inputs * MOST_S_PER_INPUT, exit=True)
    with DagsterInstance.local_temp() as instance:
        done = attack(instance, inputs, seed, percent)
    faulthandler.cancel_dump_traceback_later()
    return done


def main() -> None:
    """Attack in several processes and print what came of it; the exit code is 1 when anything was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--requests-percent", type=int, default=REQUESTS_PERCENT, help="the rest are records")
    parser.add_argument("--processes", type=int, default=2)
    wanted = parser.parse_args()
    began, whole = time.monotonic(), Attack()
    shares = -(-wanted.inputs // (wanted.processes * SHARE)) * wanted.processes
    with multiprocessing.get_context("spawn").Pool(wanted.processes) as pool:
        seeds = range(wanted.seed, wanted.seed + 2 * shares, 2)
        for done in pool.imap_unordered(partial(_share, wanted.inputs // shares, wanted.requests_percent), seeds):
            whole.add(done)
            sys.stdout.write(f"{whole.requests + whole.records} sent, {len(whole.watch.findings)} findings\n")
            sys.stdout.flush()
    sys.stdout.write(f"{whole.text()}\nin {time.monotonic() - began:.0f} s, seed {wanted.seed}\n")
    for what, sent in whole.watch.findings[:SHOWN]:
        sys.stdout.write(f"\n{what}\n    {sent[:2000]}\n")
    sys.exit(1 if whole.watch.findings else 0)


if __name__ == "__main__":
    main()
