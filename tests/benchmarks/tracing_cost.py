"""What tracing costs: processor time per event of a Kafka drain, with tracing off, on, and on for one in twenty.

    .venv/bin/python tests/benchmarks/tracing_cost.py [--rounds 5] [--events 10000] [--before FOLDER]

FOLDER is a working tree of an older commit, to be measured too. Processor time and not the rate, as it says the same
on a machine that others use too; the rounds are interleaved, and the least of each counts.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))  # before the imports of what is there

from benchmarks.contenders import bridge_drain  # noqa: E402
from benchmarks.homes import sqlite  # noqa: E402
from otlp_server import collector  # noqa: E402

ON = {"ASSET_BRIDGE_TRACING__ENABLED": "true"}
TWENTIETH = ON | {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.05"}
SOURCES = ("schemas", "http", "consumer")


def main() -> None:
    """Measure in turn, and print what each costs beside tracing off."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--before", type=Path)
    arguments = parser.parse_args()
    runs: dict[str, dict[str, str]] = {"off": {}, "on": ON, "on, 5 %": TWENTIETH}
    if arguments.before is not None:
        older = os.pathsep.join(str(arguments.before.absolute() / name) for name in SOURCES)
        runs = {"before": {"PYTHONPATH": older}, **runs}
    cost_us: dict[str, list[float]] = {name: [] for name in runs}
    with sqlite() as database, collector() as taken:
        for _ in range(arguments.rounds):
            for name, environment in runs.items():
                settings = environment | {"OTEL_EXPORTER_OTLP_ENDPOINT": taken.endpoint}
                measured = bridge_drain(database.new_home(), arguments.events, settings)
                cost_us[name].append(measured.cpu_s / measured.events * 1e6)
                sys.stderr.write(f"{name}: {cost_us[name][-1]:.0f} µs per event\n")
    for name, costs in cost_us.items():
        sys.stdout.write(f"{name:8} {min(costs):4.0f} µs per event, {min(costs) / min(cost_us['off']):.2f} × off\n")


if __name__ == "__main__":
    main()
