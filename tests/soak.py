"""Random load and random faults for some minutes, and one question all along: is everything kept as promised?

    .venv/bin/python tests/soak.py --minutes 30 --seed 7 --database sqlite|postgresql
        --broker mock|kafka --protocol classic|consumer

The same seed gives the same faults in the same order; the minutes do not count the waits for recovery. `--plan` prints
the faults and does nothing. What the load sends is drawn from the seed too, while what meets what is up to the machine.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from soak_database import soak_database
from soak_load import Load
from soak_plan import Planned, draw_plan
from soak_report import Report
from soak_run import Run
from soak_world import open_world

from asset_consumer.librdkafka import GroupProtocol


@dataclass(frozen=True, slots=True)
class Soak:
    """One soak, as its command line says it."""

    minutes: float
    seed: int
    database: str = "sqlite"
    broker: str = "mock"
    protocol: GroupProtocol = "classic"
    records_per_s: float = 50
    posts_per_s: float = 10

    @property
    def command(self) -> str:
        named = {"minutes": f"{self.minutes:g}", "seed": self.seed, "database": self.database, "broker": self.broker}
        named |= {
            "protocol": self.protocol,
            "records-per-s": f"{self.records_per_s:g}",
            "posts-per-s": f"{self.posts_per_s:g}",
        }
        return " ".join([".venv/bin/python tests/soak.py", *(f"--{name} {value}" for name, value in named.items())])

    def plan(self) -> list[Planned]:
        return draw_plan(self.seed, self.minutes * 60, self.broker, self.database)


def soak(wanted: Soak, say: Callable[[str], None]) -> Report:
    """Run it, tell each fault as it is over, and return what was seen; a breach is in the report too."""
    report = Report()
    with soak_database(wanted.database) as database, open_world(wanted.broker, wanted.protocol, database) as world:
        load = Load(world, wanted.seed, wanted.records_per_s, wanted.posts_per_s)
        run = Run(world, load, report, say)
        try:
            run.go(wanted.plan())
            run.end()
        except Exception as error:  # an end of any kind is a finding
            report.failed(error, kept_logs(database.home))
        finally:
            load.stop()
            report.count(load.accounts)
    return report


def kept_logs(home: Path) -> Path:
    """Keep what the processes have written, which else is gone with the database."""
    return Path(shutil.copytree(home / "processes", Path(tempfile.mkdtemp(prefix="asset-bridge-soak-")) / "processes"))


def main() -> None:
    """Run one soak and print its report; the exit code is 1 when anything was not as promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--broker", choices=["mock", "kafka"], default="mock")
    parser.add_argument("--protocol", choices=["classic", "consumer"], default="classic", help="on a real broker")
    parser.add_argument("--records-per-s", type=float, default=50)
    parser.add_argument("--posts-per-s", type=float, default=10)
    parser.add_argument("--plan", action="store_true", help="print the faults and end")
    arguments = vars(parser.parse_args())
    plan_only = arguments.pop("plan")
    wanted = Soak(**arguments)
    for planned in wanted.plan():
        _say(str(planned))
    if plan_only:
        return
    try:
        report = soak(wanted, _say)
    except pytest.skip.Exception as missing:
        sys.exit(missing.msg)
    _say(report.text(wanted.command))
    sys.exit(1 if report.failure else 0)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
